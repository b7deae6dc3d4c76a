/** A piece of a text that a model sees at once: inputs from `start` on, and the token after each as its target. */
export interface SequenceRange {
  readonly start: number;
  /** Inputs. The target of the last one is right behind it. */
  readonly length: number;
}

/**
 * A sequence for each document, from its start; the end of text is its last target. A document of more than `longest`
 * inputs goes on in further sequences; what has no end of text is passed over.
 */
export function documentSequences(tokens: Uint16Array, endOfText: number, longest: number): SequenceRange[] {
  const sequences: SequenceRange[] = [];
  let start = 0;
  for (let end = tokens.indexOf(endOfText); end >= 0; end = tokens.indexOf(endOfText, start)) {
    for (; start < end; start += longest) sequences.push({ start, length: Math.min(longest, end - start) });
    start = end + 1;
  }
  return sequences;
}

/** Sequences of documents, as above, of at most about so many tokens in all, spread evenly over the text. */
export function spreadSequences(
  tokens: Uint16Array,
  endOfText: number,
  longest: number,
  maxTokens: number,
): SequenceRange[] {
  return spread(documentSequences(tokens, endOfText, longest), maxTokens);
}

/** Windows of the same length, whatever documents they cut, of at most so many tokens, spread evenly over the text. */
export function spreadWindows(tokens: number, length: number, maxTokens: number): SequenceRange[] {
  const count = Math.floor(tokens / length);
  return spread(
    Array.from({ length: count }, (_, i) => ({ start: i * length, length })),
    maxTokens,
  );
}

function spread(all: readonly SequenceRange[], maxTokens: number): SequenceRange[] {
  const available = all.reduce((sum, { length }) => sum + length, 0);
  const used = Math.min(all.length, Math.max(1, Math.floor(all.length * Math.min(1, maxTokens / available))));
  return Array.from({ length: used }, (_, i) => all[Math.floor((i * all.length) / used)]);
}

import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { Pair, PairOptions, Split, Task, TemplateSet } from "./task.js";

export interface BatchOptions extends PairOptions {
  /** Pairs that are wanted. A task of a file may have fewer. */
  readonly count: number;
  /** Longest prompt, in tokens. */
  readonly maxTokens: number;
  /** Token ids that the model knows; default: the tokenizer's. */
  readonly vocabularySize?: number;
  /** Leave out pairs whose prompts differ in their number of tokens (false unless given). */
  readonly alignedOnly?: boolean;
}

/** Pairs of a task as tokens. Prompts 2p and 2p + 1 are the two sides of pair p. */
export interface TaskBatch {
  readonly task: string;
  readonly split: Split;
  readonly templates: TemplateSet;
  /** N, the number of pairs. */
  readonly count: number;
  readonly pairs: readonly Pair[];
  /** Columns of `tokens`: the length of the longest prompt. */
  readonly width: number;
  /** `[2N, width]`, zeros behind the end of a prompt. */
  readonly tokens: Int32Array;
  /** `[2N]`: the tokens of each prompt. The answer is read at its last position. */
  readonly lengths: Int32Array;
  /** `[2N, 2]`: for each prompt the right token, then the wrong one. */
  readonly candidates: Int32Array;
  /** `[N]`: 1 where both prompts of a pair have equally many tokens. */
  readonly aligned: Uint8Array;
  /** Whether both prompts of every pair end in the same token. */
  readonly endsAlike: boolean;
  /** Pairs that were passed over, by reason. */
  readonly refused: ReadonlyMap<string, number>;
}

/** A task that this tokenizer cannot express. */
export interface TaskUnavailable {
  readonly task: string;
  readonly unavailable: string;
}

/** How many pairs are tried for each that is wanted. */
const PATIENCE = 20;

/**
 * The first pairs of a task that a tokenizer can express. Candidates are the first tokens in which the two answers
 * differ; what they have in common before is appended to the prompts.
 */
export function prepareTask(
  task: Task,
  tokenizer: Tokenizer,
  options: BatchOptions,
): TaskBatch | TaskUnavailable {
  const { split, templates = "standard", count, alignedOnly = false } = options;
  if (!task.templates.includes(templates)) {
    return { task: task.name, unavailable: `It has no ${templates} prompts.` };
  }
  const refused = new Map<string, number>();
  const pairs: Pair[] = [];
  const encoded: EncodedPair[] = [];
  let tried = 0;
  for (const pair of task.pairs(options)) {
    if (encoded.length === count || tried++ === PATIENCE * count) break;
    let result: EncodedPair | string = encodePair(pair, tokenizer, options);
    if (typeof result !== "string" && alignedOnly && !isAligned(result))
      result = "its prompts differ in length";
    if (typeof result === "string") {
      refused.set(result, (refused.get(result) ?? 0) + 1);
    } else {
      pairs.push(pair);
      encoded.push(result);
    }
  }
  if (encoded.length === 0) {
    const reasons = [...refused]
      .sort((a, b) => b[1] - a[1])
      .map(([reason, times]) => `${reason} (${times}×)`);
    return {
      task: task.name,
      unavailable:
        reasons.length > 0
          ? `None of its pairs can be used: ${reasons.join("; ")}.`
          : `It has no ${split} pairs.`,
    };
  }
  return { task: task.name, split, templates, pairs, refused, ...pack(encoded) };
}

/** Some pairs of a batch, by their numbers, in the order given. */
export function takePairs(batch: TaskBatch, pairs: readonly number[]): TaskBatch {
  const taken = pairs.map((pair): EncodedPair => {
    const { candidates } = batch;
    return {
      prompts: [promptTokens(batch, 2 * pair), promptTokens(batch, 2 * pair + 1)],
      candidates: [candidates[4 * pair], candidates[4 * pair + 1]],
    };
  });
  return { ...batch, pairs: pairs.flatMap((pair) => batch.pairs[pair] ?? []), ...pack(taken) };
}

/** The first pairs of a batch: so many, or all. */
export function firstPairs(batch: TaskBatch, count: number): TaskBatch {
  if (batch.count <= count) return batch;
  return takePairs(
    batch,
    Array.from({ length: count }, (_, pair) => pair),
  );
}

function promptTokens(batch: TaskBatch, index: number): number[] {
  return Array.from(promptOf(batch, index));
}

/** The tokens of one prompt of a batch. */
export function promptOf(batch: TaskBatch, index: number): Int32Array {
  return batch.tokens.subarray(index * batch.width, index * batch.width + batch.lengths[index]);
}

export interface EncodedPair {
  readonly prompts: readonly [readonly number[], readonly number[]];
  /** Of the first and of the second answer. */
  readonly candidates: readonly [number, number];
}

const isAligned = ({ prompts }: EncodedPair) => prompts[0].length === prompts[1].length;

/** A pair as tokens, or the reason why it cannot be. */
export function encodePair(
  { prompts, answers }: Pair,
  tokenizer: Tokenizer,
  {
    maxTokens,
    vocabularySize = tokenizer.vocabularySize,
  }: Pick<BatchOptions, "maxTokens" | "vocabularySize">,
): EncodedPair | string {
  const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
  const encoded: number[][] = [];
  const questions: { common: number[]; candidates: [number, number] }[] = [];
  for (const text of prompts) {
    const prompt = encode(text);
    const [one, other] = answers.map((answer) => encode(text + answer));
    if (!startsWith(one, prompt) || !startsWith(other, prompt)) {
      return "a token would reach from the prompt into an answer";
    }
    let end = prompt.length;
    while (end < one.length && one[end] === other[end]) end++;
    if (end === one.length || end === other.length) return "one answer is the beginning of the other";
    encoded.push(one.slice(0, end));
    questions.push({ common: one.slice(prompt.length, end), candidates: [one[end], other[end]] });
  }
  if (JSON.stringify(questions[0]) !== JSON.stringify(questions[1])) {
    return "the answers are other tokens after one prompt than after the other";
  }
  const [first, second] = encoded;
  if (first.length === 0) return "a prompt is empty";
  if (Math.max(first.length, second.length) > maxTokens) return `a prompt has more than ${maxTokens} tokens`;
  const { candidates } = questions[0];
  if ([...first, ...second, ...candidates].some((token) => token >= vocabularySize)) {
    return `a token is not among the model's ${vocabularySize}`;
  }
  return { prompts: [first, second], candidates };
}

function startsWith(tokens: readonly number[], prefix: readonly number[]): boolean {
  return prefix.length <= tokens.length && prefix.every((token, i) => tokens[i] === token);
}

/** Pairs of tokens as a batch holds them. */
export function pack(pairs: readonly EncodedPair[]) {
  const prompts = pairs.flatMap((pair) => pair.prompts);
  const width = Math.max(...prompts.map((prompt) => prompt.length));
  const tokens = new Int32Array(prompts.length * width);
  for (const [i, prompt] of prompts.entries()) tokens.set(prompt, i * width);
  return {
    count: pairs.length,
    width,
    tokens,
    lengths: Int32Array.from(prompts, (prompt) => prompt.length),
    candidates: Int32Array.from(pairs.flatMap(({ candidates: [a, b] }) => [a, b, b, a])),
    aligned: Uint8Array.from(pairs, (pair) => (isAligned(pair) ? 1 : 0)),
    endsAlike: pairs.every(({ prompts: [a, b] }) => a.at(-1) === b.at(-1)),
  };
}

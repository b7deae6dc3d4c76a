/** A stretch of bytes that is valid UTF-8, or one maximal invalid part, which decoders replace by one U+FFFD. */
export interface Utf8Stretch {
  readonly valid: boolean;
  /** First byte. */
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

/** Cuts bytes into valid stretches and maximal invalid parts, as the WHATWG decoder does. */
export function splitUtf8(bytes: Uint8Array): Utf8Stretch[] {
  const stretches: Utf8Stretch[] = [];
  let validFrom = 0;
  let position = 0;
  while (position < bytes.length) {
    const length = sequenceLength(bytes, position);
    if (length > 0) {
      position += length;
      continue;
    }
    if (validFrom < position) stretches.push({ valid: true, start: validFrom, end: position });
    stretches.push({ valid: false, start: position, end: position - length });
    position -= length;
    validFrom = position;
  }
  if (validFrom < position) stretches.push({ valid: true, start: validFrom, end: position });
  return stretches;
}

/** Length of the UTF-8 sequence at `position`, or minus the length of the invalid part that starts there. */
function sequenceLength(bytes: Uint8Array, position: number): number {
  const lead = bytes[position];
  if (lead < 0x80) return 1;
  const length =
    lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) === 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (length === 0) return -1;
  // Overlong forms, surrogates and code points above U+10FFFF show in the second byte.
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  for (let index = 1; index < length; index++) {
    const byte = bytes[position + index];
    const [low, high] = index === 1 ? [lowest, highest] : [0x80, 0xbf];
    if (byte === undefined || byte < low || byte > high) return -index;
  }
  return length;
}

/** Bytes that a code point takes in UTF-8. */
export function utf8Length(codePoint: number): number {
  return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
}

/**
 * Byte position of every UTF-16 code unit of a well-formed text, and of its end: `[text.length + 1]`. The second half of
 * a surrogate pair has the position of the first.
 */
export function utf8Positions(text: string): Uint32Array {
  const positions = new Uint32Array(text.length + 1);
  let position = 0;
  for (let unit = 0; unit < text.length; ) {
    const codePoint = text.codePointAt(unit)!;
    positions[unit++] = position;
    if (codePoint > 0xffff) positions[unit++] = position;
    position += utf8Length(codePoint);
  }
  positions[text.length] = position;
  return positions;
}

/** Replaces every lone surrogate by U+FFFD, as UTF-8 encoders do. Positions stay as they are. */
export function toWellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The same well-formed text in memory of its own: engines make a substring a view that keeps the whole text alive. */
export function ownCopy(text: string): string {
  return decoder.decode(encoder.encode(text));
}

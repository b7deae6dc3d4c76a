/**
 * GPT-2's byte-to-unicode table: byte-level vocabularies spell every byte as one printable character. Bytes that print in
 * Latin-1 stand for themselves, the others follow from U+0100 on in order.
 */
export const byteCharacters: readonly string[] = buildAlphabet();

const bytesByCharacter: ReadonlyMap<string, number> = new Map(
  byteCharacters.map((character, byte) => [character, byte]),
);

function buildAlphabet(): string[] {
  const prints = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : next++));
}

/** The spelling of `bytes` in a byte-level vocabulary. */
export function spellBytes(bytes: Uint8Array): string {
  let spelling = "";
  for (const byte of bytes) spelling += byteCharacters[byte];
  return spelling;
}

/** The bytes that a vocabulary entry spells, or undefined when it holds a character outside the alphabet. */
export function unspellBytes(spelling: string): Uint8Array | undefined {
  const bytes = new Uint8Array(spelling.length);
  for (let index = 0; index < spelling.length; index++) {
    const byte = bytesByCharacter.get(spelling[index]);
    if (byte === undefined) return undefined;
    bytes[index] = byte;
  }
  return bytes;
}

const tables: Int32Array[] = [];

/** Eight tables, so that eight bytes are taken at once ("slicing by eight"). */
function makeTables(): void {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++)
      remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
    first[byte] = remainder;
  }
  tables.push(first);
  for (let n = 1; n < 8; n++) {
    const previous = tables[n - 1];
    const table = new Int32Array(256);
    for (let byte = 0; byte < 256; byte++) table[byte] = first[previous[byte] & 255] ^ (previous[byte] >>> 8);
    tables.push(table);
  }
}

/** CRC-32 as in zip. `previous`: the result for the bytes before, to go on from. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  if (tables.length === 0) makeTables();
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  const { length } = bytes;
  let crc = ~previous;
  let i = 0;
  for (; i < length && (bytes.byteOffset + i) % 4; i++) crc = t0[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + i, (length - i) >>> 2);
  const pairs = words.length - (words.length % 2);
  for (let w = 0; w < pairs; w += 2, i += 8) {
    const low = crc ^ words[w];
    const high = words[w + 1];
    crc =
      t7[low & 255] ^
      t6[(low >>> 8) & 255] ^
      t5[(low >>> 16) & 255] ^
      t4[low >>> 24] ^
      t3[high & 255] ^
      t2[(high >>> 8) & 255] ^
      t1[(high >>> 16) & 255] ^
      t0[high >>> 24];
  }
  for (; i < length; i++) crc = t0[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

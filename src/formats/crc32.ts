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
  for (; i + 8 <= length; i += 8) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    crc =
      t7[crc & 255] ^
      t6[(crc >>> 8) & 255] ^
      t5[(crc >>> 16) & 255] ^
      t4[crc >>> 24] ^
      t3[bytes[i + 4]] ^
      t2[bytes[i + 5]] ^
      t1[bytes[i + 6]] ^
      t0[bytes[i + 7]];
  }
  for (; i < length; i++) crc = t0[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

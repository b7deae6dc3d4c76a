/** Element types, by the names that safetensors gives them. */
export type Dtype =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL";

const sizes: Record<Dtype, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

export const dtypes = Object.keys(sizes) as Dtype[];

export function isDtype(name: unknown): name is Dtype {
  return typeof name === "string" && Object.hasOwn(sizes, name);
}

/** Bytes per element. */
export function sizeOf(dtype: Dtype): number {
  return sizes[dtype];
}

/** Whether values of the type may be NaN or infinite. */
export function isFloat(dtype: Dtype): boolean {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16" || dtype === "F64";
}

const conversionFloat = new Float32Array(1);
const conversionBits = new Uint32Array(conversionFloat.buffer);

let float16Table: Float32Array | null = null;

/** `[65536]`: the value of every float16 bit pattern. */
export function float16Values(): Float32Array {
  if (float16Table) return float16Table;
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const sign = bits & 0x8000 ? -1 : 1;
    if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) table[bits] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else table[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  float16Table = table;
  return table;
}

let bfloat16Table: Float32Array | null = null;

/** `[65536]`: the value of every bfloat16 bit pattern. */
export function bfloat16Values(): Float32Array {
  if (bfloat16Table) return bfloat16Table;
  const table = new Float32Array(65536);
  const bits = new Uint32Array(table.buffer);
  for (let pattern = 0; pattern < 65536; pattern++) bits[pattern] = pattern << 16;
  bfloat16Table = table;
  return table;
}

/** The same bytes at an address that a typed array of this element size may start at. */
export function aligned(bytes: Uint8Array, elementSize: number): Uint8Array {
  return bytes.byteOffset % elementSize === 0 ? bytes : new Uint8Array(bytes);
}

/** Little-endian elements as float32 (float64 and integers are rounded). The result may be a view of `bytes`. */
export function decode(dtype: Dtype, bytes: Uint8Array): Float32Array {
  const size = sizes[dtype];
  const length = bytes.byteLength / size;
  const { buffer, byteOffset } = aligned(bytes, size);
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, length);
    case "F16": {
      const table = float16Values();
      const source = new Uint16Array(buffer, byteOffset, length);
      const values = new Float32Array(length);
      for (let i = 0; i < length; i++) values[i] = table[source[i]];
      return values;
    }
    case "BF16": {
      const source = new Uint16Array(buffer, byteOffset, length);
      const bits = new Uint32Array(length);
      for (let i = 0; i < length; i++) bits[i] = source[i] << 16;
      return new Float32Array(bits.buffer);
    }
    case "F64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, length));
    case "I64":
    case "U64": {
      const low = new Uint32Array(buffer, byteOffset, 2 * length);
      const high = dtype === "I64" ? new Int32Array(buffer, byteOffset, 2 * length) : low;
      const values = new Float32Array(length);
      for (let i = 0; i < length; i++) values[i] = high[2 * i + 1] * 2 ** 32 + low[2 * i];
      return values;
    }
    case "I32":
      return Float32Array.from(new Int32Array(buffer, byteOffset, length));
    case "U32":
      return Float32Array.from(new Uint32Array(buffer, byteOffset, length));
    case "I16":
      return Float32Array.from(new Int16Array(buffer, byteOffset, length));
    case "U16":
      return Float32Array.from(new Uint16Array(buffer, byteOffset, length));
    case "I8":
      return Float32Array.from(new Int8Array(buffer, byteOffset, length));
    case "U8":
      return Float32Array.from(new Uint8Array(buffer, byteOffset, length));
    case "BOOL": {
      const values = new Float32Array(length);
      for (let i = 0; i < length; i++) values[i] = bytes[i] ? 1 : 0;
      return values;
    }
  }
}

/**
 * Little-endian bytes of float32 values in a floating-point type, rounded to nearest, ties to even. The result may be
 * a view of `values`.
 */
export function encode(dtype: "F32" | "F16" | "BF16" | "F64", values: Float32Array): Uint8Array {
  switch (dtype) {
    case "F32":
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case "F64":
      return new Uint8Array(Float64Array.from(values).buffer);
    case "BF16": {
      const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
      const encoded = new Uint16Array(values.length);
      for (let i = 0; i < encoded.length; i++) {
        const b = bits[i];
        // A NaN must not round to infinity: set a bit that survives.
        if ((b & 0x7fffffff) > 0x7f800000) encoded[i] = (b >>> 16) | 0x40;
        else encoded[i] = (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
      }
      return new Uint8Array(encoded.buffer);
    }
    case "F16": {
      const encoded = new Uint16Array(values.length);
      for (let i = 0; i < encoded.length; i++) encoded[i] = float16Bits(values[i]);
      return new Uint8Array(encoded.buffer);
    }
  }
}

/** Bit pattern of the float16 nearest to a float32. */
export function float16Bits(value: number): number {
  conversionFloat[0] = value;
  const bits = conversionBits[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 = 2^16 - 16 is the first value that rounds to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rebased = magnitude - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  // Subnormal: a multiple of 2^-24; adding 0.5 (whose unit in the last place is 2^-24) rounds it to one.
  conversionBits[0] = magnitude;
  conversionFloat[0] += 0.5;
  return sign | (conversionBits[0] - 0x3f000000);
}

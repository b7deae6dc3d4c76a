/**
 * Random numbers that depend on the seed alone, the same on every platform: xoshiro128** (Blackman and Vigna, 2018), its
 * state filled by two outputs of SplitMix64, low half first.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** @param seed An integer from 0 to 2^53 - 1. */
  constructor(seed: number) {
    const next = splitMix64(BigInt(seed));
    const low = next();
    const high = next();
    this.a = Number(low & 0xffffffffn) | 0;
    this.b = Number(low >> 32n) | 0;
    this.c = Number(high & 0xffffffffn) | 0;
    this.d = Number(high >> 32n) | 0;
  }

  /** 32 random bits, as an integer from 0. */
  nextUint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.b, 5), 7), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = rotateLeft(this.d, 11);
    return result;
  }

  /** Uniform in [0, 1): a multiple of 2^-53. */
  next(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  /** A whole number from 0 to below `bound` (at most 2^32), each equally likely to within 2^-21. */
  integer(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** One of `items`, each equally likely. */
  choice<T>(items: readonly T[]): T {
    return items[this.integer(items.length)] as T;
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Puts `items` into random order, in place, and returns them. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      const swapped = items[last];
      items[last] = items[other];
      items[other] = swapped;
    }
    return items;
  }

  /** A draw from the normal distribution with mean 0 and standard deviation 1 (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function splitMix64(seed: bigint): () => bigint {
  const wrap = (value: bigint) => BigInt.asUintN(64, value);
  let state = seed;
  return () => {
    state = wrap(state + 0x9e3779b97f4a7c15n);
    let mixed = state;
    mixed = wrap((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = wrap((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return mixed ^ (mixed >> 31n);
  };
}

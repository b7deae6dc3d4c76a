// AdamW, and the projection that keeps the largest weights. Matrices lie in blocks of 32 columns (see dense.ts), as
// activations lie in panels of 32 tokens: a column is where a token is there.
import { at, cell, multiplyAdd } from "./simd";

// WebAssembly cannot flush denormals, and moments that decay to them would cost a hundred cycles each.
// @ts-ignore: decorator
@inline
const TINY: f32 = 1e-30;

/**
 * One step of AdamW (Loshchilov and Hutter) on n weights, n rounded up to a multiple of 4:
 * g' = scale · g; m = β1 m + (1 − β1) g'; v = β2 v + (1 − β2) g'²; w = keep · w − rate · m / (√v · correction + ε).
 * @param settings f32[9]: scale, β1, 1 − β1, β2, 1 − β2, keep (1 − rate · decay), rate (with the bias correction of m), ε,
 *   correction (of √v: 1 / √(1 − β2^t))
 */
export function adamw(w: usize, g: usize, m: usize, v: usize, n: i32, settings: usize): void {
  const scale = v128.load_splat<u32>(settings), b1 = v128.load_splat<u32>(settings, 4), c1 = v128.load_splat<u32>(settings, 8);
  const b2 = v128.load_splat<u32>(settings, 12), c2 = v128.load_splat<u32>(settings, 16);
  const keep = v128.load_splat<u32>(settings, 20), rate = v128.load_splat<u32>(settings, 24);
  const epsilon = v128.load_splat<u32>(settings, 28), correction = v128.load_splat<u32>(settings, 32), tiny = f32x4.splat(TINY);
  for (let i = 0; i < n; i += 4) {
    const gradient = f32x4.mul(v128.load(at(g, i)), scale);
    let first = multiplyAdd(b1, v128.load(at(m, i)), f32x4.mul(c1, gradient));
    first = v128.and(first, f32x4.gt(f32x4.abs(first), tiny));
    let second = multiplyAdd(b2, v128.load(at(v, i)), f32x4.mul(c2, f32x4.mul(gradient, gradient)));
    second = v128.and(second, f32x4.gt(second, tiny));
    const step = f32x4.div(f32x4.mul(rate, first), multiplyAdd(f32x4.sqrt(second), correction, epsilon));
    v128.store(at(m, i), first);
    v128.store(at(v, i), second);
    v128.store(at(w, i), f32x4.sub(f32x4.mul(keep, v128.load(at(w, i))), step));
  }
}

/** Zeros among the n weights of a list of nonzeros, n rounded up to a multiple of 4, become the least that is none. */
export function replace_zeros(w: usize, n: i32): void {
  const zero = f32x4.splat(0), tiny = f32x4.splat(TINY);
  for (const end = at(w, n); w < end; w += 16) {
    const weights = v128.load(w);
    v128.store(w, v128.bitselect(tiny, weights, f32x4.eq(weights, zero)));
  }
}

/** values[e] = the weight of nonzero e, from its matrix. */
export function gather_nonzeros(values: usize, w: usize, pointers: usize, indices: usize, rows: i32): void {
  for (let i = 0; i < rows; i++) {
    const last = load<u32>(at(pointers, i + 1));
    for (let e = load<u32>(at(pointers, i)); e < last; e++) {
      const column = <i32>load<u16>(indices + (<usize>e << 1));
      store<f32>(at(values, <i32>e), load<f32>(cell(w, rows, i, column)));
    }
  }
}

/** The weight of nonzero e of a matrix = values[e]. */
export function scatter_nonzeros(w: usize, values: usize, pointers: usize, indices: usize, rows: i32): void {
  for (let i = 0; i < rows; i++) {
    const last = load<u32>(at(pointers, i + 1));
    for (let e = load<u32>(at(pointers, i)); e < last; e++) {
      const column = <i32>load<u16>(indices + (<usize>e << 1));
      store<f32>(cell(w, rows, i, column), load<f32>(at(values, <i32>e)));
    }
  }
}

/** ranks[i] = |w[i]| as an integer that orders like it; n rounded up to a multiple of 4. */
export function rank_magnitudes(ranks: usize, w: usize, n: i32): void {
  const mask = i32x4.splat(0x7fffffff);
  for (let i = 0; i < n; i += 4) v128.store(at(ranks, i), v128.and(v128.load(at(w, i)), mask));
}

/** Above every magnitude. */
// @ts-ignore: decorator
@inline
const SPARED: i32 = 0x7fffffff;

/**
 * Gives the j highest ranks of each row (of nonzeros; of equal ones the first) the highest rank of all. Those that have it
 * already do not count.
 * @param ranks i32, in blocks: [columns / 32][rows][32]
 */
export function spare_rows(ranks: usize, rows: i32, columns: i32, j: i32): void {
  const blocks = (columns + 31) >> 5, stride = <usize>rows << 7;
  for (let i = 0; i < rows; i++) {
    for (let turn = 0; turn < j; turn++) {
      let best: i32 = 0, place: usize = 0;
      for (let block = 0; block < blocks; block++) {
        const p = ranks + <usize>block * stride + (<usize>i << 7);
        for (let q = p; q < p + 128; q += 4) {
          const rank = load<i32>(q);
          if (rank > best && rank != SPARED) {
            best = rank;
            place = q;
          }
        }
      }
      if (best == 0) break;
      store<i32>(place, SPARED);
    }
  }
}

/** The same for each column. */
export function spare_columns(ranks: usize, rows: i32, columns: i32, j: i32): void {
  const end = <usize>rows << 7;
  for (let c = 0; c < columns; c++) {
    const p = ranks + <usize>(c >> 5) * end + (<usize>(c & 31) << 2);
    for (let turn = 0; turn < j; turn++) {
      let best: i32 = 0, place: usize = 0;
      for (let q = p; q < p + end; q += 128) {
        const rank = load<i32>(q);
        if (rank > best && rank != SPARED) {
          best = rank;
          place = q;
        }
      }
      if (best == 0) break;
      store<i32>(place, SPARED);
    }
  }
}

/**
 * Keeps the k weights of highest rank and zeroes the others; of equal ranks the first are kept. n is a multiple of 16.
 * @param ranks i32[n], see rank_magnitudes
 * @param guess a rank near the k-th, or 0: saves time
 * @returns a rank from that of the first weight zeroed to that of the last kept: the next call's guess
 */
export function keep_highest(w: usize, ranks: usize, n: i32, k: i32, guess: i32): i32 {
  if (k <= 0) {
    memory.fill(w, 0, <usize>n << 2);
    return 0;
  }
  if (k >= n) return 0;
  const end = at(ranks, n);
  // Invariant: count(rank >= low) = countLow >= k > countHigh = count(rank >= high).
  let low: i32 = 0, high: i64 = 0x80000000, countLow = n, countHigh = 0;
  let threshold: i32 = guess > 0 ? guess : 0x3c000000;
  for (let pass = 1; high - <i64>low > 1; pass++) {
    const t = i32x4.splat(threshold);
    let c0 = i32x4.splat(0), c1 = c0, c2 = c0, c3 = c0;
    for (let p = ranks; p < end; p += 64) {
      c0 = i32x4.sub(c0, i32x4.ge_s(v128.load(p), t));
      c1 = i32x4.sub(c1, i32x4.ge_s(v128.load(p, 16), t));
      c2 = i32x4.sub(c2, i32x4.ge_s(v128.load(p, 32), t));
      c3 = i32x4.sub(c3, i32x4.ge_s(v128.load(p, 48), t));
    }
    c0 = i32x4.add(i32x4.add(c0, c1), i32x4.add(c2, c3));
    const count = i32x4.extract_lane(c0, 0) + i32x4.extract_lane(c0, 1) + i32x4.extract_lane(c0, 2) + i32x4.extract_lane(c0, 3);
    if (count >= k) {
      low = threshold;
      countLow = count;
      if (count == k) break;
    } else {
      high = threshold;
      countHigh = count;
    }
    let next: i64 = <i64>low + ((high - <i64>low) >> 1);
    if (low > 0 && high < 0x7f800000 && (pass & 3) != 0) {
      next = <i64>low + <i64>(<f64>(high - <i64>low) * <f64>(countLow - k) / <f64>(countLow - countHigh));
    } else if (pass <= 3) {
      // Bracket a good guess closely: an eighth of an octave, then half of one.
      next = <i64>threshold + (count >= k ? <i64>1 : <i64>-1) * (<i64>1 << (pass == 1 ? 20 : 22));
    }
    threshold = <i32>max<i64>(<i64>low + 1, min<i64>(high - 1, next));
  }
  let surplus = low > 0 ? countLow - k : 0;
  const t = i32x4.splat(max(low, 1));
  for (let i = 0; i < n; i += 4) {
    v128.store(at(w, i), v128.and(v128.load(at(w, i)), i32x4.ge_s(v128.load(at(ranks, i)), t)));
  }
  for (let i = n - 1; surplus > 0; i--) {
    if (load<i32>(at(ranks, i)) != low) continue;
    store<f32>(at(w, i), 0);
    surplus--;
  }
  return low;
}

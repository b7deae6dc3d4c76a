// Products with a sparse matrix. Indices are u16, values f32, pointers into them u32.
import { at, keepAlive, multiplyAdd } from "./simd";

// Cache lines that csc_accumulate asks for before it needs them.
// @ts-ignore: decorator
@inline
const LINES_AHEAD: i32 = 64;

/**
 * y += W[:, j] * x[j] for the active columns j only. Column j lies in `columns` from byte offsets[j] on: its n values,
 * then its n row indices (u16), then up to 3 bytes of padding. Rows within a column are unique, so that four of them can
 * be in flight at once.
 *
 * The columns lie scattered over more memory than the caches hold, and each is too short for the hardware to guess
 * what comes next: a group of columns is touched, all its misses at once, while the group before it is computed.
 * @param offsets u32[columns + 1]
 * @param active u16[activeCount], ascending
 */
export function csc_accumulate(
  y: usize, offsets: usize, columns: usize, active: usize, activeCount: i32, x: usize,
): void {
  const activeEnd = active + (<usize>activeCount << 1);
  let touched = active;
  let unused: i32 = 0;
  while (active < activeEnd) {
    const groupEnd = touched == active ? active + 2 : touched;
    for (let lines = 0; lines < LINES_AHEAD && touched < activeEnd; touched += 2) {
      const offset = offsets + (<usize>load<u16>(touched) << 2);
      const end = columns + <usize>load<u32>(offset, 4);
      for (let p = columns + <usize>load<u32>(offset); p < end; p += 64, lines++) unused |= load<i32>(p);
      lines++; // so that empty columns end the group, too
    }
    for (; active < groupEnd; active += 2) {
      const j = <usize>load<u16>(active) << 2;
      const start = columns + <usize>load<u32>(offsets + j);
      addColumn(y, start, (load<u32>(offsets + j, 4) - load<u32>(offsets + j)) / 6, load<f32>(x + j));
    }
  }
  keepAlive(unused);
}

// @ts-ignore: decorator
@inline
function addColumn(y: usize, value: usize, count: usize, scalar: f32): void {
  const vector = f32x4.splat(scalar);
  const end = value + (count << 2);
  const end4 = value + ((count & ~3) << 2);
  let index = end;
  while (value < end4) {
    const product = f32x4.mul(vector, v128.load(value));
    const y0 = y + (<usize>load<u16>(index) << 2);
    const y1 = y + (<usize>load<u16>(index, 2) << 2);
    const y2 = y + (<usize>load<u16>(index, 4) << 2);
    const y3 = y + (<usize>load<u16>(index, 6) << 2);
    const s0 = load<f32>(y0) + f32x4.extract_lane(product, 0);
    const s1 = load<f32>(y1) + f32x4.extract_lane(product, 1);
    const s2 = load<f32>(y2) + f32x4.extract_lane(product, 2);
    const s3 = load<f32>(y3) + f32x4.extract_lane(product, 3);
    store<f32>(y0, s0);
    store<f32>(y1, s1);
    store<f32>(y2, s2);
    store<f32>(y3, s3);
    value += 16;
    index += 8;
  }
  while (value < end) {
    const target = y + (<usize>load<u16>(index) << 2);
    store<f32>(target, load<f32>(target) + scalar * load<f32>(value));
    value += 4;
    index += 2;
  }
}

/** y[i] += W[i, :] · x for the rows rowStart ≤ i < rowEnd; W in compressed sparse rows, x a dense vector. */
export function csr_accumulate(
  y: usize, rowPointers: usize, columnIndices: usize, values: usize, x: usize, rowStart: i32, rowEnd: i32,
): void {
  for (let i = rowStart; i < rowEnd; i++) {
    const first: usize = load<u32>(at(rowPointers, i));
    const last: usize = load<u32>(at(rowPointers, i), 4);
    let s0: f32 = 0, s1: f32 = 0, s2: f32 = 0, s3: f32 = 0;
    let index = columnIndices + (first << 1);
    let value = values + (first << 2);
    const end = values + (last << 2);
    const end4 = values + ((first + ((last - first) & ~3)) << 2);
    while (value < end4) {
      s0 += load<f32>(value) * load<f32>(x + (<usize>load<u16>(index) << 2));
      s1 += load<f32>(value, 4) * load<f32>(x + (<usize>load<u16>(index, 2) << 2));
      s2 += load<f32>(value, 8) * load<f32>(x + (<usize>load<u16>(index, 4) << 2));
      s3 += load<f32>(value, 12) * load<f32>(x + (<usize>load<u16>(index, 6) << 2));
      value += 16;
      index += 8;
    }
    while (value < end) {
      s0 += load<f32>(value) * load<f32>(x + (<usize>load<u16>(index) << 2));
      value += 4;
      index += 2;
    }
    store<f32>(at(y, i), load<f32>(at(y, i)) + ((s0 + s1) + (s2 + s3)));
  }
}

/**
 * y[i][32] = bias[i] + W[i, :] · x[:][32] for the rows rowStart ≤ i < rowEnd, over one panel of 32 tokens: each
 * nonzero is one multiply-add over the tokens. Sixteen tokens at a time: one line of cache of each feature, of which a nearer
 * cache holds twice as many.
 * @param bias f32[rows], or 0 for none
 */
export function csr_multiply_panel(
  y: usize, rowPointers: usize, columnIndices: usize, values: usize, bias: usize, x: usize, rowStart: i32, rowEnd: i32,
): void {
  for (let half: usize = 0; half < 128; half += 64) {
    for (let i = rowStart; i < rowEnd; i++) {
      const a = bias ? v128.load_splat<u32>(at(bias, i)) : f32x4.splat(0);
      multiplyRow(y + half + (<usize>i << 7), rowPointers, columnIndices, values, x + half, i, a, a, a, a);
    }
  }
}

/** y[i][32] += W[i, :] · x[:][32] for the rows rowStart ≤ i < rowEnd. */
export function csr_accumulate_panel(
  y: usize, rowPointers: usize, columnIndices: usize, values: usize, x: usize, rowStart: i32, rowEnd: i32,
): void {
  for (let half: usize = 0; half < 128; half += 64) {
    for (let i = rowStart; i < rowEnd; i++) {
      const t = y + half + (<usize>i << 7);
      multiplyRow(
        t, rowPointers, columnIndices, values, x + half, i, v128.load(t), v128.load(t, 16), v128.load(t, 32), v128.load(t, 48),
      );
    }
  }
}

// @ts-ignore: decorator
@inline
function multiplyRow(
  target: usize, rowPointers: usize, columnIndices: usize, values: usize, x: usize, i: i32,
  a0: v128, a1: v128, a2: v128, a3: v128,
): void {
  const first: usize = load<u32>(at(rowPointers, i));
  const last: usize = load<u32>(at(rowPointers, i), 4);
  let index = columnIndices + (first << 1);
  let value = values + (first << 2);
  const end = values + (last << 2);
  while (value < end) {
    const source = x + (<usize>load<u16>(index) << 7);
    const weight = v128.load_splat<u32>(value);
    a0 = multiplyAdd(weight, v128.load(source), a0);
    a1 = multiplyAdd(weight, v128.load(source, 16), a1);
    a2 = multiplyAdd(weight, v128.load(source, 32), a2);
    a3 = multiplyAdd(weight, v128.load(source, 48), a3);
    value += 4;
    index += 2;
  }
  v128.store(target, a0);
  v128.store(target, a1, 16);
  v128.store(target, a2, 32);
  v128.store(target, a3, 48);
}

/**
 * y[:][32] += Wᵀ x[:][32] over one panel of 32 tokens, through the rows of W: what csr_accumulate_panel computes from Wᵀ, in
 * the same order. Where x is much larger than y, y stays in the nearest cache, and each row of x is read once.
 */
export function csr_scatter_panel(
  y: usize, rowPointers: usize, columnIndices: usize, values: usize, x: usize, rowStart: i32, rowEnd: i32,
): void {
  let source = x + (<usize>rowStart << 7);
  for (let i = rowStart; i < rowEnd; i++, source += 128) {
    const first: usize = load<u32>(at(rowPointers, i));
    const last: usize = load<u32>(at(rowPointers, i), 4);
    const x0 = v128.load(source), x1 = v128.load(source, 16), x2 = v128.load(source, 32), x3 = v128.load(source, 48);
    const x4 = v128.load(source, 64), x5 = v128.load(source, 80), x6 = v128.load(source, 96), x7 = v128.load(source, 112);
    let index = columnIndices + (first << 1);
    let value = values + (first << 2);
    for (const end = values + (last << 2); value < end; value += 4, index += 2) {
      const target = y + (<usize>load<u16>(index) << 7);
      const weight = v128.load_splat<u32>(value);
      v128.store(target, multiplyAdd(weight, x0, v128.load(target)));
      v128.store(target, multiplyAdd(weight, x1, v128.load(target, 16)), 16);
      v128.store(target, multiplyAdd(weight, x2, v128.load(target, 32)), 32);
      v128.store(target, multiplyAdd(weight, x3, v128.load(target, 48)), 48);
      v128.store(target, multiplyAdd(weight, x4, v128.load(target, 64)), 64);
      v128.store(target, multiplyAdd(weight, x5, v128.load(target, 80)), 80);
      v128.store(target, multiplyAdd(weight, x6, v128.load(target, 96)), 96);
      v128.store(target, multiplyAdd(weight, x7, v128.load(target, 112)), 112);
    }
  }
}

/** y[j * stride] += W[row, j] for one row of a matrix in compressed sparse rows (an embedding look-up). */
export function csr_add_row(
  y: usize, stride: i32, rowPointers: usize, columnIndices: usize, values: usize, row: i32,
): void {
  const last: usize = load<u32>(at(rowPointers, row), 4);
  for (let k: usize = load<u32>(at(rowPointers, row)); k < last; k++) {
    const target = at(y, <i32>load<u16>(columnIndices + (k << 1)) * stride);
    store<f32>(target, load<f32>(target) + load<f32>(values + (k << 2)));
  }
}

// Products with matrices that are trained. Where the left factor, an activation, gradient or weight, is sparse, they are
// rows of a compressed matrix times a dense panel (csr_multiply_panel), and what prepares and finishes them is here; where it is
// full, multiply_full_panel needs no preparation.
//
// A matrix [rows][columns] that is trained lies in *blocks* of 32 columns: [columns / 32][rows][32], zeros behind the
// last column.
import { at, multiplyAdd, sumLanes } from "./simd";

/**
 * y[i][32] += Σ a[i, j] x[j][32] for i < rows, j < n: four rows at a time, so that they share what is loaded of x.
 * @param a its entry (i, j) lies at a + i · rowBytes + j · stepBytes
 */
export function multiply_full_panel(
  y: usize, a: usize, rowBytes: i32, stepBytes: i32, x: usize, rows: i32, n: i32,
): void {
  const row = <usize>rowBytes, step = <usize>stepBytes, bytes = <usize>n << 7;
  let i = 0;
  for (; i < (rows & ~3); i += 4) {
    for (let lane: usize = 0; lane < 128; lane += 32) {
      const t = y + (<usize>i << 7) + lane;
      let a0 = v128.load(t), a1 = v128.load(t, 16), b0 = v128.load(t, 128), b1 = v128.load(t, 144);
      let c0 = v128.load(t, 256), c1 = v128.load(t, 272), d0 = v128.load(t, 384), d1 = v128.load(t, 400);
      let p0 = a + <usize>i * row, p1 = p0 + row, p2 = p1 + row, p3 = p2 + row;
      for (let q = x + lane, end = q + bytes; q < end; q += 128) {
        const x0 = v128.load(q), x1 = v128.load(q, 16);
        let w = v128.load_splat<u32>(p0);
        a0 = multiplyAdd(w, x0, a0);
        a1 = multiplyAdd(w, x1, a1);
        w = v128.load_splat<u32>(p1);
        b0 = multiplyAdd(w, x0, b0);
        b1 = multiplyAdd(w, x1, b1);
        w = v128.load_splat<u32>(p2);
        c0 = multiplyAdd(w, x0, c0);
        c1 = multiplyAdd(w, x1, c1);
        w = v128.load_splat<u32>(p3);
        d0 = multiplyAdd(w, x0, d0);
        d1 = multiplyAdd(w, x1, d1);
        p0 += step;
        p1 += step;
        p2 += step;
        p3 += step;
      }
      v128.store(t, a0);
      v128.store(t, a1, 16);
      v128.store(t, b0, 128);
      v128.store(t, b1, 144);
      v128.store(t, c0, 256);
      v128.store(t, c1, 272);
      v128.store(t, d0, 384);
      v128.store(t, d1, 400);
    }
  }
  for (; i < rows; i++) {
    for (let lane: usize = 0; lane < 128; lane += 64) {
      const t = y + (<usize>i << 7) + lane;
      let a0 = v128.load(t), a1 = v128.load(t, 16), a2 = v128.load(t, 32), a3 = v128.load(t, 48);
      let p = a + <usize>i * row;
      for (let q = x + lane, end = q + bytes; q < end; q += 128, p += step) {
        const w = v128.load_splat<u32>(p);
        a0 = multiplyAdd(w, v128.load(q), a0);
        a1 = multiplyAdd(w, v128.load(q, 16), a1);
        a2 = multiplyAdd(w, v128.load(q, 32), a2);
        a3 = multiplyAdd(w, v128.load(q, 48), a3);
      }
      v128.store(t, a0);
      v128.store(t, a1, 16);
      v128.store(t, a2, 32);
      v128.store(t, a3, 48);
    }
  }
}

/** y[i][32] = bias[i], or zero without a bias, for i < rows. */
export function begin_panel(y: usize, bias: usize, rows: i32): void {
  if (bias == 0) {
    memory.fill(y, 0, <usize>rows << 7);
    return;
  }
  for (let i = 0; i < rows; i++, y += 128) {
    const b = v128.load_splat<u32>(at(bias, i));
    for (let lane: usize = 0; lane < 128; lane += 16) v128.store(y + lane, b);
  }
}

/**
 * Lists the nonzeros of rows that lie in pieces: piece p of row r is the `width` floats at x + r · rowBytes +
 * p · pieceBytes, and its entry e has the index p · width + e. `width` is a multiple of 4. Up to 3 entries behind the
 * last are overwritten.
 * @param pointers u32[rows + 1]
 * @param indices u16, values f32: room for what there is
 */
export function compress_rows(
  pointers: usize, indices: usize, values: usize, x: usize, rows: i32, rowBytes: i32, pieces: i32, pieceBytes: i32,
  width: i32,
): void {
  const zero = i32x4.splat(0), magnitude = i32x4.splat(0x7fffffff);
  const firstValue = values;
  store<u32>(pointers, 0);
  for (let r = 0; r < rows; r++) {
    for (let piece = 0; piece < pieces; piece++) {
      let p = x + <usize>r * <usize>rowBytes + <usize>piece * <usize>pieceBytes;
      const end = p + (<usize>width << 2);
      let index: i32 = piece * width;
      for (; p < end; p += 16, index += 4) {
        const v = v128.load(p);
        const bits: usize = i32x4.bitmask(i32x4.gt_s(v128.and(v, magnitude), zero));
        if (bits == 0) continue;
        store<u16>(indices, <u16>index);
        store<f32>(values, f32x4.extract_lane(v, 0));
        indices += (bits & 1) << 1;
        values += (bits & 1) << 2;
        store<u16>(indices, <u16>(index + 1));
        store<f32>(values, f32x4.extract_lane(v, 1));
        indices += bits & 2;
        values += (bits & 2) << 1;
        store<u16>(indices, <u16>(index + 2));
        store<f32>(values, f32x4.extract_lane(v, 2));
        indices += (bits & 4) >> 1;
        values += bits & 4;
        store<u16>(indices, <u16>(index + 3));
        store<f32>(values, f32x4.extract_lane(v, 3));
        indices += (bits & 8) >> 2;
        values += (bits & 8) >> 1;
      }
    }
    store<u32>(at(pointers, r + 1), <u32>((values - firstValue) >> 2));
  }
}

/**
 * Compressed rows of the transposed matrix.
 * @param targetPointers u32[columns + 1]
 */
export function transpose_csr(
  targetPointers: usize, targetIndices: usize, targetValues: usize, pointers: usize, indices: usize, values: usize,
  rows: i32, columns: i32,
): void {
  memory.fill(targetPointers, 0, <usize>(columns + 1) << 2);
  const count = load<u32>(at(pointers, rows));
  const last = indices + (<usize>count << 1);
  for (let p = indices; p < last; p += 2) {
    const cell = at(targetPointers, <i32>load<u16>(p));
    store<u32>(cell, load<u32>(cell) + 1);
  }
  // Where each column ends; filling from behind leaves where it begins.
  let total: u32 = 0;
  for (let j = 0; j < columns; j++) {
    total += load<u32>(at(targetPointers, j));
    store<u32>(at(targetPointers, j), total);
  }
  store<u32>(at(targetPointers, columns), total);
  for (let i = rows - 1; i >= 0; i--) {
    const first = load<u32>(at(pointers, i));
    for (let e = load<u32>(at(pointers, i + 1)); e > first; ) {
      e--;
      const cell = at(targetPointers, <i32>load<u16>(indices + (<usize>e << 1)));
      const place = load<u32>(cell) - 1;
      store<u32>(cell, place);
      store<u16>(targetIndices + (<usize>place << 1), <u16>i);
      store<f32>(at(targetValues, <i32>place), load<f32>(at(values, <i32>e)));
    }
  }
}

/**
 * y[c][r] = x[r][c] + bias[c] for r < rows ≤ 32, c < columns ≤ 32; rows of both are 32 floats long. What lies behind in
 * y's rows becomes zero.
 * @param bias f32[columns], or 0
 */
export function transpose_tile(y: usize, x: usize, bias: usize, rows: i32, columns: i32): void {
  if (rows < 32) memory.fill(y, 0, <usize>columns << 7);
  let c = 0;
  for (; c < (columns & ~3); c += 4) {
    let b0 = f32x4.splat(0), b1 = b0, b2 = b0, b3 = b0;
    if (bias) {
      b0 = v128.load_splat<u32>(at(bias, c));
      b1 = v128.load_splat<u32>(at(bias, c), 4);
      b2 = v128.load_splat<u32>(at(bias, c), 8);
      b3 = v128.load_splat<u32>(at(bias, c), 12);
    }
    let r = 0;
    for (; r < (rows & ~3); r += 4) {
      const p = at(x, c) + (<usize>r << 7);
      const v0 = v128.load(p), v1 = v128.load(p, 128), v2 = v128.load(p, 256), v3 = v128.load(p, 384);
      const v01a = v128.shuffle<f32>(v0, v1, 0, 4, 1, 5), v01b = v128.shuffle<f32>(v0, v1, 2, 6, 3, 7);
      const v23a = v128.shuffle<f32>(v2, v3, 0, 4, 1, 5), v23b = v128.shuffle<f32>(v2, v3, 2, 6, 3, 7);
      const q = at(y, r) + (<usize>c << 7);
      v128.store(q, f32x4.add(b0, v128.shuffle<f32>(v01a, v23a, 0, 1, 4, 5)));
      v128.store(q, f32x4.add(b1, v128.shuffle<f32>(v01a, v23a, 2, 3, 6, 7)), 128);
      v128.store(q, f32x4.add(b2, v128.shuffle<f32>(v01b, v23b, 0, 1, 4, 5)), 256);
      v128.store(q, f32x4.add(b3, v128.shuffle<f32>(v01b, v23b, 2, 3, 6, 7)), 384);
    }
    for (; r < rows; r++) transposeRow(y, x, bias, r, c, c + 4);
  }
  if (c == columns) return;
  for (let r = 0; r < rows; r++) transposeRow(y, x, bias, r, c, columns);
}

// @ts-ignore: decorator
@inline
function transposeRow(y: usize, x: usize, bias: usize, row: i32, first: i32, last: i32): void {
  for (let c = first; c < last; c++) {
    const b: f32 = bias ? load<f32>(at(bias, c)) : 0;
    store<f32>(at(y, (c << 5) + row), load<f32>(at(x, (row << 5) + c)) + b);
  }
}

/**
 * Gradient of the nonzero weights alone over one panel, in four parts: sums[e][4] += dy[i][token] · x[j][token] over
 * tokens, for each nonzero e = (i, j) of the rows rowStart ≤ i < rowEnd. Token t goes to part t % 4. What a row of dy holds
 * stays in registers, for all of its nonzeros.
 */
export function csr_gradient_panel(
  sums: usize, pointers: usize, indices: usize, dy: usize, x: usize, rowStart: i32, rowEnd: i32,
): void {
  let row = dy + (<usize>rowStart << 7);
  for (let i = rowStart; i < rowEnd; i++, row += 128) {
    const d0 = v128.load(row), d1 = v128.load(row, 16), d2 = v128.load(row, 32), d3 = v128.load(row, 48);
    const d4 = v128.load(row, 64), d5 = v128.load(row, 80), d6 = v128.load(row, 96), d7 = v128.load(row, 112);
    const first: usize = load<u32>(at(pointers, i)), last: usize = load<u32>(at(pointers, i), 4);
    let index = indices + (first << 1), sum = sums + (first << 4);
    for (const end = sums + (last << 4); sum < end; sum += 16, index += 2) {
      const source = x + (<usize>load<u16>(index) << 7);
      let a = multiplyAdd(d0, v128.load(source), v128.load(sum));
      let b = f32x4.mul(d1, v128.load(source, 16));
      a = multiplyAdd(d2, v128.load(source, 32), a);
      b = multiplyAdd(d3, v128.load(source, 48), b);
      a = multiplyAdd(d4, v128.load(source, 64), a);
      b = multiplyAdd(d5, v128.load(source, 80), b);
      a = multiplyAdd(d6, v128.load(source, 96), a);
      b = multiplyAdd(d7, v128.load(source, 112), b);
      v128.store(sum, f32x4.add(a, b));
    }
  }
}

/** y[e] = the sum of x[e][4], for e < n. */
export function sum_parts(y: usize, x: usize, n: i32): void {
  for (const end = at(y, n); y < end; y += 4, x += 16) store<f32>(y, sumLanes(v128.load(x)));
}

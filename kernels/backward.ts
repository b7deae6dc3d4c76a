// Gradients of the operations between the matrices, in panels ([feature][32 tokens]). The gradient of the loss by a value
// x is called dx. Tokens of gaps hold anything finite, and gradients of zero.
import { at, expOrZero4, larger, multiplyAdd, sumLanes } from "./simd";

/** dx = 0 where y = 0: backward of AbsTopK, whose output is y. n rounded up to a multiple of 4. */
export function mask_nonzeros(dx: usize, y: usize, n: i32): void {
  const end = at(dx, n), zero = f32x4.splat(0);
  for (; dx < end; dx += 16, y += 16) v128.store(dx, v128.and(v128.load(dx), f32x4.ne(v128.load(y), zero)));
}

/** dx = 0 where y ≤ 0: backward of relu, whose output is y. n rounded up to a multiple of 4. */
export function relu_backward(dx: usize, y: usize, n: i32): void {
  const end = at(dx, n), zero = f32x4.splat(0);
  for (; dx < end; dx += 16, y += 16) v128.store(dx, v128.and(v128.load(dx), f32x4.gt(v128.load(y), zero)));
}

/** dx *= derivative: backward of an activation. n rounded up to a multiple of 4. */
export function multiply(dx: usize, derivative: usize, n: i32): void {
  const end = at(dx, n);
  for (; dx < end; dx += 16, derivative += 16) v128.store(dx, f32x4.mul(v128.load(dx), v128.load(derivative)));
}

/** target f32 = the sum of the lanes, or += where lanes before these are in it already. */
// @ts-ignore: decorator
@inline
function addLanes(target: usize, first: bool, lanes: v128): void {
  const sum = sumLanes(lanes);
  store<f32>(target, first ? sum : load<f32>(target) + sum);
}

/**
 * Backward of rms_norm_panel: dx += the gradient by x f32[n][32], dweight f32[n] = that by the weight, of these 32 tokens.
 * @param dx is neither dy nor x
 * @param weight 0: none
 * @param dweight 0: not wanted
 */
export function rms_norm_backward_panel(
  dx: usize, dy: usize, x: usize, weight: usize, dweight: usize, n: i32, eps: f32,
): void {
  const bytes = <usize>n << 7, inverse = f32x4.splat(1 / <f32>n), e = f32x4.splat(eps), one = f32x4.splat(1);
  for (let lane: usize = 0; lane < 128; lane += 32) {
    const begin = x + lane, end = begin + bytes;
    let squares0 = f32x4.splat(0), squares1 = squares0, dots0 = squares0, dots1 = squares0;
    let g = dy + lane;
    for (let p = begin, i = 0; p < end; p += 128, g += 128, i++) {
      const w = weight ? v128.load_splat<u32>(at(weight, i)) : one;
      let v = v128.load(p);
      squares0 = multiplyAdd(v, v, squares0);
      dots0 = multiplyAdd(f32x4.mul(w, v128.load(g)), v, dots0);
      v = v128.load(p, 16);
      squares1 = multiplyAdd(v, v, squares1);
      dots1 = multiplyAdd(f32x4.mul(w, v128.load(g, 16)), v, dots1);
    }
    const factor0 = f32x4.div(one, f32x4.sqrt(multiplyAdd(squares0, inverse, e)));
    const factor1 = f32x4.div(one, f32x4.sqrt(multiplyAdd(squares1, inverse, e)));
    // dx = factor (w dy - y mean(w dy y)), where y = x factor
    const mean0 = f32x4.mul(f32x4.mul(dots0, factor0), inverse), mean1 = f32x4.mul(f32x4.mul(dots1, factor1), inverse);
    g = dy + lane;
    let q = dx + lane;
    for (let p = begin, i = 0; p < end; p += 128, g += 128, q += 128, i++) {
      const w = weight ? v128.load_splat<u32>(at(weight, i)) : one;
      const g0 = v128.load(g), g1 = v128.load(g, 16);
      const y0 = f32x4.mul(v128.load(p), factor0), y1 = f32x4.mul(v128.load(p, 16), factor1);
      const d0 = f32x4.sub(f32x4.mul(w, g0), f32x4.mul(y0, mean0)), d1 = f32x4.sub(f32x4.mul(w, g1), f32x4.mul(y1, mean1));
      v128.store(q, multiplyAdd(d0, factor0, v128.load(q)));
      v128.store(q, multiplyAdd(d1, factor1, v128.load(q, 16)), 16);
      if (dweight) addLanes(at(dweight, i), lane == 0, multiplyAdd(g0, y0, f32x4.mul(g1, y1)));
    }
  }
}

/**
 * Backward of layer_norm_panel: dx += the gradient by x f32[n][32], dweight f32[n] and dbias f32[n] = those by the weight
 * and by the bias, of these 32 tokens.
 * @param dx is neither dy nor x
 * @param weight 0: none
 * @param dweight, dbias 0: not wanted
 */
export function layer_norm_backward_panel(
  dx: usize, dy: usize, x: usize, weight: usize, dweight: usize, dbias: usize, n: i32, eps: f32,
): void {
  const bytes = <usize>n << 7, inverse = f32x4.splat(1 / <f32>n), e = f32x4.splat(eps), one = f32x4.splat(1);
  for (let lane: usize = 0; lane < 128; lane += 32) {
    const begin = x + lane, end = begin + bytes;
    let total0 = f32x4.splat(0), total1 = total0;
    for (let p = begin; p < end; p += 128) {
      total0 = f32x4.add(total0, v128.load(p));
      total1 = f32x4.add(total1, v128.load(p, 16));
    }
    const centre0 = f32x4.mul(total0, inverse), centre1 = f32x4.mul(total1, inverse);
    let squares0 = f32x4.splat(0), squares1 = squares0, dots0 = squares0, dots1 = squares0;
    total0 = squares0;
    total1 = squares0;
    let g = dy + lane;
    for (let p = begin, i = 0; p < end; p += 128, g += 128, i++) {
      const w = weight ? v128.load_splat<u32>(at(weight, i)) : one;
      let v = f32x4.sub(v128.load(p), centre0), d = f32x4.mul(w, v128.load(g));
      squares0 = multiplyAdd(v, v, squares0);
      dots0 = multiplyAdd(d, v, dots0);
      total0 = f32x4.add(total0, d);
      v = f32x4.sub(v128.load(p, 16), centre1);
      d = f32x4.mul(w, v128.load(g, 16));
      squares1 = multiplyAdd(v, v, squares1);
      dots1 = multiplyAdd(d, v, dots1);
      total1 = f32x4.add(total1, d);
    }
    const factor0 = f32x4.div(one, f32x4.sqrt(multiplyAdd(squares0, inverse, e)));
    const factor1 = f32x4.div(one, f32x4.sqrt(multiplyAdd(squares1, inverse, e)));
    // dx = factor (w dy - mean(w dy) - y mean(w dy y)), where y = (x - centre) factor
    const mean0 = f32x4.mul(f32x4.mul(dots0, factor0), inverse), mean1 = f32x4.mul(f32x4.mul(dots1, factor1), inverse);
    const shift0 = f32x4.mul(total0, inverse), shift1 = f32x4.mul(total1, inverse);
    g = dy + lane;
    let q = dx + lane;
    for (let p = begin, i = 0; p < end; p += 128, g += 128, q += 128, i++) {
      const w = weight ? v128.load_splat<u32>(at(weight, i)) : one;
      const g0 = v128.load(g), g1 = v128.load(g, 16);
      const y0 = f32x4.mul(f32x4.sub(v128.load(p), centre0), factor0);
      const y1 = f32x4.mul(f32x4.sub(v128.load(p, 16), centre1), factor1);
      const d0 = f32x4.sub(f32x4.sub(f32x4.mul(w, g0), shift0), f32x4.mul(y0, mean0));
      const d1 = f32x4.sub(f32x4.sub(f32x4.mul(w, g1), shift1), f32x4.mul(y1, mean1));
      v128.store(q, multiplyAdd(d0, factor0, v128.load(q)));
      v128.store(q, multiplyAdd(d1, factor1, v128.load(q, 16)), 16);
      if (dweight) addLanes(at(dweight, i), lane == 0, multiplyAdd(g0, y0, f32x4.mul(g1, y1)));
      if (dbias) addLanes(at(dbias, i), lane == 0, f32x4.add(g0, g1));
    }
  }
}

/**
 * logits f32[n][32] become the gradient of their loss, scale · (softmax(logits) - onehot(target)), and losses f32[32] =
 * -log softmax(logits)[target].
 * @param targets i32[32]; -1: none, gradient and loss are 0
 */
export function cross_entropy_panel(logits: usize, n: i32, targets: usize, losses: usize, scale: f32): void {
  const bytes = <usize>n << 7, lowest = f32x4.splat(-1e30);
  for (let lane = 0; lane < 32; lane += 16) {
    const begin = at(logits, lane), end = begin + bytes;
    let m0 = lowest, m1 = lowest, m2 = lowest, m3 = lowest;
    for (let p = begin; p < end; p += 128) {
      m0 = larger(m0, v128.load(p));
      m1 = larger(m1, v128.load(p, 16));
      m2 = larger(m2, v128.load(p, 32));
      m3 = larger(m3, v128.load(p, 48));
    }
    // Until the end, losses holds logit[target] - the largest.
    const own = at(losses, lane);
    v128.store(own, m0);
    v128.store(own, m1, 16);
    v128.store(own, m2, 32);
    v128.store(own, m3, 48);
    for (let t = lane; t < lane + 16; t++) {
      const target = load<i32>(at(targets, t)), loss = at(losses, t);
      if (target >= 0) store<f32>(loss, load<f32>(at(logits, t) + (<usize>target << 7)) - load<f32>(loss));
    }
    let z0 = f32x4.splat(0), z1 = z0, z2 = z0, z3 = z0;
    for (let p = begin; p < end; p += 128) {
      const e0 = expOrZero4(f32x4.sub(v128.load(p), m0)), e1 = expOrZero4(f32x4.sub(v128.load(p, 16), m1));
      v128.store(p, e0);
      v128.store(p, e1, 16);
      z0 = f32x4.add(z0, e0);
      z1 = f32x4.add(z1, e1);
      const e2 = expOrZero4(f32x4.sub(v128.load(p, 32), m2)), e3 = expOrZero4(f32x4.sub(v128.load(p, 48), m3));
      v128.store(p, e2, 32);
      v128.store(p, e3, 48);
      z2 = f32x4.add(z2, e2);
      z3 = f32x4.add(z3, e3);
    }
    const r0 = scaleOver(z0, scale, at(targets, lane)), r1 = scaleOver(z1, scale, at(targets, lane + 4));
    const r2 = scaleOver(z2, scale, at(targets, lane + 8)), r3 = scaleOver(z3, scale, at(targets, lane + 12));
    for (let p = begin; p < end; p += 128) {
      v128.store(p, f32x4.mul(v128.load(p), r0));
      v128.store(p, f32x4.mul(v128.load(p, 16), r1), 16);
      v128.store(p, f32x4.mul(v128.load(p, 32), r2), 32);
      v128.store(p, f32x4.mul(v128.load(p, 48), r3), 48);
    }
    finishLosses(logits, lane, z0, targets, losses, scale);
    finishLosses(logits, lane + 4, z1, targets, losses, scale);
    finishLosses(logits, lane + 8, z2, targets, losses, scale);
    finishLosses(logits, lane + 12, z3, targets, losses, scale);
  }
}

/** scale / z; 0 in the lanes without a target. */
// @ts-ignore: decorator
@inline
function scaleOver(z: v128, scale: f32, targets: usize): v128 {
  return v128.andnot(f32x4.div(f32x4.splat(scale), z), i32x4.lt_s(v128.load(targets), i32x4.splat(0)));
}

/** The losses of four lanes, and their targets' part of the gradient. */
// @ts-ignore: decorator
@inline
function finishLosses(logits: usize, lane: i32, z: v128, targets: usize, losses: usize, scale: f32): void {
  finishLoss(logits, lane, f32x4.extract_lane(z, 0), targets, losses, scale);
  finishLoss(logits, lane + 1, f32x4.extract_lane(z, 1), targets, losses, scale);
  finishLoss(logits, lane + 2, f32x4.extract_lane(z, 2), targets, losses, scale);
  finishLoss(logits, lane + 3, f32x4.extract_lane(z, 3), targets, losses, scale);
}

function finishLoss(logits: usize, lane: i32, z: f32, targets: usize, losses: usize, scale: f32): void {
  const target = load<i32>(at(targets, lane)), loss = at(losses, lane);
  if (target < 0) {
    store<f32>(loss, 0);
    return;
  }
  store<f32>(loss, Mathf.log(z) - load<f32>(loss));
  const p = at(logits, lane) + (<usize>target << 7);
  store<f32>(p, load<f32>(p) - scale);
}

// @ts-ignore: decorator
@inline
function rowOf(table: usize, stride: i32, row: i32): usize {
  return table + ((<usize>row * <usize>stride) << 2);
}

// @ts-ignore: decorator
@inline
function fourOf(row: usize, wanted: bool, f: i32): v128 {
  return wanted ? v128.load(at(row, f)) : f32x4.splat(0);
}

/**
 * panel[f][lane] += table[rows[lane] * stride + f] for f < width: an embedding's look-up.
 * @param rows i32[32]; lanes whose row is -1 stay as they are
 */
export function add_rows_panel(panel: usize, width: i32, table: usize, stride: i32, rows: usize): void {
  for (let lane = 0; lane < 32; lane += 4) {
    const r = at(rows, lane);
    const ra = load<i32>(r), rb = load<i32>(r, 4), rc = load<i32>(r, 8), rd = load<i32>(r, 12);
    const hasA = ra >= 0, hasB = rb >= 0, hasC = rc >= 0, hasD = rd >= 0;
    if (!(hasA || hasB || hasC || hasD)) continue;
    const rowA = rowOf(table, stride, ra), rowB = rowOf(table, stride, rb);
    const rowC = rowOf(table, stride, rc), rowD = rowOf(table, stride, rd);
    let q = at(panel, lane), f = 0;
    for (; f < (width & ~3); f += 4, q += 512) {
      const a = fourOf(rowA, hasA, f), b = fourOf(rowB, hasB, f), c = fourOf(rowC, hasC, f), d = fourOf(rowD, hasD, f);
      const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
      v128.store(q, f32x4.add(v128.load(q), v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5)));
      v128.store(q, f32x4.add(v128.load(q, 128), v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7)), 128);
      v128.store(q, f32x4.add(v128.load(q, 256), v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5)), 256);
      v128.store(q, f32x4.add(v128.load(q, 384), v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7)), 384);
    }
    for (; f < width; f++, q += 128) {
      for (let u: i32 = 0; u < 4; u++) {
        const row = load<i32>(at(r, u));
        if (row >= 0) store<f32>(at(q, u), load<f32>(at(q, u)) + load<f32>(at(rowOf(table, stride, row), f)));
      }
    }
  }
}

/**
 * table[rows[lane] * stride + f] += panel[f][lane] for f < width and the lanes with rowStart ≤ rows[lane] < rowEnd, lane
 * after lane: backward of add_rows_panel.
 * @param rows i32[32]
 */
export function scatter_rows_panel(
  table: usize, stride: i32, rows: usize, panel: usize, width: i32, rowStart: i32, rowEnd: i32,
): void {
  for (let lane = 0; lane < 32; lane += 4) {
    const r = at(rows, lane);
    const ra = load<i32>(r), rb = load<i32>(r, 4), rc = load<i32>(r, 8), rd = load<i32>(r, 12);
    const hasA = ra >= rowStart && ra < rowEnd, hasB = rb >= rowStart && rb < rowEnd;
    const hasC = rc >= rowStart && rc < rowEnd, hasD = rd >= rowStart && rd < rowEnd;
    if (!(hasA || hasB || hasC || hasD)) continue;
    const rowA = rowOf(table, stride, ra), rowB = rowOf(table, stride, rb);
    const rowC = rowOf(table, stride, rc), rowD = rowOf(table, stride, rd);
    let p = at(panel, lane), f = 0;
    for (; f < (width & ~3); f += 4, p += 512) {
      const a = v128.load(p), b = v128.load(p, 128), c = v128.load(p, 256), d = v128.load(p, 384);
      const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
      if (hasA) addFour(at(rowA, f), v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
      if (hasB) addFour(at(rowB, f), v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
      if (hasC) addFour(at(rowC, f), v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
      if (hasD) addFour(at(rowD, f), v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
    }
    for (; f < width; f++, p += 128) {
      for (let u: i32 = 0; u < 4; u++) {
        const row = load<i32>(at(r, u));
        if (row < rowStart || row >= rowEnd) continue;
        const q = at(rowOf(table, stride, row), f);
        store<f32>(q, load<f32>(q) + load<f32>(at(p, u)));
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function addFour(target: usize, values: v128): void {
  v128.store(target, f32x4.add(v128.load(target), values));
}

/** sums[f] += the sum of the 32 tokens of panel[f], for rowStart ≤ f < rowEnd: the gradient of a bias. */
export function sum_rows_panel(sums: usize, panel: usize, rowStart: i32, rowEnd: i32): void {
  const end = panel + (<usize>rowEnd << 7);
  let q = at(sums, rowStart);
  for (let p = panel + (<usize>rowStart << 7); p < end; p += 128, q += 4) {
    const a = f32x4.add(v128.load(p), v128.load(p, 16)), b = f32x4.add(v128.load(p, 32), v128.load(p, 48));
    const c = f32x4.add(v128.load(p, 64), v128.load(p, 80)), d = f32x4.add(v128.load(p, 96), v128.load(p, 112));
    store<f32>(q, load<f32>(q) + sumLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d))));
  }
}

/** Σ x² over x f32[n], summed in float64. */
export function sum_of_squares(x: usize, n: i32): f64 {
  let a = f64x2.splat(0), b = a;
  const end4 = at(x, n & ~3), end = at(x, n);
  for (; x < end4; x += 16) {
    const v = f64x2.promote_low_f32x4(v128.load64_zero(x)), w = f64x2.promote_low_f32x4(v128.load64_zero(x, 8));
    a = f64x2.add(a, f64x2.mul(v, v));
    b = f64x2.add(b, f64x2.mul(w, w));
  }
  let rest: f64 = 0;
  for (; x < end; x += 4) {
    const v = <f64>load<f32>(x);
    rest += v * v;
  }
  a = f64x2.add(a, b);
  return f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1) + rest;
}

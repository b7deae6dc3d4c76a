// Backward of attention_panel, eight queries at a time; the probabilities are computed anew.
import { at, cell, exp4, expOrZero4, larger, multiplyAdd, sumLanes, transpose4 } from "./simd";

/**
 * The gradients of one sequence, which begins at token `start` (a multiple of 8) in all panels, for the heads headStart ≤
 * h < headEnd. What q, k, v and y hold behind the last token, up to a multiple of 8, must be finite; dq, dk and dv become
 * zero there.
 * @param dq, q panels of qWidth features
 * @param dk, dv, k, v panels of kWidth features
 * @param dy, y panels of yWidth features
 * @param sinks, dsinks f32[heads], or 0; dsinks is added to
 * @param scratch f32[16 L + 2 L D + 32 D], L = length rounded up to 8, D = dHead rounded up to 8
 */
export function attention_backward_panel(
  dq: usize, dk: usize, dv: usize, dy: usize, y: usize, yWidth: i32, q: usize, qWidth: i32, k: usize, v: usize,
  kWidth: i32, start: i32, sinks: usize, dsinks: usize, headStart: i32, headEnd: i32, dHead: i32, length: i32, scale: f32,
  scratch: usize,
): void {
  const padded = (length + 7) & ~7, rowWidth = (dHead + 7) & ~7;
  const scores = scratch; // [key][8 queries]
  const dscores = at(scores, 8 * padded); // likewise
  const dkRows = at(dscores, 8 * padded); // [key][rowWidth]
  const dvRows = at(dkRows, rowWidth * padded); // likewise
  const qBlock = at(dvRows, rowWidth * padded); // [rowWidth][8 queries]
  const dyBlock = at(qBlock, 8 * rowWidth); // likewise
  const qRows = at(dyBlock, 8 * rowWidth); // [8 queries][rowWidth]
  const dyRows = at(qRows, 8 * rowWidth); // likewise
  const rowBytes = <usize>rowWidth << 2, panelBytes = <usize>dHead << 7;
  const scales = f32x4.splat(scale), lowest = f32x4.splat(-1e30);
  const lanes0 = i32x4(0, 1, 2, 3), lanes1 = i32x4(4, 5, 6, 7);
  memory.fill(qBlock, 0, rowBytes << 4);
  for (let h = headStart; h < headEnd; h++) {
    const feature = h * dHead;
    let dsink = f32x4.splat(0);
    memory.fill(dkRows, 0, <usize>padded * rowBytes << 1);
    for (let t = 0; t < length; t += 8) {
      const keys = t + 8, bytes = <usize>keys << 5;
      const inside0 = i32x4.lt_s(lanes0, i32x4.splat(length - t)), inside1 = i32x4.lt_s(lanes1, i32x4.splat(length - t));

      // The probabilities but for their denominator, e, from queries that are scaled already.
      let p = cell(q, qWidth, feature, start + t), end = p + panelBytes;
      for (let block = qBlock; p < end; p += 128, block += 32) {
        v128.store(block, v128.and(f32x4.mul(v128.load(p), scales), inside0));
        v128.store(block, v128.and(f32x4.mul(v128.load(p, 16), scales), inside1), 16);
      }
      transposeBlock(qRows, qBlock, rowWidth);
      for (let s = 0; s < keys; s += 4) {
        products(scores + (<usize>s << 5), qBlock, dHead, cell(k, kWidth, feature, start + s));
      }
      p = scores + (<usize>t << 5);
      for (let ahead = 0; ahead < 8; ahead++, p += 32) {
        v128.store(p, v128.bitselect(v128.load(p), lowest, i32x4.ge_s(lanes0, i32x4.splat(ahead))));
        v128.store(p, v128.bitselect(v128.load(p, 16), lowest, i32x4.ge_s(lanes1, i32x4.splat(ahead))), 16);
      }
      let m0 = lowest, m1 = lowest, z0 = f32x4.splat(0), z1 = z0, sink0 = z0, sink1 = z0;
      end = scores + bytes;
      for (p = scores; p < end; p += 32) {
        m0 = larger(m0, v128.load(p));
        m1 = larger(m1, v128.load(p, 16));
      }
      if (sinks) {
        const sink = v128.load_splat<u32>(at(sinks, h));
        m0 = larger(m0, sink);
        m1 = larger(m1, sink);
        z0 = sink0 = exp4(f32x4.sub(sink, m0));
        z1 = sink1 = exp4(f32x4.sub(sink, m1));
      }
      for (p = scores; p < end; p += 32) {
        const e0 = expOrZero4(f32x4.sub(v128.load(p), m0)), e1 = expOrZero4(f32x4.sub(v128.load(p, 16), m1));
        v128.store(p, e0);
        v128.store(p, e1, 16);
        z0 = f32x4.add(z0, e0);
        z1 = f32x4.add(z1, e1);
      }

      // dy takes the denominator, so that e needs none: dscore = p (dy · v - dy · y) = e (dy/z · v - dy/z · y).
      const r0 = f32x4.div(f32x4.splat(1), z0), r1 = f32x4.div(f32x4.splat(1), z1);
      let mean0 = f32x4.splat(0), mean1 = mean0;
      p = cell(dy, yWidth, feature, start + t);
      end = p + panelBytes;
      let output = cell(y, yWidth, feature, start + t);
      for (let block = dyBlock; p < end; p += 128, output += 128, block += 32) {
        const g0 = v128.and(f32x4.mul(v128.load(p), r0), inside0), g1 = v128.and(f32x4.mul(v128.load(p, 16), r1), inside1);
        v128.store(block, g0);
        v128.store(block, g1, 16);
        mean0 = multiplyAdd(g0, v128.load(output), mean0);
        mean1 = multiplyAdd(g1, v128.load(output, 16), mean1);
      }
      transposeBlock(dyRows, dyBlock, rowWidth);
      // The sink's value is zero.
      dsink = f32x4.sub(dsink, f32x4.add(f32x4.mul(sink0, mean0), f32x4.mul(sink1, mean1)));
      for (let s = 0; s < keys; s += 4) {
        products(dscores + (<usize>s << 5), dyBlock, dHead, cell(v, kWidth, feature, start + s));
      }
      for (let i: usize = 0; i < bytes; i += 32) {
        p = dscores + i;
        v128.store(p, f32x4.mul(v128.load(scores + i), f32x4.sub(v128.load(p), mean0)));
        v128.store(p, f32x4.mul(v128.load(scores + i, 16), f32x4.sub(v128.load(p, 16), mean1)), 16);
      }

      queryGradient(cell(dq, qWidth, feature, start + t), dscores, keys, k, kWidth, feature, start, dHead, scales);
      let dkRow = dkRows, dvRow = dvRows;
      for (let i: usize = 0; i < bytes; i += 128) {
        for (let f: usize = 0; f < rowBytes; f += 32) {
          addOuterProducts(dkRow + f, dscores + i, qRows + f, rowBytes);
          addOuterProducts(dvRow + f, scores + i, dyRows + f, rowBytes);
        }
        dkRow += rowBytes << 2;
        dvRow += rowBytes << 2;
      }
    }
    for (let s = 0; s < padded; s += 4) {
      const row = <usize>s * rowBytes;
      rowsToPanel(cell(dk, kWidth, feature, start + s), dkRows + row, rowBytes, dHead);
      rowsToPanel(cell(dv, kWidth, feature, start + s), dvRows + row, rowBytes, dHead);
    }
    if (sinks && dsinks) store<f32>(at(dsinks, h), load<f32>(at(dsinks, h)) + sumLanes(dsink));
  }
}

/** rows[8][width] = the transpose of block[width][8]. */
// @ts-ignore: decorator
@inline
function transposeBlock(rows: usize, block: usize, width: i32): void {
  const step = <usize>width << 2, end = at(rows, width);
  for (; rows < end; rows += 16, block += 128) {
    transpose4(rows, step, block, 32);
    transpose4(rows + 4 * step, step, block + 16, 32);
  }
}

/** target[4 keys][8 queries] = Σ_d x[d][key] block[d][query], where x is the first key's cell in a panel. */
// @ts-ignore: decorator
@inline
function products(target: usize, block: usize, dHead: i32, x: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
  const end = block + (<usize>dHead << 5);
  for (; block < end; block += 32, x += 128) {
    const x0 = v128.load(block), x1 = v128.load(block, 16);
    let w = v128.load_splat<u32>(x);
    a0 = multiplyAdd(w, x0, a0);
    a1 = multiplyAdd(w, x1, a1);
    w = v128.load_splat<u32>(x, 4);
    b0 = multiplyAdd(w, x0, b0);
    b1 = multiplyAdd(w, x1, b1);
    w = v128.load_splat<u32>(x, 8);
    c0 = multiplyAdd(w, x0, c0);
    c1 = multiplyAdd(w, x1, c1);
    w = v128.load_splat<u32>(x, 12);
    d0 = multiplyAdd(w, x0, d0);
    d1 = multiplyAdd(w, x1, d1);
  }
  v128.store(target, a0);
  v128.store(target, a1, 16);
  v128.store(target, b0, 32);
  v128.store(target, b1, 48);
  v128.store(target, c0, 64);
  v128.store(target, c1, 80);
  v128.store(target, d0, 96);
  v128.store(target, d1, 112);
}

/** dq[d][8 queries] = scale Σ_s k[d][s] dscores[s][query]. */
// @ts-ignore: decorator
@inline
function queryGradient(
  dq: usize, dscores: usize, keys: i32, k: usize, kWidth: i32, feature: i32, start: i32, dHead: i32, scales: v128,
): void {
  let d = 0;
  for (; d < (dHead & ~3); d += 4, dq += 512) {
    let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    let p = dscores;
    for (let s = 0; s < keys; ) {
      // Up to the end of the panel the keys lie in a row.
      let kp = cell(k, kWidth, feature + d, start + s);
      const run = min(32 - ((start + s) & 31), keys - s);
      const runEnd = p + (<usize>run << 5);
      s += run;
      for (; p < runEnd; p += 32, kp += 4) {
        const x0 = v128.load(p), x1 = v128.load(p, 16);
        let w = v128.load_splat<u32>(kp);
        a0 = multiplyAdd(w, x0, a0);
        a1 = multiplyAdd(w, x1, a1);
        w = v128.load_splat<u32>(kp, 128);
        b0 = multiplyAdd(w, x0, b0);
        b1 = multiplyAdd(w, x1, b1);
        w = v128.load_splat<u32>(kp, 256);
        c0 = multiplyAdd(w, x0, c0);
        c1 = multiplyAdd(w, x1, c1);
        w = v128.load_splat<u32>(kp, 384);
        d0 = multiplyAdd(w, x0, d0);
        d1 = multiplyAdd(w, x1, d1);
      }
    }
    v128.store(dq, f32x4.mul(a0, scales));
    v128.store(dq, f32x4.mul(a1, scales), 16);
    v128.store(dq, f32x4.mul(b0, scales), 128);
    v128.store(dq, f32x4.mul(b1, scales), 144);
    v128.store(dq, f32x4.mul(c0, scales), 256);
    v128.store(dq, f32x4.mul(c1, scales), 272);
    v128.store(dq, f32x4.mul(d0, scales), 384);
    v128.store(dq, f32x4.mul(d1, scales), 400);
  }
  for (; d < dHead; d++, dq += 128) {
    let a0 = f32x4.splat(0), a1 = a0;
    for (let s = 0; s < keys; s++) {
      const w = v128.load_splat<u32>(cell(k, kWidth, feature + d, start + s));
      const p = dscores + (<usize>s << 5);
      a0 = multiplyAdd(w, v128.load(p), a0);
      a1 = multiplyAdd(w, v128.load(p, 16), a1);
    }
    v128.store(dq, f32x4.mul(a0, scales));
    v128.store(dq, f32x4.mul(a1, scales), 16);
  }
}

/** rows[4 keys][8 of its features] += Σ_query left[key][query] right[query][feature]. */
// @ts-ignore: decorator
@inline
function addOuterProducts(rows: usize, left: usize, right: usize, rowBytes: usize): void {
  const rowB = rows + rowBytes, rowC = rowB + rowBytes, rowD = rowC + rowBytes;
  let a0 = v128.load(rows), a1 = v128.load(rows, 16), b0 = v128.load(rowB), b1 = v128.load(rowB, 16);
  let c0 = v128.load(rowC), c1 = v128.load(rowC, 16), d0 = v128.load(rowD), d1 = v128.load(rowD, 16);
  for (const end = left + 32; left < end; left += 4, right += rowBytes) {
    const x0 = v128.load(right), x1 = v128.load(right, 16);
    let w = v128.load_splat<u32>(left);
    a0 = multiplyAdd(w, x0, a0);
    a1 = multiplyAdd(w, x1, a1);
    w = v128.load_splat<u32>(left, 32);
    b0 = multiplyAdd(w, x0, b0);
    b1 = multiplyAdd(w, x1, b1);
    w = v128.load_splat<u32>(left, 64);
    c0 = multiplyAdd(w, x0, c0);
    c1 = multiplyAdd(w, x1, c1);
    w = v128.load_splat<u32>(left, 96);
    d0 = multiplyAdd(w, x0, d0);
    d1 = multiplyAdd(w, x1, d1);
  }
  v128.store(rows, a0);
  v128.store(rows, a1, 16);
  v128.store(rowB, b0);
  v128.store(rowB, b1, 16);
  v128.store(rowC, c0);
  v128.store(rowC, c1, 16);
  v128.store(rowD, d0);
  v128.store(rowD, d1, 16);
}

/** Four tokens' rows to their place in a panel. */
// @ts-ignore: decorator
@inline
function rowsToPanel(panel: usize, rows: usize, rowBytes: usize, width: i32): void {
  let d = 0;
  for (; d < (width & ~3); d += 4, panel += 512) transpose4(panel, 128, at(rows, d), rowBytes);
  for (; d < width; d++, panel += 128) {
    for (let u: i32 = 0; u < 4; u++) store<f32>(at(panel, u), load<f32>(at(rows, d) + <usize>u * rowBytes));
  }
}

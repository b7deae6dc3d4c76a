// Causal attention over panels ([feature][32 tokens]); head h owns the features h * dHead … (h + 1) * dHead - 1.
// A sequence begins at a token that is a multiple of 8, so eight of its queries always lie side by side in one panel.
import { at, cell, exp4, keepAlive, larger, maxLanes, multiplyAdd, sumLanes } from "./simd";

/**
 * y = softmax(q · k / sqrt(dHead)) v over all causal pairs of one sequence, for the heads headStart ≤ h < headEnd.
 * @param q, y panels of qWidth and yWidth features whose token qStart is the sequence's first
 * @param k, v panels of kWidth features whose token kStart is the sequence's first
 * @param sinks f32[heads], one more logit per head in the denominator; or 0
 * @param scratch f32[length rounded up to 8][8]
 */
export function attention_panel(
  y: usize, yWidth: i32, q: usize, qWidth: i32, qStart: i32, k: usize, v: usize, kWidth: i32, kStart: i32,
  sinks: usize, headStart: i32, headEnd: i32, dHead: i32, length: i32, scale: f32, scratch: usize,
): void {
  const scales = f32x4.splat(scale), lowest = f32x4.splat(-1e30);
  for (let h = headStart; h < headEnd; h++) {
    const feature = h * dHead;
    for (let t = 0; t < length; t += 8) {
      const keys = t + 8;
      const queries = cell(q, qWidth, feature, qStart + t);
      const queriesEnd = queries + (<usize>dHead << 7);
      let m0 = lowest, m1 = lowest;
      for (let s = 0; s < keys; s += 4) {
        let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
        let kp = cell(k, kWidth, feature, kStart + s);
        for (let qp = queries; qp < queriesEnd; qp += 128, kp += 128) {
          const x0 = v128.load(qp), x1 = v128.load(qp, 16);
          let w = v128.load_splat<u32>(kp);
          a0 = multiplyAdd(w, x0, a0);
          a1 = multiplyAdd(w, x1, a1);
          w = v128.load_splat<u32>(kp, 4);
          b0 = multiplyAdd(w, x0, b0);
          b1 = multiplyAdd(w, x1, b1);
          w = v128.load_splat<u32>(kp, 8);
          c0 = multiplyAdd(w, x0, c0);
          c1 = multiplyAdd(w, x1, c1);
          w = v128.load_splat<u32>(kp, 12);
          d0 = multiplyAdd(w, x0, d0);
          d1 = multiplyAdd(w, x1, d1);
        }
        if (s >= t) {
          // Key s + u is allowed for query t + lane iff s + u <= t + lane.
          const l0 = i32x4(0, 1, 2, 3), l1 = i32x4(4, 5, 6, 7), ahead = s - t;
          a0 = v128.bitselect(a0, lowest, i32x4.ge_s(l0, i32x4.splat(ahead)));
          a1 = v128.bitselect(a1, lowest, i32x4.ge_s(l1, i32x4.splat(ahead)));
          b0 = v128.bitselect(b0, lowest, i32x4.ge_s(l0, i32x4.splat(ahead + 1)));
          b1 = v128.bitselect(b1, lowest, i32x4.ge_s(l1, i32x4.splat(ahead + 1)));
          c0 = v128.bitselect(c0, lowest, i32x4.ge_s(l0, i32x4.splat(ahead + 2)));
          c1 = v128.bitselect(c1, lowest, i32x4.ge_s(l1, i32x4.splat(ahead + 2)));
          d0 = v128.bitselect(d0, lowest, i32x4.ge_s(l0, i32x4.splat(ahead + 3)));
          d1 = v128.bitselect(d1, lowest, i32x4.ge_s(l1, i32x4.splat(ahead + 3)));
        }
        const p = scratch + (<usize>s << 5);
        v128.store(p, a0);
        v128.store(p, a1, 16);
        v128.store(p, b0, 32);
        v128.store(p, b1, 48);
        v128.store(p, c0, 64);
        v128.store(p, c1, 80);
        v128.store(p, d0, 96);
        v128.store(p, d1, 112);
        m0 = larger(m0, larger(larger(a0, b0), larger(c0, d0)));
        m1 = larger(m1, larger(larger(a1, b1), larger(c1, d1)));
      }
      m0 = f32x4.mul(m0, scales);
      m1 = f32x4.mul(m1, scales);
      let z0 = f32x4.splat(0), z1 = z0;
      if (sinks) {
        const sink = v128.load_splat<u32>(at(sinks, h));
        m0 = larger(m0, sink);
        m1 = larger(m1, sink);
        z0 = exp4(f32x4.sub(sink, m0));
        z1 = exp4(f32x4.sub(sink, m1));
      }
      const scoresEnd = scratch + (<usize>keys << 5);
      for (let p = scratch; p < scoresEnd; p += 32) {
        const e0 = exp4(f32x4.sub(f32x4.mul(v128.load(p), scales), m0));
        const e1 = exp4(f32x4.sub(f32x4.mul(v128.load(p, 16), scales), m1));
        v128.store(p, e0);
        v128.store(p, e1, 16);
        z0 = f32x4.add(z0, e0);
        z1 = f32x4.add(z1, e1);
      }
      const r0 = f32x4.div(f32x4.splat(1), z0), r1 = f32x4.div(f32x4.splat(1), z1);
      let output = cell(y, yWidth, feature, qStart + t);
      let d = 0;
      for (; d < (dHead & ~3); d += 4, output += 512) {
        let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
        let p = scratch;
        for (let s = 0; s < keys; ) {
          // Up to the end of the panel the keys lie in a row.
          let vp = cell(v, kWidth, feature + d, kStart + s);
          const run = min(32 - ((kStart + s) & 31), keys - s);
          const runEnd = p + (<usize>run << 5);
          s += run;
          for (; p < runEnd; p += 32, vp += 4) {
            const x0 = v128.load(p), x1 = v128.load(p, 16);
            let w = v128.load_splat<u32>(vp);
            a0 = multiplyAdd(w, x0, a0);
            a1 = multiplyAdd(w, x1, a1);
            w = v128.load_splat<u32>(vp, 128);
            b0 = multiplyAdd(w, x0, b0);
            b1 = multiplyAdd(w, x1, b1);
            w = v128.load_splat<u32>(vp, 256);
            c0 = multiplyAdd(w, x0, c0);
            c1 = multiplyAdd(w, x1, c1);
            w = v128.load_splat<u32>(vp, 384);
            d0 = multiplyAdd(w, x0, d0);
            d1 = multiplyAdd(w, x1, d1);
          }
        }
        v128.store(output, f32x4.mul(a0, r0));
        v128.store(output, f32x4.mul(a1, r1), 16);
        v128.store(output, f32x4.mul(b0, r0), 128);
        v128.store(output, f32x4.mul(b1, r1), 144);
        v128.store(output, f32x4.mul(c0, r0), 256);
        v128.store(output, f32x4.mul(c1, r1), 272);
        v128.store(output, f32x4.mul(d0, r0), 384);
        v128.store(output, f32x4.mul(d1, r1), 400);
      }
      for (; d < dHead; d++, output += 128) {
        let a0 = f32x4.splat(0), a1 = a0;
        for (let s = 0; s < keys; s++) {
          const w = v128.load_splat<u32>(cell(v, kWidth, feature + d, kStart + s));
          const p = scratch + (<usize>s << 5);
          a0 = multiplyAdd(w, v128.load(p), a0);
          a1 = multiplyAdd(w, v128.load(p, 16), a1);
        }
        v128.store(output, f32x4.mul(a0, r0));
        v128.store(output, f32x4.mul(a1, r1), 16);
      }
    }
  }
}

/**
 * The same for the newest token alone: one query against a cache of `length` keys and values. The cache holds head after
 * head, [headPanels][dHead][32 tokens] each, so that a head's keys lie in a row; what lies behind the last token must be
 * finite. Skips the zeros of q.
 * @param y, q f32[heads * dHead]
 * @param scratch f32[length rounded up to 32] then f32[dHead][4]
 */
export function attention_decode(
  y: usize, q: usize, k: usize, v: usize, headPanels: i32, sinks: usize, headStart: i32, headEnd: i32, dHead: i32,
  length: i32, scale: f32, scratch: usize,
): void {
  const padded = (length + 31) & ~31;
  const sums = at(scratch, padded);
  const panelBytes = <usize>dHead << 7;
  const scales = f32x4.splat(scale);
  let unused: i32 = 0;
  for (let h = headStart; h < headEnd; h++) {
    const offset = <usize>(h * headPanels) * panelBytes;
    const qh = at(q, h * dHead), yh = at(y, h * dHead);
    let base = k + offset;
    for (let s = 0; s < padded; s += 32, base += panelBytes) {
      let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
      let kp = base;
      for (let d = 0; d < dHead; d++, kp += 128) {
        if (load<u32>(at(qh, d)) == 0) continue;
        const w = v128.load_splat<u32>(at(qh, d));
        a0 = multiplyAdd(w, v128.load(kp), a0);
        a1 = multiplyAdd(w, v128.load(kp, 16), a1);
        a2 = multiplyAdd(w, v128.load(kp, 32), a2);
        a3 = multiplyAdd(w, v128.load(kp, 48), a3);
        a4 = multiplyAdd(w, v128.load(kp, 64), a4);
        a5 = multiplyAdd(w, v128.load(kp, 80), a5);
        a6 = multiplyAdd(w, v128.load(kp, 96), a6);
        a7 = multiplyAdd(w, v128.load(kp, 112), a7);
      }
      const p = at(scratch, s);
      v128.store(p, a0);
      v128.store(p, a1, 16);
      v128.store(p, a2, 32);
      v128.store(p, a3, 48);
      v128.store(p, a4, 64);
      v128.store(p, a5, 80);
      v128.store(p, a6, 96);
      v128.store(p, a7, 112);
    }
    for (let s = length; s < padded; s++) store<f32>(at(scratch, s), -1e30);
    let largest4 = f32x4.splat(-1e30);
    for (let s = 0; s < padded; s += 4) largest4 = larger(largest4, v128.load(at(scratch, s)));
    let largest = maxLanes(largest4) * scale;
    let total: f32 = 0;
    if (sinks) {
      const sink = load<f32>(at(sinks, h));
      largest = max(largest, sink);
      total = f32x4.extract_lane(exp4(f32x4.splat(sink - largest)), 0);
    }
    const m = f32x4.splat(largest);
    let total4 = f32x4.splat(0);
    for (let s = 0; s < padded; s += 4) {
      const e = exp4(f32x4.sub(f32x4.mul(v128.load(at(scratch, s)), scales), m));
      v128.store(at(scratch, s), e);
      total4 = f32x4.add(total4, e);
    }
    total += sumLanes(total4);
    const factor: f32 = 1 / total;

    // The next head's keys: short pieces, since the zeros of q are skipped, that the hardware does not foresee.
    if (h + 1 < headEnd) {
      for (let d = 0; d < dHead; d++) {
        if (load<u32>(at(qh, dHead + d)) == 0) continue;
        let kp = k + offset + <usize>headPanels * panelBytes + (<usize>d << 7);
        for (let s = 0; s < padded; s += 32, kp += panelBytes) unused |= load<i32>(kp) | load<i32>(kp, 64);
      }
    }
    memory.fill(sums, 0, <usize>dHead << 4);
    base = v + offset;
    for (let s = 0; s < padded; s += 32, base += panelBytes) {
      const p = at(scratch, s);
      const p0 = v128.load(p), p1 = v128.load(p, 16), p2 = v128.load(p, 32), p3 = v128.load(p, 48);
      const p4 = v128.load(p, 64), p5 = v128.load(p, 80), p6 = v128.load(p, 96), p7 = v128.load(p, 112);
      let vp = base, sp = sums;
      for (let d = 0; d < dHead; d++, vp += 128, sp += 16) {
        let a = v128.load(sp), b = f32x4.mul(p1, v128.load(vp, 16));
        a = multiplyAdd(p0, v128.load(vp), a);
        a = multiplyAdd(p2, v128.load(vp, 32), a);
        b = multiplyAdd(p3, v128.load(vp, 48), b);
        a = multiplyAdd(p4, v128.load(vp, 64), a);
        b = multiplyAdd(p5, v128.load(vp, 80), b);
        a = multiplyAdd(p6, v128.load(vp, 96), a);
        b = multiplyAdd(p7, v128.load(vp, 112), b);
        v128.store(sp, f32x4.add(a, b));
      }
    }
    for (let d = 0; d < dHead; d++) store<f32>(at(yh, d), sumLanes(v128.load(sums + (<usize>d << 4))) * factor);
  }
  keepAlive(unused);
}

/**
 * Writes one token's keys (or values) x f32[heads * dHead] into a cache as attention_decode reads it, at `position`, for
 * the heads headStart ≤ h < headEnd.
 */
export function append_to_cache(
  cache: usize, headPanels: i32, x: usize, headStart: i32, headEnd: i32, dHead: i32, position: i32,
): void {
  const place = at(cache, (position >> 5) * dHead * 32 + (position & 31));
  for (let h = headStart; h < headEnd; h++) {
    let target = place + (<usize>(h * headPanels * dHead) << 7);
    const source = at(x, h * dHead), end = at(source, dHead);
    for (let p = source; p < end; p += 4, target += 128) store<f32>(target, load<f32>(p));
  }
}

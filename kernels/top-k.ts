// AbsTopK: keep the k entries of largest absolute value, zero the others; of equal ones the lowest index is kept.
//
// The absolute values of floats order like their bit patterns read as integers, so the threshold is searched as an
// integer: count the entries at or above a guess, interpolate, repeat. With the first guess from the mean (exact for a
// Gaussian) it takes about six passes; sorting or histograms take twice the time.
import { at, sumLanes } from "./simd";

// @ts-ignore: decorator
@inline
const ABSOLUTE: i32 = 0x7fffffff;

/** The quantile of |N(0, 1)| that a fraction k / n exceeds, over its mean (Abramowitz & Stegun 26.2.23). */
function gaussianGuess(k: i32, n: i32): f32 {
  const t = Mathf.sqrt(-2 * Mathf.log(max(<f32>k, 1) / <f32>n * <f32>0.5));
  const z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  return max(z, <f32>0.01) * <f32>1.2533141;
}

// @ts-ignore: decorator
@inline
function sumIntegers(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}

// @ts-ignore: decorator
@inline
function interpolate(low: i32, high: i32, countLow: i32, countHigh: i32, k: i32): i32 {
  return low + <i32>(<f64>(high - low) * <f64>(countLow - k) / <f64>(countLow - countHigh));
}

/**
 * AbsTopK of one vector, in place.
 * @param x f32[n], with n padded to a multiple of 16 by zeros
 * @param active receives the indices of the nonzeros that stay, u16, ascending; room for n + 3
 * @returns their number: k, or less if x has fewer nonzeros
 */
export function abs_top_k(x: usize, n: i32, k: i32, active: usize): i32 {
  const padded = (n + 15) & ~15;
  const end = at(x, padded);
  const mask = i32x4.splat(ABSOLUTE);
  if (k <= 0) {
    memory.fill(x, 0, <usize>padded << 2);
    return 0;
  }
  let low: i32 = 1;
  if (k < n) {
    let largest = i32x4.splat(0), sum = f32x4.splat(0), nonzeros = largest;
    for (let p = x; p < end; p += 16) {
      const v = v128.and(v128.load(p), mask);
      largest = i32x4.max_s(largest, v);
      sum = f32x4.add(sum, v);
      nonzeros = i32x4.sub(nonzeros, i32x4.gt_s(v, i32x4.splat(0)));
    }
    // As behind a relu: there is nothing to search for.
    if (sumIntegers(nonzeros) <= k) return keepFrom(x, padded, 1, active);
    let high = 1 + max(
      max(i32x4.extract_lane(largest, 0), i32x4.extract_lane(largest, 1)),
      max(i32x4.extract_lane(largest, 2), i32x4.extract_lane(largest, 3)),
    );
    // Invariant: count(|x| >= low) = countLow >= k > countHigh = count(|x| >= high).
    low = 0;
    let countLow = padded, countHigh = 0;
    let threshold = reinterpret<i32>(sumLanes(sum) / <f32>n * gaussianGuess(k, n));
    for (let pass = 1; high - low > 1; pass++) {
      if (threshold <= low) threshold = low + 1;
      if (threshold >= high) threshold = high - 1;
      const t = i32x4.splat(threshold);
      let c0 = i32x4.splat(0), c1 = c0, c2 = c0, c3 = c0;
      for (let p = x; p < end; p += 64) {
        c0 = i32x4.sub(c0, i32x4.ge_s(v128.and(v128.load(p), mask), t));
        c1 = i32x4.sub(c1, i32x4.ge_s(v128.and(v128.load(p, 16), mask), t));
        c2 = i32x4.sub(c2, i32x4.ge_s(v128.and(v128.load(p, 32), mask), t));
        c3 = i32x4.sub(c3, i32x4.ge_s(v128.and(v128.load(p, 48), mask), t));
      }
      c0 = i32x4.add(i32x4.add(c0, c1), i32x4.add(c2, c3));
      const count = sumIntegers(c0);
      if (count >= k) {
        low = threshold;
        countLow = count;
        if (count == k) break;
      } else {
        high = threshold;
        countHigh = count;
      }
      const bracketed = low > 0 && countHigh > 0;
      if (pass == 1) threshold += count >= k ? 1 << 20 : -(1 << 20); // an eighth of an octave: usually brackets
      else if (pass == 2 && !bracketed) threshold += count >= k ? 1 << 22 : -(1 << 22);
      else if (pass < 12 && pass % 3 != 0 && low > 0) threshold = interpolate(low, high, countLow, countHigh, k);
      else threshold = low + ((high - low) >> 1);
    }
    let surplus = countLow - k;
    for (let i = n - 1; surplus > 0; i--) {
      if ((load<i32>(at(x, i)) & ABSOLUTE) == low) {
        store<f32>(at(x, i), 0);
        surplus--;
      }
    }
  }
  return keepFrom(x, padded, low, active);
}

/** Lists the nonzeros of x, as abs_top_k does, and changes nothing. */
export function list_nonzeros(x: usize, n: i32, active: usize): i32 {
  return keepFrom(x, (n + 15) & ~15, 1, active);
}

// Zeroes what is below the threshold and lists the rest, without a branch per entry.
// @ts-ignore: decorator
@inline
function keepFrom(x: usize, n: i32, threshold: i32, active: usize): i32 {
  const t = i32x4.splat(threshold), mask = i32x4.splat(ABSOLUTE);
  let a = active;
  for (let i = 0; i < n; i += 4) {
    const p = at(x, i);
    const v = v128.load(p), kept = i32x4.ge_s(v128.and(v, mask), t);
    v128.store(p, v128.and(v, kept));
    const bits = i32x4.bitmask(kept);
    store<u16>(a, <u16>i);
    a += (bits & 1) << 1;
    store<u16>(a, <u16>(i + 1));
    a += bits & 2;
    store<u16>(a, <u16>(i + 2));
    a += (bits & 4) >> 1;
    store<u16>(a, <u16>(i + 3));
    a += (bits & 8) >> 2;
  }
  return <i32>((a - active) >> 1);
}

// The search of abs_top_k in four lanes at once: one group of four tokens of a panel.
// @ts-ignore: decorator
@inline
function interpolate4(low: v128, high: v128, countLow: v128, countHigh: v128, k: v128): v128 {
  const one = i32x4.splat(1);
  const share = f32x4.div(
    f32x4.convert_i32x4_s(i32x4.sub(countLow, k)),
    f32x4.convert_i32x4_s(i32x4.max_s(i32x4.sub(countLow, countHigh), one)),
  );
  const step = i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(high, low)), share));
  return i32x4.add(low, step);
}

// @ts-ignore: decorator
@inline
function middle4(low: v128, high: v128): v128 {
  return i32x4.add(low, i32x4.shr_u(i32x4.sub(high, low), 1));
}

// @ts-ignore: decorator
@inline
function clampInside(t: v128, low: v128, high: v128): v128 {
  const one = i32x4.splat(1);
  return i32x4.max_s(i32x4.min_s(t, i32x4.sub(high, one)), i32x4.add(low, one));
}

// @ts-ignore: decorator
@inline
function nextGuess(pass: i32, t: v128, enough: v128, low: v128, high: v128, countLow: v128, countHigh: v128, k: v128): v128 {
  let next: v128;
  if (pass == 1) {
    const eighth = i32x4.splat(1 << 20);
    next = v128.bitselect(i32x4.add(t, eighth), i32x4.sub(t, eighth), enough);
  } else if (pass < 24 && pass % 4 != 0) next = interpolate4(low, high, countLow, countHigh, k);
  else next = middle4(low, high);
  return clampInside(next, low, high);
}

/**
 * AbsTopK of each token of one panel, in place.
 * @param x f32[n][32]
 */
export function abs_top_k_panel(x: usize, n: i32, k: i32): void {
  const bytes = <usize>n << 7;
  if (k <= 0) {
    memory.fill(x, 0, bytes);
    return;
  }
  if (k >= n) return;
  const mask = i32x4.splat(ABSOLUTE), ks = i32x4.splat(k), one = i32x4.splat(1), zero = i32x4.splat(0);
  const guess = f32x4.splat(gaussianGuess(k, n) / <f32>n);
  // Sixteen tokens at a time: one cache line of each feature.
  for (let lane: usize = 0; lane < 128; lane += 64) {
    const begin = x + lane, end = begin + bytes;
    let m0 = zero, m1 = zero, m2 = zero, m3 = zero, s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    let z0 = zero, z1 = zero, z2 = zero, z3 = zero;
    for (let p = begin; p < end; p += 128) {
      let v = v128.and(v128.load(p), mask);
      m0 = i32x4.max_s(m0, v);
      s0 = f32x4.add(s0, v);
      z0 = i32x4.sub(z0, i32x4.gt_s(v, zero));
      v = v128.and(v128.load(p, 16), mask);
      m1 = i32x4.max_s(m1, v);
      s1 = f32x4.add(s1, v);
      z1 = i32x4.sub(z1, i32x4.gt_s(v, zero));
      v = v128.and(v128.load(p, 32), mask);
      m2 = i32x4.max_s(m2, v);
      s2 = f32x4.add(s2, v);
      z2 = i32x4.sub(z2, i32x4.gt_s(v, zero));
      v = v128.and(v128.load(p, 48), mask);
      m3 = i32x4.max_s(m3, v);
      s3 = f32x4.add(s3, v);
      z3 = i32x4.sub(z3, i32x4.gt_s(v, zero));
    }
    // Behind a relu most tokens have no more than k nonzeros, and nothing to search for.
    z0 = i32x4.gt_s(z0, ks);
    z1 = i32x4.gt_s(z1, ks);
    z2 = i32x4.gt_s(z2, ks);
    z3 = i32x4.gt_s(z3, ks);
    if (!v128.any_true(v128.or(v128.or(z0, z1), v128.or(z2, z3)))) continue;
    let h0 = i32x4.add(v128.and(m0, z0), one), h1 = i32x4.add(v128.and(m1, z1), one);
    let h2 = i32x4.add(v128.and(m2, z2), one), h3 = i32x4.add(v128.and(m3, z3), one);
    let l0 = zero, l1 = zero, l2 = zero, l3 = zero;
    let cl0 = i32x4.splat(n), cl1 = cl0, cl2 = cl0, cl3 = cl0;
    let ch0 = zero, ch1 = zero, ch2 = zero, ch3 = zero;
    let t0 = clampInside(f32x4.mul(s0, guess), l0, h0), t1 = clampInside(f32x4.mul(s1, guess), l1, h1);
    let t2 = clampInside(f32x4.mul(s2, guess), l2, h2), t3 = clampInside(f32x4.mul(s3, guess), l3, h3);
    for (let pass = 1; ; pass++) {
      let c0 = zero, c1 = zero, c2 = zero, c3 = zero;
      for (let p = begin; p < end; p += 128) {
        c0 = i32x4.sub(c0, i32x4.ge_s(v128.and(v128.load(p), mask), t0));
        c1 = i32x4.sub(c1, i32x4.ge_s(v128.and(v128.load(p, 16), mask), t1));
        c2 = i32x4.sub(c2, i32x4.ge_s(v128.and(v128.load(p, 32), mask), t2));
        c3 = i32x4.sub(c3, i32x4.ge_s(v128.and(v128.load(p, 48), mask), t3));
      }
      // A lane that is done (high = low + 1) takes no more updates: its guess was clamped to low + 1 = high.
      const e0 = i32x4.ge_s(c0, ks), e1 = i32x4.ge_s(c1, ks), e2 = i32x4.ge_s(c2, ks), e3 = i32x4.ge_s(c3, ks);
      const d0 = i32x4.gt_s(i32x4.sub(h0, l0), one), d1 = i32x4.gt_s(i32x4.sub(h1, l1), one);
      const d2 = i32x4.gt_s(i32x4.sub(h2, l2), one), d3 = i32x4.gt_s(i32x4.sub(h3, l3), one);
      let up = v128.and(e0, d0), down = v128.andnot(d0, e0);
      l0 = v128.bitselect(t0, l0, up); cl0 = v128.bitselect(c0, cl0, up);
      h0 = v128.bitselect(t0, h0, down); ch0 = v128.bitselect(c0, ch0, down);
      h0 = v128.bitselect(i32x4.add(l0, one), h0, i32x4.eq(cl0, ks));
      up = v128.and(e1, d1); down = v128.andnot(d1, e1);
      l1 = v128.bitselect(t1, l1, up); cl1 = v128.bitselect(c1, cl1, up);
      h1 = v128.bitselect(t1, h1, down); ch1 = v128.bitselect(c1, ch1, down);
      h1 = v128.bitselect(i32x4.add(l1, one), h1, i32x4.eq(cl1, ks));
      up = v128.and(e2, d2); down = v128.andnot(d2, e2);
      l2 = v128.bitselect(t2, l2, up); cl2 = v128.bitselect(c2, cl2, up);
      h2 = v128.bitselect(t2, h2, down); ch2 = v128.bitselect(c2, ch2, down);
      h2 = v128.bitselect(i32x4.add(l2, one), h2, i32x4.eq(cl2, ks));
      up = v128.and(e3, d3); down = v128.andnot(d3, e3);
      l3 = v128.bitselect(t3, l3, up); cl3 = v128.bitselect(c3, cl3, up);
      h3 = v128.bitselect(t3, h3, down); ch3 = v128.bitselect(c3, ch3, down);
      h3 = v128.bitselect(i32x4.add(l3, one), h3, i32x4.eq(cl3, ks));
      const widest = i32x4.max_s(
        i32x4.max_s(i32x4.sub(h0, l0), i32x4.sub(h1, l1)),
        i32x4.max_s(i32x4.sub(h2, l2), i32x4.sub(h3, l3)),
      );
      if (!v128.any_true(i32x4.gt_s(widest, one))) break;
      t0 = nextGuess(pass, t0, e0, l0, h0, cl0, ch0, ks);
      t1 = nextGuess(pass, t1, e1, l1, h1, cl1, ch1, ks);
      t2 = nextGuess(pass, t2, e2, l2, h2, cl2, ch2, ks);
      t3 = nextGuess(pass, t3, e3, l3, h3, cl3, ch3, ks);
    }
    dropSurplus(begin, n, l0, i32x4.sub(cl0, ks));
    dropSurplus(begin + 16, n, l1, i32x4.sub(cl1, ks));
    dropSurplus(begin + 32, n, l2, i32x4.sub(cl2, ks));
    dropSurplus(begin + 48, n, l3, i32x4.sub(cl3, ks));
    for (let p = begin; p < end; p += 128) {
      let v = v128.load(p);
      v128.store(p, v128.and(v, i32x4.ge_s(v128.and(v, mask), l0)));
      v = v128.load(p, 16);
      v128.store(p, v128.and(v, i32x4.ge_s(v128.and(v, mask), l1)), 16);
      v = v128.load(p, 32);
      v128.store(p, v128.and(v, i32x4.ge_s(v128.and(v, mask), l2)), 32);
      v = v128.load(p, 48);
      v128.store(p, v128.and(v, i32x4.ge_s(v128.and(v, mask), l3)), 48);
    }
  }
}

/**
 * AbsTopK over one panel of 32 tokens for the features whose mask is not 0 alone: the others, of which nobody asks, are
 * left as they are. A feature stays if fewer than k others come before it, which is one pass for each.
 * @param masks f32[n]
 */
export function abs_top_k_some_panel(x: usize, n: i32, k: i32, masks: usize): void {
  const mask = i32x4.splat(ABSOLUTE), ks = i32x4.splat(k), end = x + (<usize>n << 7);
  for (let f = 0; f < n; f++) {
    if (load<f32>(at(masks, f)) == 0) continue;
    const row = x + (<usize>f << 7);
    for (let lane: usize = 0; lane < 128; lane += 16) {
      const own = v128.and(v128.load(row + lane), mask);
      let before = i32x4.splat(0);
      for (let p = x + lane; p < row; p += 128) {
        before = i32x4.sub(before, i32x4.ge_s(v128.and(v128.load(p), mask), own));
      }
      for (let p = row + lane; p < end; p += 128) {
        before = i32x4.sub(before, i32x4.gt_s(v128.and(v128.load(p), mask), own));
      }
      v128.store(row + lane, v128.and(v128.load(row + lane), i32x4.lt_s(before, ks)));
    }
  }
}

// Entries equal to the threshold beyond the k-th, highest index first. Rare: exact ties.
function dropSurplus(x: usize, n: i32, threshold: v128, surplus: v128): void {
  if (!v128.any_true(v128.and(i32x4.gt_s(surplus, i32x4.splat(0)), i32x4.gt_s(threshold, i32x4.splat(0))))) return;
  for (let lane = 0; lane < 4; lane++) {
    let t: i32, s: i32;
    if (lane == 0) { t = i32x4.extract_lane(threshold, 0); s = i32x4.extract_lane(surplus, 0); }
    else if (lane == 1) { t = i32x4.extract_lane(threshold, 1); s = i32x4.extract_lane(surplus, 1); }
    else if (lane == 2) { t = i32x4.extract_lane(threshold, 2); s = i32x4.extract_lane(surplus, 2); }
    else { t = i32x4.extract_lane(threshold, 3); s = i32x4.extract_lane(surplus, 3); }
    if (t <= 0) continue; // fewer nonzeros than k
    for (let i = n - 1; s > 0 && i >= 0; i--) {
      const p = x + (<usize>i << 7) + (<usize>lane << 2);
      if ((load<i32>(p) & ABSOLUTE) == t) {
        store<f32>(p, 0);
        s--;
      }
    }
  }
}

// LayerNorm and RMSNorm, of one vector and of a panel of 32 tokens. A pointer of 0 means: no weight, no bias.
import { at, multiplyAdd, sumLanes } from "./simd";

// @ts-ignore: decorator
@inline
function sum(x: usize, n: i32): f32 {
  let total = f32x4.splat(0);
  const end4 = at(x, n & ~3), end = at(x, n);
  let p = x;
  for (; p < end4; p += 16) total = f32x4.add(total, v128.load(p));
  let rest: f32 = 0;
  for (; p < end; p += 4) rest += load<f32>(p);
  return sumLanes(total) + rest;
}

// @ts-ignore: decorator
@inline
function squares(x: usize, mean: f32, n: i32): f32 {
  const m = f32x4.splat(mean);
  let total = f32x4.splat(0);
  const end4 = at(x, n & ~3), end = at(x, n);
  let p = x;
  for (; p < end4; p += 16) {
    const v = f32x4.sub(v128.load(p), m);
    total = multiplyAdd(v, v, total);
  }
  let rest: f32 = 0;
  for (; p < end; p += 4) {
    const v = load<f32>(p) - mean;
    rest += v * v;
  }
  return sumLanes(total) + rest;
}

/** y = (x - mean) / sqrt(variance + eps) · weight + bias, over x f32[n]; y may be x. */
export function layer_norm(y: usize, x: usize, weight: usize, bias: usize, n: i32, eps: f32): void {
  const mean = sum(x, n) / <f32>n;
  scale(y, x, weight, bias, n, mean, 1 / sqrt<f32>(squares(x, mean, n) / <f32>n + eps));
}

/** y = x / sqrt(mean(x²) + eps) · weight, over x f32[n]; y may be x. */
export function rms_norm(y: usize, x: usize, weight: usize, n: i32, eps: f32): void {
  scale(y, x, weight, 0, n, 0, 1 / sqrt<f32>(squares(x, 0, n) / <f32>n + eps));
}

// @ts-ignore: decorator
@inline
function scale(y: usize, x: usize, weight: usize, bias: usize, n: i32, mean: f32, factor: f32): void {
  const m = f32x4.splat(mean), f = f32x4.splat(factor);
  let i = 0;
  for (; i < (n & ~3); i += 4) {
    let v = f32x4.mul(f32x4.sub(v128.load(at(x, i)), m), f);
    if (weight) v = f32x4.mul(v, v128.load(at(weight, i)));
    if (bias) v = f32x4.add(v, v128.load(at(bias, i)));
    v128.store(at(y, i), v);
  }
  for (; i < n; i++) {
    let v: f32 = (load<f32>(at(x, i)) - mean) * factor;
    if (weight) v *= load<f32>(at(weight, i));
    if (bias) v += load<f32>(at(bias, i));
    store<f32>(at(y, i), v);
  }
}

/** layer_norm of each token of a panel, x f32[n][32]; y may be x. */
export function layer_norm_panel(y: usize, x: usize, weight: usize, bias: usize, n: i32, eps: f32): void {
  const bytes = <usize>n << 7, inverse = f32x4.splat(1 / <f32>n), e = f32x4.splat(eps), one = f32x4.splat(1);
  for (let lane: usize = 0; lane < 128; lane += 16) {
    const begin = x + lane, end = begin + bytes;
    let total = f32x4.splat(0);
    for (let p = begin; p < end; p += 128) total = f32x4.add(total, v128.load(p));
    const mean = f32x4.mul(total, inverse);
    total = f32x4.splat(0);
    for (let p = begin; p < end; p += 128) {
      const v = f32x4.sub(v128.load(p), mean);
      total = multiplyAdd(v, v, total);
    }
    const factor = f32x4.div(one, f32x4.sqrt(multiplyAdd(total, inverse, e)));
    let q = y + lane;
    for (let p = begin, i = 0; p < end; p += 128, q += 128, i++) {
      let v = f32x4.mul(f32x4.sub(v128.load(p), mean), factor);
      if (weight) v = f32x4.mul(v, v128.load_splat<u32>(at(weight, i)));
      if (bias) v = f32x4.add(v, v128.load_splat<u32>(at(bias, i)));
      v128.store(q, v);
    }
  }
}

/** rms_norm of each token of a panel, x f32[n][32]; y may be x. */
export function rms_norm_panel(y: usize, x: usize, weight: usize, n: i32, eps: f32): void {
  const bytes = <usize>n << 7, inverse = f32x4.splat(1 / <f32>n), e = f32x4.splat(eps), one = f32x4.splat(1);
  for (let lane: usize = 0; lane < 128; lane += 64) {
    const begin = x + lane, end = begin + bytes;
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (let p = begin; p < end; p += 128) {
      let v = v128.load(p);
      s0 = multiplyAdd(v, v, s0);
      v = v128.load(p, 16);
      s1 = multiplyAdd(v, v, s1);
      v = v128.load(p, 32);
      s2 = multiplyAdd(v, v, s2);
      v = v128.load(p, 48);
      s3 = multiplyAdd(v, v, s3);
    }
    s0 = f32x4.div(one, f32x4.sqrt(multiplyAdd(s0, inverse, e)));
    s1 = f32x4.div(one, f32x4.sqrt(multiplyAdd(s1, inverse, e)));
    s2 = f32x4.div(one, f32x4.sqrt(multiplyAdd(s2, inverse, e)));
    s3 = f32x4.div(one, f32x4.sqrt(multiplyAdd(s3, inverse, e)));
    let q = y + lane;
    for (let p = begin, i = 0; p < end; p += 128, q += 128, i++) {
      const w = weight ? v128.load_splat<u32>(at(weight, i)) : one;
      v128.store(q, f32x4.mul(f32x4.mul(v128.load(p), s0), w));
      v128.store(q, f32x4.mul(f32x4.mul(v128.load(p, 16), s1), w), 16);
      v128.store(q, f32x4.mul(f32x4.mul(v128.load(p, 32), s2), w), 32);
      v128.store(q, f32x4.mul(f32x4.mul(v128.load(p, 48), s3), w), 48);
    }
  }
}

// Element by element, over n floats in a row.
import { fromTail4, normalTail4 } from "./normal";
import { at, exp4, isTiny4, maxLanes, multiplyAdd, sumLanes } from "./simd";

// x · Φ(x)
// @ts-ignore: decorator
@inline
function gelu4(x: v128): v128 {
  const z = f32x4.mul(f32x4.abs(x), f32x4.splat(0.70710678118654752));
  const tail = normalTail4(z, exp4(f32x4.neg(f32x4.mul(z, z))));
  return f32x4.mul(x, fromTail4(x, tail));
}

/** Exact (erf) GELU in place; n rounded up to a multiple of 4. */
export function gelu(x: usize, n: i32): void {
  const end = at(x, n);
  for (; x < end; x += 16) v128.store(x, gelu4(v128.load(x)));
}

/**
 * As gelu, and what a backward pass multiplies with: derivative = Φ(x) + x φ(x), without what no sum in float32 would
 * notice (`isTiny4`). n rounded up to a multiple of 4.
 */
export function gelu_with_derivative(x: usize, derivative: usize, n: i32): void {
  const end = at(x, n);
  for (; x < end; x += 16, derivative += 16) {
    const v = v128.load(x), z = f32x4.mul(f32x4.abs(v), f32x4.splat(0.70710678118654752));
    const e = exp4(f32x4.neg(f32x4.mul(z, z))), tail = normalTail4(z, e);
    v128.store(x, f32x4.mul(v, fromTail4(v, tail)));
    const tiny = isTiny4(e);
    const density = f32x4.mul(v128.andnot(e, tiny), f32x4.splat(0.3989422804014327)); // 1 / sqrt(2 π)
    v128.store(derivative, multiplyAdd(v, density, fromTail4(v, v128.andnot(tail, tiny))));
  }
}

/** max(x, 0) in place; n rounded up to a multiple of 4. */
export function relu(x: usize, n: i32): void {
  const end = at(x, n), zero = f32x4.splat(0);
  for (; x < end; x += 16) v128.store(x, f32x4.max(v128.load(x), zero));
}

/** y += x; n need not be a multiple of 4. */
export function add(y: usize, x: usize, n: i32): void {
  const end4 = at(y, n & ~3), end = at(y, n);
  for (; y < end4; y += 16, x += 16) v128.store(y, f32x4.add(v128.load(y), v128.load(x)));
  for (; y < end; y += 4, x += 4) store<f32>(y, load<f32>(y) + load<f32>(x));
}

/** y = a + b; n need not be a multiple of 4. */
export function sum(y: usize, a: usize, b: usize, n: i32): void {
  const end4 = at(y, n & ~3), end = at(y, n);
  for (; y < end4; y += 16, a += 16, b += 16) v128.store(y, f32x4.add(v128.load(a), v128.load(b)));
  for (; y < end; y += 4, a += 4, b += 4) store<f32>(y, load<f32>(a) + load<f32>(b));
}

export function copy(target: usize, source: usize, bytes: i32): void {
  memory.copy(target, source, <usize>bytes);
}

export function zero(target: usize, bytes: i32): void {
  memory.fill(target, 0, <usize>bytes);
}

/** log(sum(exp(x))) over x f32[n]. */
export function log_sum_exp(x: usize, n: i32): f32 {
  const n4 = n & ~3;
  let largest4 = f32x4.splat(-Infinity);
  let i = 0;
  for (; i < n4; i += 4) largest4 = f32x4.max(largest4, v128.load(at(x, i)));
  let largest = maxLanes(largest4);
  for (; i < n; i++) largest = max(largest, load<f32>(at(x, i)));
  if (largest == -Infinity) return largest;
  const m = f32x4.splat(largest);
  let total4 = f32x4.splat(0);
  for (i = 0; i < n4; i += 4) total4 = f32x4.add(total4, exp4(f32x4.sub(v128.load(at(x, i)), m)));
  let total = sumLanes(total4);
  for (; i < n; i++) total += f32x4.extract_lane(exp4(f32x4.splat(load<f32>(at(x, i)) - largest)), 0);
  return largest + Mathf.log(total);
}

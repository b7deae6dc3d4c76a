// The normal distribution, for GELU and its derivative. Everything here is inlined.
import { multiplyAdd } from "./simd";

/**
 * Φ(-√2 z) for z ≥ 0 and `e` = exp(-z²), with the error function's rational approximation (Abramowitz & Stegun 7.1.26,
 * absolute error 1.5e-7).
 */
// @ts-ignore: decorator
@inline
export function normalTail4(z: v128, e: v128): v128 {
  const t = f32x4.div(f32x4.splat(1), multiplyAdd(f32x4.splat(0.3275911), z, f32x4.splat(1)));
  let p = multiplyAdd(f32x4.splat(1.061405429), t, f32x4.splat(-1.453152027));
  p = multiplyAdd(p, t, f32x4.splat(1.421413741));
  p = multiplyAdd(p, t, f32x4.splat(-0.284496736));
  p = multiplyAdd(p, t, f32x4.splat(0.254829592));
  return f32x4.mul(f32x4.splat(0.5), f32x4.mul(f32x4.mul(p, t), e));
}

/** Φ(x) of the lanes of x, from Φ(-|x|). */
// @ts-ignore: decorator
@inline
export function fromTail4(x: v128, tail: v128): v128 {
  return v128.bitselect(tail, f32x4.sub(f32x4.splat(1), tail), f32x4.lt(x, f32x4.splat(0)));
}

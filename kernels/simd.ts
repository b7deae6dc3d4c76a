// Small vector helpers shared by the kernels. Everything here is inlined.

/** a * b + c: one rounding in the fma build, two in the simd build. */
// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (isDefined(USE_FMA)) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

// @ts-ignore: decorator
@inline
export function maxLanes(v: v128): f32 {
  return max(
    max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/** Address of the float `index` elements behind `pointer`. */
// @ts-ignore: decorator
@inline
export function at(pointer: usize, index: i32): usize {
  return pointer + (<usize>index << 2);
}

/** Address of feature `feature` of token `token` in panels of `width` features. */
// @ts-ignore: decorator
@inline
export function cell(base: usize, width: i32, feature: i32, token: i32): usize {
  return base + ((<usize>(token >> 5) * <usize>width + <usize>feature) << 7) + (<usize>(token & 31) << 2);
}

/**
 * Nobody reads what was touched to have it in the cache; without a use the compiler would be free to leave it out.
 */
// @ts-ignore: decorator
@inline
export function keepAlive(value: i32): void {
  if (value == i32.MIN_VALUE + 1) memory.fill(0, 0, 0);
}

/** Larger of each lane: one instruction where f32x4.max needs six for NaN and -0. A NaN in a stays. */
// @ts-ignore: decorator
@inline
export function larger(a: v128, b: v128): v128 {
  return f32x4.pmax(a, b);
}

/**
 * exp(x), Cephes' expf polynomial, for x up to 88. Below -80 the result is zero: WebAssembly cannot flush denormals, and
 * a softmax tail full of them costs a hundred cycles each.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const tail = f32x4.lt(x, f32x4.splat(-80)); // false for NaN, which shall stay
  x = f32x4.pmin(larger(x, f32x4.splat(-80)), f32x4.splat(88));
  // Adding 1.5 * 2^23 rounds to an integer, and leaves it in the low bits.
  const shifted = multiplyAdd(x, f32x4.splat(1.4426950408889634), f32x4.splat(12582912));
  const n = f32x4.sub(shifted, f32x4.splat(12582912));
  let r = multiplyAdd(n, f32x4.splat(-0.693359375), x);
  r = multiplyAdd(n, f32x4.splat(2.12194440e-4), r);
  let p = f32x4.splat(1.9875691500e-4);
  p = multiplyAdd(p, r, f32x4.splat(1.3981999507e-3));
  p = multiplyAdd(p, r, f32x4.splat(8.3334519073e-3));
  p = multiplyAdd(p, r, f32x4.splat(4.1665795894e-2));
  p = multiplyAdd(p, r, f32x4.splat(1.6666665459e-1));
  p = multiplyAdd(p, r, f32x4.splat(5.0000001201e-1));
  p = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), f32x4.splat(1));
  const exponent = i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(p, exponent), tail);
}

/**
 * Below 2^-64, which as a factor of gradients no sum in float32 would notice, since the product of a smaller one and a small
 * gradient is a denormal.
 */
// @ts-ignore: decorator
@inline
export function isTiny4(x: v128): v128 {
  return f32x4.lt(x, f32x4.splat(5.421010862427522e-20));
}

/** exp(x) as a factor of gradients: zero where it is tiny. */
// @ts-ignore: decorator
@inline
export function expOrZero4(x: v128): v128 {
  const e = exp4(x);
  return v128.andnot(e, isTiny4(e));
}

/** The transpose of four rows of four floats, `step` bytes apart, written as four rows `targetStep` bytes apart. */
// @ts-ignore: decorator
@inline
export function transpose4(target: usize, targetStep: usize, source: usize, step: usize): void {
  const a = v128.load(source), b = v128.load(source + step);
  const c = v128.load(source + 2 * step), d = v128.load(source + 3 * step);
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
  v128.store(target + targetStep, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
  v128.store(target + 2 * targetStep, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
  v128.store(target + 3 * targetStep, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
}

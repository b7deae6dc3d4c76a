import { sumLanes } from "./simd";

/** Sum of `bytes` bytes read as floats (a multiple of 64): nothing but the memory's bandwidth limits it. */
export function stream_sum(pointer: usize, bytes: i32): f32 {
  let a = f32x4.splat(0), b = a, c = a, d = a;
  const end = pointer + <usize>bytes;
  for (; pointer < end; pointer += 64) {
    a = f32x4.add(a, v128.load(pointer));
    b = f32x4.add(b, v128.load(pointer, 16));
    c = f32x4.add(c, v128.load(pointer, 32));
    d = f32x4.add(d, v128.load(pointer, 48));
  }
  return sumLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
}

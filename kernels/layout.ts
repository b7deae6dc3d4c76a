// Between vectors (one token, features in a row) and panels ([feature][32 tokens]).
import { at, transpose4 } from "./simd";

/** target[t * stride + f] = panel[f][lane + t] for f < width, t < count. */
export function panel_to_rows(target: usize, stride: i32, panel: usize, width: i32, lane: i32, count: i32): void {
  const step = <usize>stride << 2;
  let f = 0;
  const source = at(panel, lane);
  for (; f < (width & ~3); f += 4) {
    let t = 0;
    for (; t < (count & ~3); t += 4) {
      transpose4(at(target, f) + <usize>t * step, step, at(source, t) + (<usize>f << 7), 128);
    }
    for (; t < count; t++) {
      for (let g = f; g < f + 4; g++) {
        store<f32>(at(target, g) + <usize>t * step, load<f32>(at(source, t) + (<usize>g << 7)));
      }
    }
  }
  for (; f < width; f++) {
    for (let t = 0; t < count; t++) store<f32>(at(target, f) + <usize>t * step, load<f32>(at(source, t) + (<usize>f << 7)));
  }
}

/** panel[f][lane + t] = source[t * stride + f] for f < width, t < count. */
export function rows_to_panel(panel: usize, width: i32, lane: i32, count: i32, source: usize, stride: i32): void {
  const step = <usize>stride << 2;
  for (let f = 0; f < width; f++) {
    let q = at(panel, lane) + (<usize>f << 7);
    let p = at(source, f);
    for (let t = 0; t < count; t++, q += 4, p += step) store<f32>(q, load<f32>(p));
  }
}

/** x[channels[i]] = values[i], for i < count. Channels are u32. */
export function set_channels(x: usize, channels: usize, values: usize, count: i32): void {
  for (let i = 0; i < count; i++) store<f32>(at(x, load<i32>(at(channels, i))), load<f32>(at(values, i)));
}

/** x[channels[i]][:] = values[i] for all 32 tokens of a panel, for i < count. */
export function set_channels_panel(x: usize, channels: usize, values: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    const v = v128.load_splat<u32>(at(values, i));
    const p = x + (<usize>load<u32>(at(channels, i)) << 7);
    for (let lane: usize = 0; lane < 128; lane += 16) v128.store(p + lane, v);
  }
}

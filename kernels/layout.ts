// Between vectors (one token, features in a row) and panels ([feature][32 tokens]).
import { at } from "./simd";

/** target[t * stride + f] = panel[f][lane + t] for f < width, t < count. */
export function panel_to_rows(target: usize, stride: i32, panel: usize, width: i32, lane: i32, count: i32): void {
  const step = <usize>stride << 2;
  let f = 0;
  const source = at(panel, lane);
  for (; f < (width & ~3); f += 4) {
    let t = 0;
    for (; t < (count & ~3); t += 4) {
      const p = at(source, t) + (<usize>f << 7);
      const a = v128.load(p), b = v128.load(p, 128), c = v128.load(p, 256), d = v128.load(p, 384);
      const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
      const q = at(target, f) + <usize>t * step;
      v128.store(q, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
      v128.store(q + step, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
      v128.store(q + 2 * step, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
      v128.store(q + 3 * step, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
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

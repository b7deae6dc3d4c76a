// Nodes that are partly or wholly replaced by constants, in panels ([feature][32 tokens]), and norms whose scale is that
// of other tokens: what circuits are made of.
import { at, multiplyAdd, sumLanes } from "./simd";

/**
 * x[f] = masks[f] · x[f] + (1 - masks[f]) · constants[f] for f < n.
 * @param original receives what x was; 0: nobody asks
 */
export function mask_panel(x: usize, original: usize, masks: usize, constants: usize, n: i32): void {
  if (original) memory.copy(original, x, <usize>n << 7);
  const one = f32x4.splat(1);
  for (let f = 0; f < n; f++, x += 128) {
    // A circuit's nodes, and at first all.
    if (load<f32>(at(masks, f)) == 1) continue;
    const mask = v128.load_splat<u32>(at(masks, f));
    const rest = f32x4.mul(f32x4.sub(one, mask), v128.load_splat<u32>(at(constants, f)));
    for (let p = x, end = x + 128; p < end; p += 16) v128.store(p, multiplyAdd(mask, v128.load(p), rest));
  }
}

/**
 * Backward of mask_panel for the features featureStart ≤ f < featureEnd: dmasks[f] += the gradient by the mask, of these
 * 32 tokens, and dx[f] becomes the gradient by what mask_panel was given, x.
 */
export function mask_backward_panel(
  dmasks: usize, dx: usize, x: usize, masks: usize, constants: usize, featureStart: i32, featureEnd: i32,
): void {
  for (let f = featureStart; f < featureEnd; f++) {
    const mask = v128.load_splat<u32>(at(masks, f)), constant = v128.load_splat<u32>(at(constants, f));
    const scales = load<f32>(at(masks, f)) != 1;
    let sum0 = f32x4.splat(0), sum1 = sum0;
    let g = dx + (<usize>f << 7), p = x + (<usize>f << 7);
    for (const end = g + 128; g < end; g += 32, p += 32) {
      const g0 = v128.load(g), g1 = v128.load(g, 16);
      sum0 = multiplyAdd(g0, f32x4.sub(v128.load(p), constant), sum0);
      sum1 = multiplyAdd(g1, f32x4.sub(v128.load(p, 16), constant), sum1);
      if (scales) {
        v128.store(g, f32x4.mul(g0, mask));
        v128.store(g, f32x4.mul(g1, mask), 16);
      }
    }
    store<f32>(at(dmasks, f), load<f32>(at(dmasks, f)) + sumLanes(f32x4.add(sum0, sum1)));
  }
}

/** As rms_norm_panel, with each token's scale that of the token in the same lane of `like`, f32[n][32]. */
export function rms_norm_like_panel(y: usize, x: usize, like: usize, weight: usize, n: i32, eps: f32): void {
  const bytes = <usize>n << 7, inverse = f32x4.splat(1 / <f32>n), e = f32x4.splat(eps), one = f32x4.splat(1);
  for (let lane: usize = 0; lane < 128; lane += 16) {
    let squares = f32x4.splat(0);
    for (let p = like + lane, end = p + bytes; p < end; p += 128) {
      const v = v128.load(p);
      squares = multiplyAdd(v, v, squares);
    }
    const factor = f32x4.div(one, f32x4.sqrt(multiplyAdd(squares, inverse, e)));
    let q = y + lane;
    for (let p = x + lane, end = p + bytes, i = 0; p < end; p += 128, q += 128, i++) {
      const w = weight ? v128.load_splat<u32>(at(weight, i)) : one;
      v128.store(q, f32x4.mul(f32x4.mul(v128.load(p), factor), w));
    }
  }
}

/** As layer_norm_panel, each token centred by its own mean and scaled as the token in the same lane of `like` would be. */
export function layer_norm_like_panel(
  y: usize, x: usize, like: usize, weight: usize, bias: usize, n: i32, eps: f32,
): void {
  const bytes = <usize>n << 7, inverse = f32x4.splat(1 / <f32>n), e = f32x4.splat(eps), one = f32x4.splat(1);
  for (let lane: usize = 0; lane < 128; lane += 16) {
    let total = f32x4.splat(0), likeTotal = total;
    for (let p = x + lane, r = like + lane, end = p + bytes; p < end; p += 128, r += 128) {
      total = f32x4.add(total, v128.load(p));
      likeTotal = f32x4.add(likeTotal, v128.load(r));
    }
    const mean = f32x4.mul(total, inverse), likeMean = f32x4.mul(likeTotal, inverse);
    let squares = f32x4.splat(0);
    for (let r = like + lane, end = r + bytes; r < end; r += 128) {
      const v = f32x4.sub(v128.load(r), likeMean);
      squares = multiplyAdd(v, v, squares);
    }
    const factor = f32x4.div(one, f32x4.sqrt(multiplyAdd(squares, inverse, e)));
    let q = y + lane;
    for (let p = x + lane, end = p + bytes, i = 0; p < end; p += 128, q += 128, i++) {
      const w = weight ? v128.load_splat<u32>(at(weight, i)) : one;
      let v = f32x4.mul(f32x4.mul(f32x4.sub(v128.load(p), mean), factor), w);
      if (bias) v = f32x4.add(v, v128.load_splat<u32>(at(bias, i)));
      v128.store(q, v);
    }
  }
}

/**
 * Of a matrix in compressed rows, those columns whose mask is not 0, and with `bias` what the others add to each row while
 * constants are in their place: targetBias[i] = bias[i] + Σ W[i, j] · constants[j].
 * @param targetBias f32[rows], or 0: of no interest
 * @param bias f32[rows], or 0 for none
 */
export function csr_select_columns(
  targetPointers: usize, targetIndices: usize, targetValues: usize, targetBias: usize, pointers: usize, indices: usize,
  values: usize, bias: usize, masks: usize, constants: usize, rows: i32,
): void {
  let kept: u32 = 0;
  store<u32>(targetPointers, 0);
  for (let i = 0; i < rows; i++) {
    let sum: f32 = bias ? load<f32>(at(bias, i)) : 0;
    for (let e = load<u32>(at(pointers, i)), end = load<u32>(at(pointers, i), 4); e < end; e++) {
      const j = <i32>load<u16>(indices + (<usize>e << 1)), value = load<f32>(at(values, e));
      if (load<f32>(at(masks, j)) != 0) {
        store<u16>(targetIndices + (<usize>kept << 1), <u16>j);
        store<f32>(at(targetValues, kept), value);
        kept++;
      } else if (targetBias) sum += value * load<f32>(at(constants, j));
    }
    store<u32>(at(targetPointers, i + 1), kept);
    if (targetBias) store<f32>(at(targetBias, i), sum);
  }
}

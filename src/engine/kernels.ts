import { SparseLensError } from "../errors.js";
import { createPlainKernels } from "./reference/kernels.js";

/** A byte offset into the engine's memory; 0 stands for "none" where a kernel takes an optional array. */
export type Pointer = number;

/**
 * The operations on numbers, all over one linear memory: `kernels/*.ts` documents each one. Counts are in elements,
 * pointers in bytes. A *panel* holds 32 tokens, feature by feature: `[features][32]`.
 */
export interface Kernels {
  barrier(state: Pointer, threads: number, spins: number): void;

  csc_accumulate(
    y: Pointer,
    offsets: Pointer,
    columns: Pointer,
    active: Pointer,
    activeCount: number,
    x: Pointer,
  ): void;
  csr_accumulate(
    y: Pointer,
    rowPointers: Pointer,
    columnIndices: Pointer,
    values: Pointer,
    x: Pointer,
    rowStart: number,
    rowEnd: number,
  ): void;
  csr_multiply_panel(
    y: Pointer,
    rowPointers: Pointer,
    columnIndices: Pointer,
    values: Pointer,
    bias: Pointer,
    x: Pointer,
    rowStart: number,
    rowEnd: number,
  ): void;
  csr_accumulate_panel(
    y: Pointer,
    rowPointers: Pointer,
    columnIndices: Pointer,
    values: Pointer,
    x: Pointer,
    rowStart: number,
    rowEnd: number,
  ): void;
  csr_scatter_panel(
    y: Pointer,
    rowPointers: Pointer,
    columnIndices: Pointer,
    values: Pointer,
    x: Pointer,
    rowStart: number,
    rowEnd: number,
  ): void;
  csr_add_row(
    y: Pointer,
    stride: number,
    rowPointers: Pointer,
    columnIndices: Pointer,
    values: Pointer,
    row: number,
  ): void;

  multiply_full_panel(
    y: Pointer,
    a: Pointer,
    rowBytes: number,
    stepBytes: number,
    x: Pointer,
    rows: number,
    n: number,
  ): void;
  begin_panel(y: Pointer, bias: Pointer, rows: number): void;
  compress_rows(
    pointers: Pointer,
    indices: Pointer,
    values: Pointer,
    x: Pointer,
    rows: number,
    rowBytes: number,
    pieces: number,
    pieceBytes: number,
    width: number,
  ): void;
  transpose_csr(
    targetPointers: Pointer,
    targetIndices: Pointer,
    targetValues: Pointer,
    pointers: Pointer,
    indices: Pointer,
    values: Pointer,
    rows: number,
    columns: number,
  ): void;
  transpose_tile(y: Pointer, x: Pointer, bias: Pointer, rows: number, columns: number): void;
  csr_gradient_panel(
    sums: Pointer,
    pointers: Pointer,
    indices: Pointer,
    dy: Pointer,
    x: Pointer,
    rowStart: number,
    rowEnd: number,
  ): void;
  sum_parts(y: Pointer, x: Pointer, n: number): void;

  adamw(w: Pointer, g: Pointer, m: Pointer, v: Pointer, n: number, settings: Pointer): void;
  replace_zeros(w: Pointer, n: number): void;
  gather_nonzeros(values: Pointer, w: Pointer, pointers: Pointer, indices: Pointer, rows: number): void;
  scatter_nonzeros(w: Pointer, values: Pointer, pointers: Pointer, indices: Pointer, rows: number): void;
  rank_magnitudes(ranks: Pointer, w: Pointer, n: number): void;
  spare_rows(ranks: Pointer, rows: number, columns: number, j: number): void;
  spare_columns(ranks: Pointer, rows: number, columns: number, j: number): void;
  keep_highest(w: Pointer, ranks: Pointer, n: number, k: number, guess: number): number;

  abs_top_k(x: Pointer, n: number, k: number, active: Pointer): number;
  abs_top_k_panel(x: Pointer, n: number, k: number): void;
  abs_top_k_some_panel(x: Pointer, n: number, k: number, masks: Pointer): void;
  list_nonzeros(x: Pointer, n: number, active: Pointer): number;

  layer_norm(y: Pointer, x: Pointer, weight: Pointer, bias: Pointer, n: number, eps: number): void;
  layer_norm_panel(y: Pointer, x: Pointer, weight: Pointer, bias: Pointer, n: number, eps: number): void;
  rms_norm(y: Pointer, x: Pointer, weight: Pointer, n: number, eps: number): void;
  rms_norm_panel(y: Pointer, x: Pointer, weight: Pointer, n: number, eps: number): void;

  gelu(x: Pointer, n: number): void;
  gelu_with_derivative(x: Pointer, derivative: Pointer, n: number): void;
  relu(x: Pointer, n: number): void;
  add(y: Pointer, x: Pointer, n: number): void;
  sum(y: Pointer, a: Pointer, b: Pointer, n: number): void;
  copy(target: Pointer, source: Pointer, bytes: number): void;
  zero(target: Pointer, bytes: number): void;
  log_sum_exp(x: Pointer, n: number): number;

  attention_panel(
    y: Pointer,
    yWidth: number,
    q: Pointer,
    qWidth: number,
    qStart: number,
    k: Pointer,
    v: Pointer,
    kWidth: number,
    kStart: number,
    sinks: Pointer,
    headStart: number,
    headEnd: number,
    dHead: number,
    length: number,
    scale: number,
    scratch: Pointer,
  ): void;
  attention_decode(
    y: Pointer,
    q: Pointer,
    k: Pointer,
    v: Pointer,
    headPanels: number,
    sinks: Pointer,
    headStart: number,
    headEnd: number,
    dHead: number,
    length: number,
    scale: number,
    scratch: Pointer,
  ): void;

  append_to_cache(
    cache: Pointer,
    headPanels: number,
    x: Pointer,
    headStart: number,
    headEnd: number,
    dHead: number,
    position: number,
  ): void;

  panel_to_rows(
    target: Pointer,
    stride: number,
    panel: Pointer,
    width: number,
    lane: number,
    count: number,
  ): void;
  rows_to_panel(
    panel: Pointer,
    width: number,
    lane: number,
    count: number,
    source: Pointer,
    stride: number,
  ): void;
  set_channels(x: Pointer, channels: Pointer, values: Pointer, count: number): void;
  set_channels_panel(x: Pointer, channels: Pointer, values: Pointer, count: number): void;

  mask_panel(x: Pointer, original: Pointer, masks: Pointer, constants: Pointer, n: number): void;
  mask_backward_panel(
    dmasks: Pointer,
    dx: Pointer,
    x: Pointer,
    masks: Pointer,
    constants: Pointer,
    featureStart: number,
    featureEnd: number,
  ): void;
  csr_select_columns(
    targetPointers: Pointer,
    targetIndices: Pointer,
    targetValues: Pointer,
    targetBias: Pointer,
    pointers: Pointer,
    indices: Pointer,
    values: Pointer,
    bias: Pointer,
    masks: Pointer,
    constants: Pointer,
    rows: number,
  ): void;
  rms_norm_like_panel(y: Pointer, x: Pointer, like: Pointer, weight: Pointer, n: number, eps: number): void;
  layer_norm_like_panel(
    y: Pointer,
    x: Pointer,
    like: Pointer,
    weight: Pointer,
    bias: Pointer,
    n: number,
    eps: number,
  ): void;

  mask_nonzeros(dx: Pointer, y: Pointer, n: number): void;
  relu_backward(dx: Pointer, y: Pointer, n: number): void;
  multiply(dx: Pointer, derivative: Pointer, n: number): void;
  rms_norm_backward_panel(
    dx: Pointer,
    dy: Pointer,
    x: Pointer,
    weight: Pointer,
    dweight: Pointer,
    n: number,
    eps: number,
  ): void;
  layer_norm_backward_panel(
    dx: Pointer,
    dy: Pointer,
    x: Pointer,
    weight: Pointer,
    dweight: Pointer,
    dbias: Pointer,
    n: number,
    eps: number,
  ): void;
  cross_entropy_panel(logits: Pointer, n: number, targets: Pointer, losses: Pointer, scale: number): void;
  add_rows_panel(panel: Pointer, width: number, table: Pointer, stride: number, rows: Pointer): void;
  scatter_rows_panel(
    table: Pointer,
    stride: number,
    rows: Pointer,
    panel: Pointer,
    width: number,
    rowStart: number,
    rowEnd: number,
  ): void;
  sum_rows_panel(sums: Pointer, panel: Pointer, rowStart: number, rowEnd: number): void;
  attention_backward_panel(
    dq: Pointer,
    dk: Pointer,
    dv: Pointer,
    dy: Pointer,
    y: Pointer,
    yWidth: number,
    q: Pointer,
    qWidth: number,
    k: Pointer,
    v: Pointer,
    kWidth: number,
    start: number,
    sinks: Pointer,
    dsinks: Pointer,
    headStart: number,
    headEnd: number,
    dHead: number,
    length: number,
    scale: number,
    scratch: Pointer,
  ): void;
  sum_of_squares(x: Pointer, n: number): number;

  stream_sum(pointer: Pointer, bytes: number): number;
}

/** Tokens in a panel. */
export const PANEL = 32;

/**
 * - `plain`: TypeScript, no WebAssembly SIMD needed.
 * - `simd`: WebAssembly SIMD; every runtime gives the same bits.
 * - `fma`: relaxed SIMD, whose multiply-add rounds once where the processor has it: faster, other last bits.
 * - `auto`: the fastest that this runtime has.
 */
export type KernelChoice = "auto" | "plain" | "simd" | "fma";

/** Kernels that can be posted to a worker and instantiated there. */
export interface CompiledKernels {
  readonly name: Exclude<KernelChoice, "auto">;
  readonly module: WebAssembly.Module | null;
}

// The shortest modules that use one instruction of each feature: f32x4.splat; f32x4.relaxed_madd.
const SIMD_PROBE = [1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 11, 1, 9, 0, 67, 0, 0, 0, 0, 253, 19, 11];
const FMA_PROBE = [
  ...[1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 28, 1, 26, 0, 67, 0, 0, 0, 0, 253, 19, 67, 0, 0, 0, 0, 253, 19],
  ...[67, 0, 0, 0, 0, 253, 19, 253, 133, 2, 11],
];

function validates(sections: number[]): boolean {
  return WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, ...sections]));
}

/** The kernels this runtime can run, slowest first. */
export function availableKernels(): CompiledKernels["name"][] {
  const names: CompiledKernels["name"][] = ["plain"];
  if (validates(SIMD_PROBE)) names.push("simd");
  if (validates(FMA_PROBE)) names.push("fma");
  return names;
}

/** @throws SparseLensError when this runtime lacks what the choice needs */
export async function compileKernels(choice: KernelChoice, shared: boolean): Promise<CompiledKernels> {
  const available = availableKernels();
  const name = choice === "auto" ? available[available.length - 1] : choice;
  if (!available.includes(name)) {
    throw new SparseLensError(
      `kernels: "${choice}" needs WebAssembly ${choice === "fma" ? "relaxed " : ""}SIMD, which this runtime does not have. It has: ${available.join(", ")}.`,
    );
  }
  if (name === "plain") return { name, module: null };
  const generated = {
    simd: () => import("./generated/simd.js"),
    "simd-shared": () => import("./generated/simd-shared.js"),
    fma: () => import("./generated/fma.js"),
    "fma-shared": () => import("./generated/fma-shared.js"),
  };
  const { default: base64 } = await generated[shared ? (`${name}-shared` as const) : name]();
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return { name, module: await WebAssembly.compile(bytes) };
}

/**
 * One thread's kernels over `memory`.
 * @param floatBytes 8: floats are float64, with the plain kernels only
 */
export function instantiateKernels(
  compiled: CompiledKernels,
  memory: WebAssembly.Memory,
  floatBytes: 4 | 8 = 4,
): Kernels {
  if (compiled.module === null) return createPlainKernels(memory, floatBytes);
  const imports = {
    env: {
      memory,
      abort() {
        throw new Error("a kernel aborted");
      },
    },
  };
  return new WebAssembly.Instance(compiled.module, imports).exports as unknown as Kernels;
}

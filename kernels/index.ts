// Compiled by scripts/build-kernels.js with USE_FMA and SHARED defined or not. All pointers are byte offsets into one
// imported linear memory; nothing here allocates or keeps state.
export * from "./attention";
export * from "./attention-backward";
export * from "./backward";
export * from "./barrier";
export * from "./dense";
export * from "./layout";
export * from "./mask";
export * from "./norm";
export * from "./optimizer";
export * from "./pointwise";
export * from "./sparse";
export * from "./stream";
export * from "./top-k";

/** A dense array in row-major order: what crosses the public API. */
export interface Tensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/**
 * A matrix of shape `[rows, columns]` that stores its nonzeros only, in compressed sparse row form: row `i` holds
 * the entries `rowPointers[i]` (inclusive) to `rowPointers[i + 1]` (exclusive), columns ascending.
 */
export interface SparseMatrix {
  readonly rows: number;
  readonly columns: number;
  /** `[rows + 1]` */
  readonly rowPointers: Uint32Array;
  /** `[nonzeros]` */
  readonly columnIndices: Uint16Array | Uint32Array;
  /** `[nonzeros]` */
  readonly values: Float32Array;
}

/** How far a file has come. */
export interface Progress {
  /** Base name. */
  file: string;
  /** Bytes. */
  loaded: number;
  /** Bytes. */
  total: number;
}

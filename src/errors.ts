/**
 * An error made for the person who reads it: says what is wrong, where, and what to do. The command line prints its
 * message without a stack trace.
 */
export class SparseLensError extends Error {
  override name = "SparseLensError";
}

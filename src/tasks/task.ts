/**
 * Binary next-token tasks (paper, Table 1): pairs of prompts that differ only in what decides which of two answers is
 * right.
 */

/** What a prompt may be used for: masks are trained on `train`, choices made on `select`, and `report` is read once. */
export type Split = "train" | "select" | "report";
export const SPLITS: readonly Split[] = ["train", "select", "report"];

/** `unseen`: from identifiers and templates that `standard` prompts never use. */
export type TemplateSet = "standard" | "unseen";
export const TEMPLATE_SETS: readonly TemplateSet[] = ["standard", "unseen"];

export interface Pair {
  readonly prompts: readonly [string, string];
  /**
   * What follows: `answers[0]` is right after `prompts[0]`, `answers[1]` after `prompts[1]`, and neither after the other.
   * Of a generated pair, prompt and answer together are a whole program.
   */
  readonly answers: readonly [string, string];
}

export interface PairOptions {
  readonly split: Split;
  /** Default: `standard`. */
  readonly templates?: TemplateSet;
  readonly seed: number;
}

export interface Task {
  readonly name: string;
  readonly description: string;
  /**
   * Whether both prompts of a pair end alike. Where they do not, the last token alone may decide and the bigram table
   * solve the task: report the loss of the empty circuit beside it, and leave it out of averages of circuit size.
   */
  readonly endsAlike: boolean;
  readonly templates: readonly TemplateSet[];
  /**
   * Distinct pairs in an order that depends on the seed. Of a generated task they do not end, unless it runs dry; no
   * prompt is in two splits.
   */
  pairs(options: PairOptions): Iterable<Pair>;
}

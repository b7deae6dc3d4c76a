import { SparseLensError } from "../errors.js";
import type { Model } from "../model.js";
import { Random } from "../random.js";
import { pack, promptOf, type TaskBatch } from "../tasks/batch.js";
import type { TaskSplits } from "./task-splits.js";

/**
 * A meaningless but consistent task on the prompts of another: which of two arbitrary tokens is right depends on whether
 * a prompt holds one of some words, which the two sides of each pair share, so that they do not bear on the task itself.
 */
export interface NonsenseTask {
  /** Tokens behind prompts with one of the words, and behind the others. */
  readonly candidates: readonly [number, number];
  /** The words, as tokens. */
  readonly words: readonly number[];
  readonly splits: TaskSplits;
}

/** What is asked of the model. */
type Preferring = Pick<Model, "config" | "source" | "forward">;

/** Arbitrary tokens among which the two are. */
const DRAWN = 64;
/** Share of the prompts, on either side, below which a feature says too little. */
const LEAST_SHARE = 0.2;
/** Prompts by which the model's preferences are known. */
const SAMPLE = 64;

/**
 * Words are added greedily until about half of the prompts hold one. Of some tokens drawn at random, the candidates are the
 * two between which the model prefers neither, on average: the search need not move a preference first.
 * @returns null where the prompts differ too little for any such words
 */
export async function nonsenseTask(
  model: Preferring,
  splits: TaskSplits,
  { seed = 0, signal }: { readonly seed?: number; readonly signal?: AbortSignal } = {},
): Promise<NonsenseTask | null> {
  const words = chooseWords(splits.train);
  if (!words) return null;
  const random = new Random(seed);
  const candidates = await chooseCandidates(model, splits.train, random, signal);
  const [train, select, report] = [splits.train, splits.select, splits.report()].map((batch) =>
    regroup(batch, words, candidates, new Random(seed + 1)),
  );
  if (!train || !select || !report) return null;
  return { candidates, words, splits: { ...splits, train, select, report: () => report } };
}

/** Tokens that both sides of a pair hold. */
function sharedTokens(batch: TaskBatch, pair: number): Set<number> {
  const other = new Set(promptOf(batch, 2 * pair + 1));
  return new Set(promptOf(batch, 2 * pair).filter((token) => other.has(token)));
}

/** Tokens that one side of a pair alone holds say something of the task: no words. */
function chooseWords(batch: TaskBatch): number[] | null {
  const shared = Array.from({ length: batch.count }, (_, pair) => sharedTokens(batch, pair));
  const telling = new Set<number>();
  for (let prompt = 0; prompt < 2 * batch.count; prompt++) {
    for (const token of promptOf(batch, prompt)) if (!shared[prompt >> 1].has(token)) telling.add(token);
  }
  const pairsOf = new Map<number, number[]>();
  shared.forEach((tokens, pair) => {
    for (const token of tokens) {
      if (!telling.has(token)) pairsOf.set(token, [...(pairsOf.get(token) ?? []), pair]);
    }
  });
  const half = batch.count / 2;
  const words: number[] = [];
  const held = new Set<number>();
  for (;;) {
    let best: { token: number; distance: number } | null = null;
    for (const [token, pairs] of pairsOf) {
      const size = held.size + pairs.filter((pair) => !held.has(pair)).length;
      const distance = Math.abs(size - half);
      if (distance < (best?.distance ?? Math.abs(held.size - half))) best = { token, distance };
    }
    if (!best) break;
    words.push(best.token);
    for (const pair of pairsOf.get(best.token)!) held.add(pair);
  }
  const share = held.size / batch.count;
  return share >= LEAST_SHARE && share <= 1 - LEAST_SHARE ? words : null;
}

async function chooseCandidates(
  model: Preferring,
  batch: TaskBatch,
  random: Random,
  signal?: AbortSignal,
): Promise<readonly [number, number]> {
  const { vocab_size } = model.config;
  const own = new Set(batch.candidates);
  const drawn = new Set<number>();
  const others = Math.min(DRAWN, vocab_size - own.size);
  if (others < 2) throw new SparseLensError(`${model.source} has too few tokens for a meaningless task.`);
  while (drawn.size < others) {
    const token = random.integer(vocab_size);
    if (!own.has(token)) drawn.add(token);
  }
  const prompts = Array.from({ length: Math.min(SAMPLE, 2 * batch.count) }, (_, i) => promptOf(batch, i));
  const { logits } = await model.forward(prompts, { logits: "last", signal });
  const preferences = [...drawn]
    .map((token) => ({ token, mean: logits.reduce((sum, { data }) => sum + data[token], 0) / logits.length }))
    .sort((a, b) => a.mean - b.mean);
  const gap = (i: number) => preferences[i + 1].mean - preferences[i].mean;
  let nearest = 0;
  for (let i = 1; i + 1 < preferences.length; i++) if (gap(i) < gap(nearest)) nearest = i;
  return [preferences[nearest].token, preferences[nearest + 1].token];
}

/** Pairs of one prompt with a word and one without, of all prompts of a batch, as far as they go; null: there is none. */
function regroup(
  batch: TaskBatch,
  words: readonly number[],
  candidates: readonly [number, number],
  random: Random,
): TaskBatch | null {
  const isWord = new Set(words);
  const sides: number[][][] = [[], []];
  for (const i of random.shuffle(Array.from({ length: 2 * batch.count }, (_, prompt) => prompt))) {
    const tokens = promptOf(batch, i);
    sides[tokens.some((token) => isWord.has(token)) ? 0 : 1].push(Array.from(tokens));
  }
  const count = Math.min(sides[0].length, sides[1].length);
  if (count === 0) return null;
  const pairs = Array.from({ length: count }, (_, pair) => ({
    prompts: [sides[0][pair], sides[1][pair]] as const,
    candidates,
  }));
  return { ...batch, task: `${batch.task} (meaningless)`, pairs: [], refused: new Map(), ...pack(pairs) };
}

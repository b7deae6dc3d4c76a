import { SparseLensError } from "../errors.js";
import { Random } from "../random.js";
import { hashText } from "./hash.js";
import { type Pair, SPLITS, type Split, type Task } from "./task.js";

/** A pair, and the line that it is on. */
interface Line {
  readonly pair: Pair;
  readonly split?: Split;
  readonly number: number;
}

/**
 * A task from JSON lines. Each line is one pair: `{"prompts": ["…", "…"], "answers": ["…", "…"]}`, where the first answer
 * is right after the first prompt and the second after the second. Lines may name their split (`"split": "train"`,
 * `"select"` or `"report"`), all of them or none; else half of the pairs are for training and a quarter each for the other
 * two, pairs that share a prompt together.
 * @param location the file, for errors
 * @throws SparseLensError that names the line
 */
export function taskFromJsonLines(text: string, name: string, location = name): Task {
  const lines: Line[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() !== "") lines.push(parseLine(line, index + 1, `${location}, line ${index + 1}`));
  }
  if (lines.length === 0)
    throw new SparseLensError(`${location} holds no pairs: give one JSON object on each line.`);
  const splits = assignSplits(lines, location);
  return {
    name,
    description: `${lines.length} pairs from ${location}`,
    endsAlike: lines.every(({ pair: { prompts } }) => ending(prompts[0]) === ending(prompts[1])),
    templates: ["standard"],
    *pairs({ split, seed }) {
      const pairs = lines.filter((line) => splits.get(line) === split).map(({ pair }) => pair);
      yield* new Random(seed).shuffle(pairs);
    },
  };
}

function parseLine(line: string, number: number, where: string): Line {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new SparseLensError(`${where} is not JSON: ${(error as Error).message}.`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SparseLensError(`${where}: expected an object with "prompts" and "answers".`);
  }
  const { prompts, answers, split, ...others } = value as Record<string, unknown>;
  const unknown = Object.keys(others);
  if (unknown.length > 0) {
    throw new SparseLensError(`${where}: unknown key ${unknown[0]}; known are prompts, answers and split.`);
  }
  const pair = { prompts: twoTexts(prompts, "prompts", where), answers: twoTexts(answers, "answers", where) };
  if (split !== undefined && !SPLITS.includes(split as Split)) {
    throw new SparseLensError(
      `${where}: split is ${JSON.stringify(split)}, must be one of ${SPLITS.join(", ")}.`,
    );
  }
  return { pair, split: split as Split | undefined, number };
}

function twoTexts(value: unknown, key: string, where: string): [string, string] {
  const isText = (text: unknown) => typeof text === "string" && text !== "";
  if (!Array.isArray(value) || value.length !== 2 || !value.every(isText)) {
    throw new SparseLensError(`${where}: ${key} must be two texts that are not empty.`);
  }
  if (value[0] === value[1]) throw new SparseLensError(`${where}: the two ${key} are the same.`);
  return value as [string, string];
}

function assignSplits(lines: readonly Line[], location: string): Map<Line, Split> {
  const groups = promptGroups(lines);
  const named = lines.filter(({ split }) => split !== undefined);
  if (named.length > 0) {
    const missing = lines.find(({ split }) => split === undefined);
    if (missing) {
      throw new SparseLensError(
        `${location}, line ${missing.number}: split is missing, though other lines have one.`,
      );
    }
    for (const group of groups) {
      const stray = group.find(({ split }) => split !== group[0].split);
      if (stray) {
        throw new SparseLensError(
          `${location}, line ${stray.number}: shares a prompt with line ${group[0].number}, which is in another split.`,
        );
      }
    }
    return new Map(lines.map((line) => [line, line.split!]));
  }
  if (groups.length < 3) {
    throw new SparseLensError(
      `${location} holds too few pairs: three splits need at least three pairs that share no prompt.`,
    );
  }
  // The order of the lines should not matter.
  const rank = (group: readonly Line[]) =>
    Math.min(...group.flatMap(({ pair }) => pair.prompts.map(hashText)));
  const ordered = groups.sort((a, b) => rank(a) - rank(b));
  const quarter = Math.max(1, Math.floor(ordered.length / 4));
  return new Map(
    ordered.flatMap((group, i) => {
      const split: Split = i < quarter ? "report" : i < 2 * quarter ? "select" : "train";
      return group.map((line) => [line, split] as const);
    }),
  );
}

/** Lines that share a prompt, directly or through others, are one group. */
function promptGroups(lines: readonly Line[]): Line[][] {
  const groupOf = new Map<string, Line[]>();
  for (const line of lines) {
    const merged = [...new Set(line.pair.prompts.flatMap((prompt) => groupOf.get(prompt) ?? []))];
    merged.push(line);
    for (const { pair } of merged) for (const prompt of pair.prompts) groupOf.set(prompt, merged);
  }
  return [...new Set(groupOf.values())];
}

/** The last word or sign of a prompt, with the space before it. */
function ending(prompt: string): string {
  return /\s*(?:\w+|[^\w\s]*)$/.exec(prompt)![0];
}

// Prompts of bracket counting whose lists are as long as one wants, and comments before them; and what a model does there.
import { firstExchanged, prepareSplits } from "../../dist/node/index.js";

export const TASK = "bracket_counting";
/** Lists that prompts are compared at. */
export const REFERENCE = 4;
const LENGTHS = [2, REFERENCE, 8, 16, 32, 64];
/** Prompts of each length, the same programs with other lists; fewer where not as many fit. */
const PAIRS = 64;
const [SEARCHED, LEAST] = [2000, 16];

/** Comments on the first line: with an unmatched bracket, several, or none. */
export const COMMENTS = [
  { text: "# see", brackets: [] },
  { text: "# see [", brackets: ["["] },
  { text: "# see [[", brackets: ["[["] },
  { text: "# see [ and [ and [", brackets: ["[", "[", "["] },
];

/**
 * Programs, as `{ before, bracket, elements }`: prompts of the select split whose list is one of integers, and which still
 * fit into the model when the list is as long as the longest of `lengths`.
 */
export function drawPrograms({ tokenizer, config }, task) {
  const all = [];
  for (const { prompts } of task.pairs({ split: "select", seed: 0 })) {
    if (all.push(programOf(prompts[0])) === SEARCHED) break;
  }
  const programs = all.filter((program) => program !== null);
  const fits = (length) => (program) => {
    const text = `${COMMENTS.at(-1).text}\n${promptOf(program, "[[", length)}`;
    return tokenizer.encode(text, { addSpecialTokens: false }).length <= config.block_size;
  };
  const lengths = LENGTHS.filter((length) => programs.filter(fits(length)).length >= LEAST);
  if (!lengths.includes(REFERENCE))
    throw new Error("Too few prompts of bracket counting fit into the model.");
  return { lengths, programs: programs.filter(fits(lengths.at(-1))).slice(0, PAIRS) };
}

/** null where the list is not one of integers. */
function programOf(flat) {
  const at = flat.lastIndexOf("[");
  const elements = flat.slice(at + 1).split(", ");
  return elements.every((element) => /^\d+$/.test(element)) ? { before: flat.slice(0, at), elements } : null;
}

function promptOf({ before, elements }, bracket, length) {
  const more = (i) => String((37 * i + 11 * elements.length + before.length) % 100);
  const list = Array.from({ length }, (_, i) => elements[i] ?? more(i));
  return `${before}${bracket}${list.join(", ")}`;
}

/** Prompts 2p (flat) and 2p + 1 (nested) as tokens, with their candidates. */
export function batchOf(model, programs, { elements = REFERENCE, comment = null } = {}) {
  const prompt = (program, bracket) =>
    `${comment === null ? "" : `${comment}\n`}${promptOf(program, bracket, elements)}`;
  const given = {
    ...{ name: TASK, description: "", endsAlike: true, templates: ["standard"] },
    *pairs() {
      for (const program of programs) {
        yield { prompts: [prompt(program, "["), prompt(program, "[[")], answers: ["]\n", "]]\n"] };
      }
    },
  };
  const count = programs.length;
  const counts = { trainPairs: 1, selectPairs: count, reportPairs: 1 };
  const { select } = prepareSplits(model, given, counts);
  if (select.count < count) throw new Error(`${count - select.count} prompts do not fit into the model.`);
  const sequences = Array.from({ length: 2 * count }, (_, i) =>
    select.tokens.slice(i * select.width, i * select.width + select.lengths[i]),
  );
  // Of the flat list the right one comes first.
  const [flat, nested] = select.candidates;
  return { sequences, candidates: { flat, nested } };
}

/**
 * Runs prompts.
 * @returns `probabilities`: of the nested list's end, among the two ends, behind each prompt; `activations` by hook point
 */
export async function runPrompts(model, { sequences, candidates }, options = {}) {
  const { logits, activations } = await model.forward(sequences, { logits: "last", ...options });
  const margins = logits.map(({ data }) => data[candidates.nested] - data[candidates.flat]);
  return { margins, probabilities: margins.map((margin) => 1 / (1 + Math.exp(-margin))), activations };
}

/** Those of the flat prompts, or of the nested ones. */
export const flatOnes = (values) => values.filter((_, i) => i % 2 === 0);
export const nestedOnes = (values) => values.filter((_, i) => i % 2 === 1);

/** A channel's value behind each prompt. */
export function lastValues(activations, { point, channel }) {
  return activations.get(point).map(({ data, shape: [rows, width] }) => data[(rows - 1) * width + channel]);
}

/**
 * A channel moved from where it is in the flat prompt of each pair towards where it is in the nested one: 0 as flat, 1 as
 * nested, wherever the two prompts correspond.
 * @param activations of the same prompts, without interventions
 */
export function moveChannel({ sequences }, activations, { point, channel }, factor) {
  const before = activations.get(point);
  const starts = sequences.map((tokens, i) => firstExchanged(tokens, sequences[i ^ 1]));
  return {
    [point]: ({ data, shape: [rows, width] }, { sequence }) => {
      const pair = sequence & ~1;
      const at = (prompt, fromEnd) => {
        const { data: values, shape } = before[prompt];
        return values[(shape[0] - fromEnd) * width + channel];
      };
      for (let row = starts[sequence]; row < rows; row++) {
        const [flat, nested] = [at(pair, rows - row), at(pair + 1, rows - row)];
        data[row * width + channel] = flat + factor * (nested - flat);
      }
      return undefined;
    },
  };
}

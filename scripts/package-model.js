// Makes a model that comes with the package from a run: the model itself, the run's configuration and curve, and a model
// card with what `eval` and `sample-quality.js` measured.
//
//   node scripts/package-model.js RUN models/NAME --corpus CORPUS --eval EVAL.json --quality QUALITY.json
//
// EVAL.json is the output of `sparselens eval RUN/model --corpus CORPUS --json`, QUALITY.json that of
// `node scripts/sample-quality.js RUN/model CORPUS --json`.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { loadModel, openCorpus } from "../dist/node/index.js";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { corpus: { type: "string" }, eval: { type: "string" }, quality: { type: "string" } },
});
const [run, target] = positionals;
if (!run || !target || !values.corpus || !values.eval || !values.quality) {
  console.error(
    "usage: node scripts/package-model.js RUN models/NAME --corpus CORPUS --eval EVAL.json --quality QUALITY.json",
  );
  process.exit(2);
}
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));
const description = readJson(join(run, "config.json"));
const curve = readFileSync(join(run, "progress.json"), "utf8").trim().split("\n").map(JSON.parse);
const last = curve.at(-1);
const scores = readJson(values.eval);
const quality = readJson(values.quality);
const { manifest } = await openCorpus(values.corpus);
const model = await loadModel(join(run, "model"), { threads: 1 });
const { config, note, versions, format_version, corpus } = { ...description };

// Circuits of another model that was there are none of this one.
const weights = join(target, "model.safetensors");
const isSame =
  existsSync(weights) && readFileSync(weights).equals(readFileSync(join(run, "model/model.safetensors")));
if (!isSame) rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) {
  copyFileSync(join(run, "model", file), join(target, file));
}
// Where the corpus lay is nobody's business; its content is told by its hash.
const { path: _, ...content } = corpus;
const training = { format_version, corpus: content, versions, config, ...(note ? { note } : {}) };
writeFileSync(join(target, "training.json"), `${JSON.stringify(training, null, 1)}\n`);
writeFileSync(join(target, "progress.json"), curve.map((line) => `${JSON.stringify(line)}\n`).join(""));

const count = (value) => value.toLocaleString("en-US");
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const { n_layer, d_model, n_head, d_head, d_mlp, vocab_size, block_size } = model.config;
const isSparse = config.density < 1;
const name = basename(target);
const source = manifest.sources.map(({ source }) => source).join(" ");
const byTask = new Map();
for (const { task, templates, score, endsAlike } of scores.tasks) {
  byTask.set(task, { ...byTask.get(task), endsAlike, [templates]: score });
}
const cell = (score) => (score ? `${percent(score.accuracy)} | ${score.loss.toFixed(3)}` : "– | –");
const rows = [...byTask].map(
  ([task, { standard, unseen, endsAlike }]) =>
    `| ${task}${endsAlike ? "" : " (1)"} | ${cell(standard)} | ${cell(unseen)} |`,
);
const [{ programs }] = quality.lengths;
const named = { five: "cut where five statements are complete", end: "sampled to their end" };
const sampled = quality.lengths.map(({ length, parsed, repeated }) => {
  const cut = named[length] ?? `cut after ${length} tokens`;
  return `| ${cut} | ${percent(parsed / programs)} | ${percent(repeated / programs)} |`;
});
const positions =
  config.positions === "sinusoidal"
    ? `${config.d_pos_emb} channels of sinusoidal positions, concatenated`
    : `positions: ${config.positions}`;

writeFileSync(
  join(target, "README.md"),
  `# ${name}: a ${isSparse ? "weight-sparse" : "dense"} transformer for simple Python

${n_layer} layers, d_model ${d_model}, ${n_head} heads of ${d_head}, d_mlp ${d_mlp}, vocabulary ${count(vocab_size)}, up to ${block_size} tokens; RMSNorm, attention
sinks, ${positions}, a counted bigram table${config.afrac === null ? "" : `, AbsTopK ${config.afrac} at ${[...model.config.afrac_loctypes].join(", ")}`}.

| | |
|---|---|
| matrices, embeddings and biases | ${count(last.L0)} of them not zero${isSparse ? ` (1/${Math.round(1 / config.density)})` : ""}; without embeddings ${count(last.L0_non_embed)} |
| beside them, dense | norm weights, sinks, the fixed positions, and the bigram table, which is computed from its counts |
| validation loss | ${scores.corpus.loss.toFixed(4)} nats per token on ${count(scores.corpus.tokens)} held-out tokens |
| tasks, standard prompts | ${scores.summary.standard.both} of ${scores.summary.standard.tasks} with accuracy ≥ 97 % and two-way loss ≤ 0.1 |
| tasks, unseen words and templates | ${scores.summary.unseen.both} of ${scores.summary.unseen.tasks} |

${programs} programs of at least five statements, sampled at temperature ${quality.temperature}, without an unfinished last line:

| | parse | repeat a training document, or the beginning of one |
|---|---|---|
${sampled.join("\n")}

## Data and training

Corpus: \`${source}\` of this package's generator of synthetic Python ([docs/corpus.md](../../docs/corpus.md)), ${count(manifest.splits.train.tokens)} training tokens of which
${count(last.tokens)} were read, ${count(manifest.splits.validation.tokens)} held out by document. Training: ${count(last.step)} steps, ${count(Math.round(last.training_seconds))} seconds of steps.
\`training.json\` holds the whole configuration, \`progress.json\` the curve ([docs/training.md](../../docs/training.md) explains both). To train it again:

\`\`\`
npx sparselens corpus ${source} --vocab ${vocab_size} --out corpus
npx sparselens train corpus --config models/${name}/training.json --kernels fma --out run
\`\`\`

(bit for bit on a processor with fused multiply-add; on any number of threads.)

## Tasks

\`npx sparselens eval ${name === "default" ? "default" : `models/${name}`}\`: ${scores.pairs} pairs a task from the split that is kept for reports. Standard prompts share words and forms with what
the task generators looked like while the corpus was tuned; unseen ones are made from other words and templates.

| task | accuracy | two-way loss | unseen: accuracy | two-way loss |
|---|---|---|---|---|
${rows.join("\n")}

(1) The two prompts end in different tokens: the bigram table alone solves it.

## Limits

It knows small synthetic programs: a few hundred words, a few idioms, short documents. It writes text that looks like them and means
nothing by it. It is made to be taken apart, not to be used.
`,
);
await model.dispose();
console.log(`${target} written`);

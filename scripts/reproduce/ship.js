// Writes the circuits of the sparse model beside it, each with its audit: what a package carries.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { loadSource } from "../../bench/source.js";
import { meansOfCorpus, readCircuitFile, writeCircuitFile } from "../../dist/node/index.js";
import { isSolved, withSubject } from "./circuits.js";
import { nats, page, table } from "./markdown.js";
import { bestCircuit, findCircuits } from "./search.js";
import { progress } from "./subject.js";

const cli = fileURLToPath(new URL("../../dist/node/cli.js", import.meta.url));

export default async function ship(context) {
  const { run, tasks, settings, corpus } = context;
  await withSubject("sparse", context, async (subject) => {
    const evaluations = await subject.evaluations(tasks);
    const solved = tasks.filter(({ name }) => {
      const { score } = evaluations.find(({ task }) => task === name);
      return score && isSolved(score);
    });
    const target = join(subject.path, "circuits");
    await mkdir(target, { recursive: true });
    // Beside the model, where every command looks for them.
    await meansOfCorpus(subject.model, corpus, { tokens: settings.meansTokens });
    const found = await findCircuits(subject, solved);
    const shipped = await subject.each(found, async ({ task, circuits }) => {
      const best = bestCircuit({ circuits });
      if (!best) {
        progress("sparse", task, "no circuit reaches the target");
        return [];
      }
      const place = async ({ circuit }, name) =>
        writeCircuitFile(join(target, name), named(await readCircuitFile(run.file(circuit)), settings));
      await place(best.thinned, `${task}.json`);
      if (best.pruned) await place(best.pruned, `${task}-edges.json`);
      if (settings.audit !== "none") await audit(subject, task, target);
      return [task];
    });
    await writeTrials(run, target, shipped.flat(), settings.target);
    const report = await reportCircuits(target);
    await writeFile(join(target, "README.md"), report);
    console.log(report);
  });
}

/** The searches that the circuits were chosen among, in the file in which `prune` keeps them; those of other tasks stay. */
async function writeTrials(run, directory, tasks, target) {
  const file = join(directory, "trials.jsonl");
  const before = existsSync(file) ? (await readFile(file, "utf8")).trim().split("\n") : [];
  const lines = before.filter((line) => !tasks.includes(JSON.parse(line).task));
  for (const task of tasks) {
    const trials = `sparse/circuits/${task}/trials`;
    for (const name of (await readdir(run.file(trials))).sort()) {
      const { settings, order, k, loss, reached, seconds } = await run.read(`${trials}/${name}`);
      lines.push(
        JSON.stringify({ task, settings, order, outcomes: [{ target, k, loss, reached }], seconds }),
      );
    }
  }
  await writeFile(file, `${lines.join("\n")}\n`);
}

/** A package calls its model by a name, not by where it lay. */
function named(circuit, { name }) {
  return name === undefined ? circuit : { ...circuit, model: { ...circuit.model, name } };
}

/** As the command line audits, with all that it asks; the searches stay where they were made. */
async function audit({ run, corpus, path, settings }, task, target) {
  const out = `sparse/audits/${task}`;
  if (!run.has(`${out}/audit.json`)) {
    progress("sparse", task, "audit");
    const { trainPairs, reportPairs, draws } = settings;
    const argv = [
      ...[cli, "audit", join(target, `${task}.json`), "--model", path, "--corpus", corpus.directory],
      ...["--out", run.file(out), "--train-pairs", trainPairs, "--report-pairs", reportPairs],
      ...["--draws", draws, ...settings.audit.split(" ").filter((word) => word !== "")],
    ];
    try {
      await promisify(execFile)(process.execPath, argv.map(String), { maxBuffer: 2 ** 26 });
    } catch ({ message, stderr }) {
      throw new Error(`The audit of ${task} failed: ${stderr || message}`);
    }
  }
  const isReported = (file) => basename(file) !== "searches";
  await cp(run.file(out), join(target, `${task}-audit`), { recursive: true, filter: isReported });
}

/** What lies beside a model, whenever it was found, with the audits that are of it. */
export async function reportCircuits(directory) {
  const { findCircuits: findFiles, inOrder } = await loadSource("server/found-circuits.ts");
  const found = inOrder(await findFiles([directory]));
  const circuits = [];
  for (const { circuit, file, audit: audited } of found) {
    if (circuit.edges_are !== "all") continue;
    const task = circuit.task.name;
    circuits.push({
      ...{ task, circuit, file: relative(directory, file) },
      pruned: found.find((one) => one.circuit.task.name === task && one.circuit.edges_are === "pruned"),
      audit: audited && {
        file: join(relative(directory, dirname(audited)), "audit.md"),
        criteria: JSON.parse(await readFile(audited, "utf8")).criteria,
      },
    });
  }
  const targets = [...new Set(circuits.map(({ circuit }) => circuit.target_loss))].join(", ");
  const above = circuits.filter(({ circuit }) => circuit.losses.report.circuit > circuit.target_loss);
  const audits = circuits.filter(({ audit }) => audit !== null);
  const names = audits[0]?.audit.criteria.map(({ name }) => name) ?? [];
  const link = ({ circuit, file }) => `[${circuit.edges.length}](${relative(directory, file)})`;
  const verdict = ({ held }) => (held === null ? "–" : held ? "held" : "short");
  const countHeld = (name) =>
    audits.filter(({ audit }) => audit.criteria.some((one) => one.name === name && one.held)).length;
  return page([
    "# Circuits of this model",
    `Node sets at a task loss of ${targets} nat (on prompts for choosing by, uncalibrated; all other nodes at their means), without the nodes that they can do without. \`TASK.json\` has all nonzero weights between its nodes, \`TASK-edges.json\` those that are left after edge pruning; how they were found is in them (\`found\`), and the searches that they were chosen among are in \`trials.jsonl\`. Losses are of held-out prompts, in nats.`,
    table(
      ["task", "nodes", "edges", "loss", "edges after pruning", "their loss", "empty circuit", "whole model"],
      circuits.map(({ task, file, circuit: { nodes, edges, losses }, pruned }) => [
        ...[`[\`${task}\`](${file})`, String(nodes.length), String(edges.length)],
        nats(losses.report.circuit),
        ...(pruned ? [link(pruned), nats(pruned.circuit.losses.report.circuit)] : ["–", "–"]),
        ...["empty", "model"].map((kind) => nats(losses.report[kind])),
      ]),
    ),
    `On held-out prompts ${above.length} of ${circuits.length} circuits (before edge pruning) are above the target.`,
    ...(audits.length === 0
      ? []
      : [
          "## Audits",
          "What a sceptic asks of each: `docs/circuits.md` of the package says what the criteria measure, and when they hold; a task's name leads to the figures. “–”: not decided.",
          table(
            ["task", ...names],
            [
              ...audits.map(({ task, audit: { file, criteria } }) => [
                `[\`${task}\`](${file})`,
                ...criteria.map(verdict),
              ]),
              [`held, of ${audits.length}`, ...names.map((name) => String(countHeld(name)))],
            ],
          ),
        ]),
  ]);
}

// Writes the circuits of the sparse model beside it, each with its audit: what a package carries.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
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
    const rows = await subject.each(found, async ({ task: name, circuits }) => {
      const best = bestCircuit({ circuits });
      if (!best) return { task: name, shipped: false };
      const circuit = named(await readCircuitFile(run.file(best.thinned.circuit)), settings);
      await writeCircuitFile(join(target, `${name}.json`), circuit);
      if (best.pruned) {
        const edges = named(await readCircuitFile(run.file(best.pruned.circuit)), settings);
        await writeCircuitFile(join(target, `${name}-edges.json`), edges);
      }
      const { nodes, edges, losses } = best.thinned;
      return {
        ...{ task: name, shipped: true, seed: best.seed, nodes, edges },
        ...{ pruned: best.pruned?.edges ?? null, losses: losses.report },
        criteria: settings.audit === "none" ? [] : await shipAudit(subject, name, target),
      };
    });
    await writeTrials(
      run,
      target,
      rows.filter(({ shipped }) => shipped).map(({ task }) => task),
      settings.target,
    );
    await run.writeJson("shipped.json", rows);
    await writeFile(join(target, "README.md"), report(rows, settings));
    console.log(report(rows, settings));
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

/** The audit of a circuit, beside it. */
async function shipAudit(subject, task, target) {
  const { criteria } = await auditOf(subject, task, join(target, `${task}.json`));
  await cp(subject.run.file(`sparse/audits/${task}`), join(target, `${task}-audit`), { recursive: true });
  return criteria.map(({ name, held, summary }) => ({ name, held, summary }));
}

/** As the command line audits: with all that it asks. */
async function auditOf({ run, corpus, path, settings }, task, circuit) {
  const out = `sparse/audits/${task}`;
  if (run.has(`${out}/audit.json`)) return run.read(`${out}/audit.json`);
  progress("sparse", task, "audit");
  const { trainPairs, reportPairs, draws, audit } = settings;
  const argv = [
    ...[cli, "audit", circuit, "--model", path, "--corpus", corpus.directory, "--out", run.file(out)],
    ...["--train-pairs", trainPairs, "--report-pairs", reportPairs, "--draws", draws].map(String),
    ...audit.split(" ").filter((word) => word !== ""),
  ];
  try {
    await promisify(execFile)(process.execPath, argv, { maxBuffer: 2 ** 26 });
  } catch ({ message, stderr }) {
    throw new Error(`The audit of ${task} failed: ${stderr || message}`);
  }
  return run.read(`${out}/audit.json`);
}

function report(rows, { target, seeds }) {
  const shipped = rows.filter((row) => row.shipped);
  const criteria = shipped[0]?.criteria.map(({ name }) => name) ?? [];
  const verdict = ({ held }) => (held === null ? "–" : held ? "held" : "short");
  const without = rows.filter((row) => !row.shipped).map(({ task }) => `\`${task}\``);
  return page([
    "# Circuits of this model",
    `For each task that it solves the smallest circuit at a task loss of ${target} (on prompts for choosing by, uncalibrated): of ${seeds === 0 ? "the values of k_coef" : `${seeds} search seeds`} the one with the fewest edges, then nodes, without the nodes that it can do without. \`TASK.json\` has all nonzero weights between its nodes, \`TASK-edges.json\` those that are left after edge pruning, \`TASK-audit/audit.md\` what a sceptic asks${criteria.length > 0 ? "" : " (not asked yet)"}. Losses are of held-out prompts, in nats.`,
    table(
      ["task", "nodes", "edges", "after edge pruning", "loss", "empty circuit", "whole model", ...criteria],
      shipped.map(({ task, nodes, edges, pruned, losses, criteria: each }) => [
        ...[
          `[\`${task}\`](${task}.json)`,
          String(nodes),
          String(edges),
          pruned === null ? "–" : String(pruned),
        ],
        ...[nats(losses.circuit), nats(losses.empty), nats(losses.model), ...each.map(verdict)],
      ]),
    ),
    ...(without.length > 0 ? [`No circuit reached the target: ${without.join(", ")}.`] : []),
  ]);
}

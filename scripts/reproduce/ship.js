// Writes the circuits of the sparse model beside it, each with its audit: what a package carries.
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  auditCircuit,
  formatAudit,
  meansOfCorpus,
  readCircuitFile,
  summaryLine,
  writeCircuitFile,
} from "../../dist/node/index.js";
import { isSolved, withSubject } from "./circuits.js";
import { nats, table } from "./markdown.js";
import { bestCircuit, findCircuits } from "./search.js";
import { progress } from "./subject.js";

/** Sequences that resampled values come from, as `sparselens audit` takes them. */
const WINDOWS = 256;

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
    await meansOfCorpus(subject.model, corpus);
    const resampleFrom = windowsOf(await corpus.tokens("train"), subject.model.config.block_size);
    const rows = await subject.each(solved, async (task, masked) => {
      const best = bestCircuit(await findCircuits(subject, masked, task));
      if (!best) return { task: task.name, shipped: false };
      const circuit = named(await readCircuitFile(run.file(best.circuit)), settings);
      await writeCircuitFile(join(target, `${task.name}.json`), circuit);
      if (best.pruned) {
        const edges = named(await readCircuitFile(run.file(best.pruned.circuit)), settings);
        await writeCircuitFile(join(target, `${task.name}-edges.json`), edges);
      }
      const base = `sparse/audits/${task.name}`;
      const audit = await run.once(`${base}/audit.json`, async () => {
        progress("sparse", task.name, "audit");
        const { trainPairs, reportPairs, draws } = settings;
        const audited = await auditCircuit({
          ...{ model: masked.model, circuit, task, means: subject.means, resampleFrom, draws },
          splits: { trainPairs, reportPairs },
        });
        await run.write(`${base}/audit.md`, formatAudit(audited));
        return audited;
      });
      for (const ending of ["json", "md"]) {
        await copyFile(run.file(`${base}/audit.${ending}`), join(target, `${task.name}-audit.${ending}`));
      }
      return {
        ...{ task: task.name, shipped: true, seed: best.seed, nodes: best.nodes, edges: best.edges },
        ...{ pruned: best.pruned?.edges ?? null, losses: best.losses.report },
        criteria: audit.criteria.map(({ name, held, summary }) => ({ name, held, summary })),
        summary: audit.criteria.map(summaryLine),
      };
    });
    await run.writeJson("shipped.json", rows);
    await writeFile(join(target, "README.md"), report(rows, settings));
    console.log(report(rows, settings));
  });
}

/** A package calls its model by a name, not by where it lay. */
function named(circuit, { name }) {
  return name === undefined ? circuit : { ...circuit, model: { ...circuit.model, name } };
}

function windowsOf(tokens, length) {
  const count = Math.min(WINDOWS, Math.floor(tokens.length / length));
  return Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * (tokens.length - length)) / count);
    return tokens.subarray(start, start + length);
  });
}

function report(rows, { target, seeds }) {
  const shipped = rows.filter((row) => row.shipped);
  const criteria = shipped[0]?.criteria.map(({ name }) => name) ?? [];
  const verdict = ({ held }) => (held === null ? "–" : held ? "held" : "short");
  const without = rows.filter((row) => !row.shipped).map(({ task }) => `\`${task}\``);
  return [
    "# Circuits of this model",
    `For each task that it solves the smallest circuit at a task loss of ${target} (on prompts for choosing by, uncalibrated): of ${seeds} search seeds the one with the fewest edges, then nodes. \`TASK.json\` has all nonzero weights between its nodes, \`TASK-edges.json\` those that are left after edge pruning, \`TASK-audit.md\` what a sceptic asks. Losses are of held-out prompts, in nats.`,
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
  ].join("\n\n");
}

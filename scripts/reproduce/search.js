// The protocol of a search, the same for every model: masks are trained on the train split, whatever is chosen is chosen on
// the select split, and the report split is read by what was chosen last.
import {
  assembleCircuit,
  circuitEdges,
  edgeConstants,
  lossOfNodes,
  MASK_TRAINING_DEFAULTS,
  orderByMasks,
  pruneEdges,
  readCircuitFile,
  removeNodes,
  selectNodes,
  writeCircuitFile,
} from "../../dist/node/index.js";
import { progress } from "./subject.js";

/** Trials of one task: k_coef swept on the first seed, then the best k_coef with each of the others. */
export function trialCount({ kCoefs, seeds }) {
  return kCoefs.length + seeds;
}

/**
 * Circuits of some tasks: one for each search seed. Each kind of work is done for all tasks before the next, so that
 * copies of the model that work side by side end together.
 * @returns for each task `{ task, endsAlike, k_coef, trials, seconds, circuits }`
 */
export async function findCircuits(subject, tasks) {
  const { run, label, settings } = subject;
  const folder = (task) => `${label}/circuits/${task.name}`;
  const searches = tasks.map((task) => ({ task, splits: subject.splits(task), trials: new Map() }));
  const runTrials = (jobs) =>
    subject.each(jobs, async ({ search, k_coef, seed }, masked) => {
      const file = `${folder(search.task)}/trials/k_coef=${k_coef},seed=${seed}.json`;
      const trial = await run.once(file, () => runTrial(subject, masked, search.splits, { k_coef, seed }));
      search.trials.set(`${k_coef} ${seed}`, trial);
    });
  // Settings in the order of their values, whichever trial ended first.
  await runTrials(
    settings.kCoefs.flatMap((k_coef) => searches.map((search) => ({ search, k_coef, seed: 0 }))),
  );
  for (const search of searches) {
    const swept = settings.kCoefs.map((k_coef) => search.trials.get(`${k_coef} 0`));
    search.k_coef = smallest(swept).settings.k_coef;
  }
  // Seeds that k_coef was not chosen by; without any, the best of the sweep itself.
  const seeds = settings.seeds === 0 ? [0] : Array.from({ length: settings.seeds }, (_, i) => i + 1);
  const again = searches.flatMap((search) => seeds.map((seed) => ({ search, k_coef: search.k_coef, seed })));
  await runTrials(again.filter(({ seed }) => seed > 0));
  const found = await subject.each(again, ({ search, k_coef, seed }, masked) => {
    const trial = search.trials.get(`${k_coef} ${seed}`);
    return run.once(`${folder(search.task)}/seed-${seed}.json`, () =>
      measureTrial(masked, search.splits, trial),
    );
  });
  for (const [i, search] of searches.entries()) {
    search.circuits = found.slice(i * seeds.length, (i + 1) * seeds.length);
    search.best = bestCircuit(search);
  }
  const reached = searches.filter(({ best }) => best);
  const extend = (key, work) =>
    subject.each(reached, async ({ task, splits, best, k_coef, trials }, masked) => {
      const base = `${folder(task)}/seed-${best.seed}`;
      best[key] = await run.once(`${base}-${key}.json`, () =>
        work(subject, masked, splits, { best, base, trial: trials.get(`${k_coef} ${best.seed}`) }),
      );
    });
  if (settings.removal) await extend("thinned", thinnedNodes);
  if (settings.calibration) await extend("calibrated", calibratedNodes);
  if (settings.edgePruning) await extend("pruned", prunedEdges);
  return searches.map(({ task, k_coef, trials, circuits: each }) => {
    const seconds = [...trials.values()].reduce((sum, one) => sum + one.seconds, 0);
    return {
      ...{ task: task.name, endsAlike: task.endsAlike, k_coef, trials: trials.size, seconds },
      circuits: each,
    };
  });
}

async function runTrial({ label, settings }, masked, splits, { k_coef, seed }) {
  const began = performance.now();
  const { steps, batchPairs: batch_pairs, learningRate: learning_rate } = settings;
  const trial = { ...MASK_TRAINING_DEFAULTS, steps, batch_pairs, learning_rate, k_coef, seed };
  const order = await orderByMasks(masked, splits, trial);
  const { k, loss, reached } = await selectNodes(masked, splits, order, settings.target);
  const seconds = Number(((performance.now() - began) / 1000).toFixed(2));
  const outcome = `${reached ? `${k} nodes` : "target not reached"} (${loss.toFixed(3)}), ${seconds.toFixed(0)} s`;
  progress(label, splits.task.name, `k_coef ${k_coef}, seed ${seed}: ${outcome}`);
  return { settings: trial, order: order.nodes, k, loss, reached, seconds };
}

/** The trial that reaches the target with the fewest nodes; where none does, that which comes nearest. */
function smallest(trials) {
  const reaching = trials.filter(({ reached }) => reached);
  const by = (measure) => (a, b) => (measure(b) < measure(a) ? b : a);
  return reaching.length > 0 ? reaching.reduce(by(({ k }) => k)) : trials.reduce(by(({ loss }) => loss));
}

/** Of the circuit of some nodes. */
export async function countEdges(masked, nodes) {
  return (await circuitEdges(masked, nodes)).length;
}

/** The circuit of one trial: the nodes that bisection kept, and their edges. */
async function measureTrial(masked, { select }, { settings: { seed }, order, k, loss, reached }) {
  if (!reached) return { seed, reached: false, loss };
  return {
    ...{ seed, reached: true, nodes: k, edges: await countEdges(masked, order.slice(0, k)) },
    ...{ loss, empty_loss: await lossOfNodes(masked, select, []) },
  };
}

/** The best seed's circuit without the nodes that it can do without: that which stands for the task, with all measures. */
async function thinnedNodes({ label, settings, means, run, name }, masked, splits, { trial, base }) {
  const { target } = settings;
  const order = trial.order.slice(0, trial.k);
  const { kept, scores } = await removeNodes(masked, splits.select, order, target);
  const circuit = await assembleCircuit(masked, splits, kept, {
    ...{ name, target, ablation: "mean", means: means.reference, scores, report: true },
    found: {
      ...{ method: "masks", settings: trial.settings, steps: ["bisection", "node removal"] },
      candidates: trialCount(settings),
    },
  });
  await writeCircuitFile(run.file(`${base}-nodes.json`), circuit);
  const { nodes, edges, losses } = circuit;
  progress(label, splits.task.name, `${trial.k} nodes, ${nodes.length} after removal, ${edges.length} edges`);
  return { nodes: nodes.length, edges: edges.length, losses, circuit: `${base}-nodes.json` };
}

/** The same order of nodes, cut by losses after calibration. */
async function calibratedNodes({ settings: { target } }, masked, splits, { trial }) {
  const order = { nodes: trial.order, method: "masks", settings: trial.settings };
  const { k, loss, reached } = await selectNodes(masked, splits, order, target, { calibrate: true });
  if (!reached) return { reached, loss };
  return { reached, nodes: k, edges: await countEdges(masked, trial.order.slice(0, k)) };
}

/** The circuit without the edges that it can do without. */
async function prunedEdges({ label, settings, means, run }, masked, splits, { best, base }) {
  const circuit = await readCircuitFile(run.file(best.thinned.circuit));
  const constants = edgeConstants(masked.index, "mean", means);
  const pruned = await pruneEdges(masked, splits, circuit, constants, settings.target);
  await writeCircuitFile(run.file(`${base}-edges.json`), pruned);
  progress(label, splits.task.name, `${pruned.edges.length} edges after edge pruning`);
  return {
    edges: pruned.edges.length,
    ...{ select: pruned.losses.select.circuit, report: pruned.losses.report.circuit },
    circuit: `${base}-edges.json`,
  };
}

/**
 * Of the circuits that reach the target that which stands for a task: fewest edges, then nodes, then the least loss on the
 * select split. undefined: there is none.
 */
export function bestCircuit({ circuits }) {
  const keys = ({ edges, nodes, loss }) => [edges, nodes, loss];
  return circuits
    .filter(({ reached }) => reached)
    .sort((a, b) => {
      const [first, second] = [keys(a), keys(b)];
      const at = first.findIndex((value, i) => value !== second[i]);
      return at < 0 ? 0 : first[at] - second[at];
    })[0];
}

// The protocol of a search, the same for every model: masks are trained on the train split, whatever is chosen is chosen on
// the select split, and the report split is read by what was chosen last.
import {
  assembleCircuit,
  circuitEdges,
  edgeConstants,
  MASK_TRAINING_DEFAULTS,
  orderByMasks,
  pruneEdges,
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
 * Circuits of one task: one for each search seed.
 * @returns `{ task, k_coef, trials, seconds, empty, circuits }`
 */
export function findCircuits(subject, masked, task) {
  const { run, label, settings } = subject;
  const folder = `${label}/circuits/${task.name}`;
  return run.once(`${folder}/circuits.json`, async () => {
    const splits = subject.splits(task);
    const trial = (k_coef, seed) =>
      run.once(`${folder}/trials/k_coef=${k_coef},seed=${seed}.json`, () =>
        runTrial(subject, masked, splits, { k_coef, seed }),
      );
    const swept = [];
    for (const k_coef of settings.kCoefs) swept.push(await trial(k_coef, 0));
    const best = smallest(swept);
    const { k_coef } = best.settings;
    const circuits = [];
    const trials = [...swept];
    // Seeds that k_coef was not chosen by; without any, the best of the sweep itself.
    const seeds = settings.seeds === 0 ? [0] : Array.from({ length: settings.seeds }, (_, i) => i + 1);
    for (const seed of seeds) {
      const found = await trial(k_coef, seed);
      if (seed > 0) trials.push(found);
      circuits.push(
        await run.once(`${folder}/seed-${seed}.json`, () =>
          finish(subject, masked, splits, found, `${folder}/seed-${seed}`),
        ),
      );
    }
    const seconds = trials.reduce((sum, one) => sum + one.seconds, 0);
    return { task: task.name, endsAlike: task.endsAlike, k_coef, trials: trials.length, seconds, circuits };
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

/** Removal, edge pruning and all measures of one trial's circuit. */
async function finish(subject, masked, splits, trial, base) {
  const { label, settings, means, run, name } = subject;
  const { target } = settings;
  const { seed } = trial.settings;
  const order = { nodes: trial.order, method: "masks", settings: trial.settings };
  const say = (what) => progress(label, splits.task.name, `seed ${seed}: ${what}`);
  const selected = trial.order.slice(0, trial.k);
  const calibratedCircuit = settings.calibration && (await calibratedNodes(masked, splits, order, target));
  if (calibratedCircuit) {
    say(
      calibratedCircuit.reached ? `calibrated: ${calibratedCircuit.nodes} nodes` : "calibrated: not reached",
    );
  }
  if (!trial.reached) return { seed, reached: false, loss: trial.loss, calibrated: calibratedCircuit };
  const { kept } = await removeNodes(masked, splits.select, selected, target);
  const circuit = await assembleCircuit(masked, splits, kept, {
    ...{ name, target, ablation: "mean", means: means.reference, report: true },
    found: {
      ...{ method: "masks", settings: trial.settings, steps: ["bisection", "node removal"] },
      candidates: trialCount(settings),
    },
  });
  await writeCircuitFile(run.file(`${base}-nodes.json`), circuit);
  say(`${circuit.nodes.length} nodes, ${circuit.edges.length} edges`);
  const result = {
    ...{ seed, reached: true, k: trial.k, nodes: circuit.nodes.length, edges: circuit.edges.length },
    ...{ losses: circuit.losses, calibrated: calibratedCircuit, circuit: `${base}-nodes.json` },
  };
  if (!settings.edgePruning) return result;
  const constants = edgeConstants(masked.index, "mean", means);
  const pruned = await pruneEdges(masked, splits, circuit, constants, target);
  await writeCircuitFile(run.file(`${base}-edges.json`), pruned);
  say(`${pruned.edges.length} edges after edge pruning`);
  return {
    ...result,
    pruned: {
      edges: pruned.edges.length,
      ...{ select: pruned.losses.select.circuit, report: pruned.losses.report.circuit },
      circuit: `${base}-edges.json`,
    },
  };
}

/** The same order of nodes, cut and thinned by losses after calibration. */
async function calibratedNodes(masked, splits, order, target) {
  const { k, loss, reached, nodes } = await selectNodes(masked, splits, order, target, { calibrate: true });
  if (!reached) return { reached, loss };
  const { kept } = await removeNodes(masked, splits.select, nodes, target, { calibrateOn: splits.train });
  const edges = await circuitEdges(
    masked,
    [...kept].sort((a, b) => a - b),
  );
  return { reached, k, nodes: kept.length, edges: edges.length };
}

/**
 * The circuit that stands for a task: of those that reach the target the one with the fewest edges, then nodes, then the
 * least loss on the select split. undefined: there is none.
 */
export function bestCircuit({ circuits }) {
  const keys = ({ edges, nodes, losses }) => [edges, nodes, losses.select.circuit];
  return circuits
    .filter(({ reached }) => reached)
    .sort((a, b) => {
      const [first, second] = [keys(a), keys(b)];
      const at = first.findIndex((value, i) => value !== second[i]);
      return at < 0 ? 0 : first[at] - second[at];
    })[0];
}

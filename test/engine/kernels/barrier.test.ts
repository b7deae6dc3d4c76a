import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import { compileKernels, type Kernels } from "../../../src/engine/kernels.js";
import { createPlainKernels } from "../../../src/engine/reference/kernels.js";

const STATE = 65536; // arrivals, generation
const ROUNDS = STATE + 64; // the round that each thread is in
const { module } = await compileKernels("simd", true);

/**
 * In every round each thread writes its number of rounds, meets the others, reads all of them, and meets them again
 * before anyone writes. Returns how often it found a thread that had not arrived.
 */
function meet(memory: WebAssembly.Memory, kernels: Pick<Kernels, "barrier">, plan: Plan): number {
  const rounds = new Int32Array(memory.buffer, plan.rounds, plan.threads);
  let missing = 0;
  for (let round = 1; round <= plan.count; round++) {
    rounds[plan.thread] = round;
    kernels.barrier(plan.state, plan.threads, plan.spins);
    for (let other = 0; other < plan.threads; other++) if (rounds[other] !== round) missing++;
    kernels.barrier(plan.state, plan.threads, plan.spins);
  }
  return missing;
}

interface Plan {
  thread: number;
  threads: number;
  count: number;
  spins: number;
  state: number;
  rounds: number;
}

const program = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { module, memory, plan } = workerData;
  const kernels = new WebAssembly.Instance(module, { env: { memory, abort() {} } }).exports;
  const meet = ${meet.toString()};
  parentPort.once("message", () => parentPort.postMessage(meet(memory, kernels, plan)));
  parentPort.postMessage("ready");
`;

async function start(memory: WebAssembly.Memory, plan: Plan) {
  const worker = new Worker(program, { eval: true, workerData: { module, memory, plan } });
  onTestFinished(async () => {
    await worker.terminate();
  });
  const message = () =>
    new Promise<unknown>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  await message();
  return () => {
    const result = message();
    worker.postMessage("go");
    return result;
  };
}

function sharedMemory() {
  return new WebAssembly.Memory({ initial: 2, maximum: 65536, shared: true });
}

const common = { state: STATE, rounds: ROUNDS };

test.each([
  { threads: 1, spins: 0, count: 1000 },
  { threads: 2, spins: 0, count: 3000 },
  { threads: 2, spins: 1000, count: 5000 },
  { threads: 3, spins: 0, count: 3000 },
  { threads: 3, spins: 20, count: 3000 },
])("$threads threads meet $count times, spinning $spins times", async ({ threads, spins, count }) => {
  const memory = sharedMemory();
  const starts = await Promise.all(
    Array.from({ length: threads }, (_, thread) =>
      start(memory, { ...common, thread, threads, count, spins }),
    ),
  );
  const missing = await Promise.all(starts.map((go) => go()));
  expect(missing).toEqual(new Array(threads).fill(0));
  expect([...new Int32Array(memory.buffer, STATE, 2)]).toEqual([0, 2 * count]);
});

test.each([0, 100])("plain and WebAssembly kernels meet each other, spinning %s times", async (spins) => {
  const memory = sharedMemory();
  const plan = { ...common, threads: 3, count: 2000, spins };
  const starts = await Promise.all([0, 1].map((thread) => start(memory, { ...plan, thread })));
  const others = Promise.all(starts.map((go) => go()));
  expect(meet(memory, createPlainKernels(memory), { ...plan, thread: 2 })).toBe(0);
  expect(await others).toEqual([0, 0]);
});

test("a negative generation sends everyone on, and keeps them out", async () => {
  const memory = sharedMemory();
  // Two of three threads: without the abort they would wait for ever.
  const plan = { ...common, threads: 3, count: 1000, spins: 10 };
  const starts = await Promise.all([0, 1].map((thread) => start(memory, { ...plan, thread })));
  const leaving = Promise.all(starts.map((go) => go()));
  const state = new Int32Array(memory.buffer, STATE, 2);
  while (Atomics.load(state, 0) < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  Atomics.store(state, 1, -1);
  Atomics.notify(state, 1);
  await leaving;
  createPlainKernels(memory).barrier(STATE, 3, 0);
  expect(state[1]).toBe(-1);
});

test("the generation wraps around to 0, not to an abort", async () => {
  const memory = sharedMemory();
  const state = new Int32Array(memory.buffer, STATE, 2);
  const plan = { ...common, threads: 1, count: 1, spins: 0, thread: 0 };
  for (const go of [await start(memory, plan), async () => meet(memory, createPlainKernels(memory), plan)]) {
    state.set([0, 0x7ffffffe]);
    await go();
    expect([...state]).toEqual([0, 0]);
  }
});

test("without shared memory there is nobody to wait for", () => {
  const memory = new WebAssembly.Memory({ initial: 2 });
  createPlainKernels(memory).barrier(STATE, 2, 0);
  expect([...new Int32Array(memory.buffer, STATE, 2)]).toEqual([0, 0]);
});

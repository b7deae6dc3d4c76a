// What the package does not export, but a fair comparison needs: the order of the data and the writers of weights.
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const config = {
  configFile: false,
  logLevel: "warn",
  resolve: { alias: { "#platform": path("../../src/platform/node.ts") } },
};

const load = async (module) => (await runnerImport(path(`../../src/${module}`), config)).module;

export const { makeBatches } = await load("training/batches.ts");
export const { modelConfigJson, trainingConfigJson, trainingSteps } = await load("training/config.ts");
export const { writeModel } = await load("formats/write-model.ts");
export const { writeSafetensors } = await load("formats/safetensors.ts");
export const { MemorySink } = await load("io/byte-sink.ts");

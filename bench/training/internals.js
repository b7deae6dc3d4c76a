// What the package does not export, but a fair comparison needs: the order of the data and the writers of weights.
import { loadSource } from "../source.js";

export const { makeBatches } = await loadSource("training/batches.ts");
export const { modelConfigJson, trainingConfigJson, trainingSteps } = await loadSource("training/config.ts");
export const { writeModel } = await loadSource("formats/write-model.ts");
export const { writeSafetensors } = await loadSource("formats/safetensors.ts");
export const { MemorySink } = await loadSource("io/byte-sink.ts");

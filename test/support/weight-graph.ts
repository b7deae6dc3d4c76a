import { afterAll, beforeAll, describe } from "vitest";
import { WeightGraph } from "../../src/circuits/weight-graph.js";
import { type Checkpoint, openCheckpoint } from "../../src/formats/checkpoint.js";
import { resolveSource } from "../../src/io/source.js";
import { fixtures } from "./fixtures.js";

/** A golden model, opened before the tests of its group and closed after them. */
export interface OpenedGraph {
  readonly checkpoint: Checkpoint;
  readonly graph: WeightGraph;
  /** A tensor of the state dict, row-major; null: there is none. */
  dense(name: string): Promise<Float32Array | null>;
}

/** Opens a golden model for the tests of the group that this is called in; what is returned is open once they run. */
export function openGraph(path: string): OpenedGraph {
  let checkpoint: Checkpoint;
  let graph: WeightGraph;
  beforeAll(async () => {
    checkpoint = await openCheckpoint(await resolveSource(path));
    graph = new WeightGraph(checkpoint);
  });
  afterAll(() => checkpoint.close());
  return {
    get checkpoint() {
      return checkpoint;
    },
    get graph() {
      return graph;
    },
    dense: async (name) => (await checkpoint.tensors.get(name)?.readDense()) ?? null,
  };
}

/** A group of tests for each golden model. */
export function describeGraphs(tests: (opened: OpenedGraph) => void): void {
  describe.each(fixtures)("%s", (path) => tests(openGraph(path)));
}

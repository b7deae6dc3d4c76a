import { expect, describe as group, test } from "vitest";
import { parseConfig } from "../../src/model/config.js";
import { describe } from "../../src/model/description.js";
import { edgesBetween } from "../../src/model/edges.js";
import { NodeIndex } from "../../src/model/node-index.js";
import { Random } from "../../src/random.js";
import type { SparseMatrix } from "../../src/tensor.js";

const description = describe(
  parseConfig(
    { n_layer: 2, d_model: 6, n_head: 2, d_head: 2, d_mlp: 5, d_pos_emb: 3, vocab_size: 9, block_size: 4 },
    "the configuration",
  ),
);

test("nodes are numbered location after location, as they happen", () => {
  const index = new NodeIndex(description);
  expect(index.locations.slice(0, 8).map(({ name, width }) => [name, width])).toEqual([
    ["0.attn.act_in", 9],
    ["0.attn.k", 4],
    ["0.attn.q", 4],
    ["0.attn.v", 4],
    ["0.attn.resid_delta", 6],
    ["0.mlp.act_in", 9],
    ["0.mlp.post_act", 5],
    ["0.mlp.resid_delta", 6],
  ]);
  expect(index.count).toBe(2 * 47);
  for (let node = 0; node < index.count; node++) expect(index.numberOf(index.nameOf(node))).toBe(node);
  expect(index.nameOf(47 + 9)).toBe("1.attn.k:0");
  const withResid = new NodeIndex(description, { finalResid: true });
  expect(withResid.count).toBe(2 * 47 + 6);
  expect(withResid.nameOf(99)).toBe("final_resid:5");
  expect([...index.byLocation([50, 8, 9, 7])].map(([{ name }, channels]) => [name, channels])).toEqual([
    ["0.attn.act_in", [7, 8]],
    ["0.attn.k", [0]],
    ["1.attn.act_in", [3]],
  ]);
});

group("edges", () => {
  // Each matrix' entry says which row and column it has.
  const matrices = new Map<string, SparseMatrix>();
  const random = new Random(5);
  for (const { name, shape } of description.parameters) {
    if (shape.length !== 2) continue;
    const [rows, columns] = shape;
    const rowPointers = [0];
    const columnIndices: number[] = [];
    const values: number[] = [];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        if (random.chance(0.5)) continue;
        columnIndices.push(column);
        values.push(row + column / 64);
      }
      rowPointers.push(values.length);
    }
    matrices.set(name, {
      ...{ rows, columns, rowPointers: Uint32Array.from(rowPointers) },
      columnIndices: Uint16Array.from(columnIndices),
      values: Float32Array.from(values),
    });
  }
  const index = new NodeIndex(description);
  const all = Array.from({ length: index.count }, (_, node) => node);

  test("of all nodes are all nonzeros of the linear layers", () => {
    const edges = edgesBetween(all, index, description.connections, matrices);
    const linear = [...matrices].filter(([name]) => /c_attn|c_proj|c_fc/.test(name));
    expect(edges.length).toBe(linear.reduce((sum, [, { values }]) => sum + values.length, 0) - zeros(linear));
    // Rows of c_attn: q, then k, then v, four each.
    const rowOf = { k: 4, q: 0, v: 8 } as Record<string, number>;
    for (const { source, target, weight } of edges) {
      const [from, column] = index.nameOf(source).split(":");
      const [to, channel] = index.nameOf(target).split(":");
      const row = Number(channel) + (rowOf[to.split(".")[2]] ?? 0);
      expect(weight, `${from} ${to}`).toBe(Math.fround(row + Number(column) / 64));
      expect(from.split(".")[0]).toBe(to.split(".")[0]);
    }
  });

  test("of some nodes are those of all with both ends among them", () => {
    const some = all.filter((node) => node % 3 !== 1);
    const expected = edgesBetween(all, index, description.connections, matrices).filter(
      ({ source, target }) => source % 3 !== 1 && target % 3 !== 1,
    );
    expect(edgesBetween(some, index, description.connections, matrices)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(20);
  });
});

function zeros(matrices: readonly [string, SparseMatrix][]): number {
  return matrices.reduce((sum, [, { values }]) => sum + values.filter((value) => value === 0).length, 0);
}

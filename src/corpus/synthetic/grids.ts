import { code } from "./code.js";
import type { Definition, Draft } from "./draft.js";
import type { Scope } from "./scope.js";
import { nestedList, number, numberList } from "./values.js";
import { accumulators, counters } from "./words.js";

const gridNames = ["matrix", "grid", "table", "board", "rows", "cells", "image", "data", "maze", "field"];
const cellPairs = [
  ["row", "value"],
  ["row", "cell"],
  ["line", "item"],
  ["r", "x"],
  ["row", "number"],
] as const;
const placePairs = [
  ["i", "j"],
  ["row", "col"],
  ["y", "x"],
  ["r", "c"],
] as const;

function gridSum(draft: Draft): Definition {
  const scope = draft.scope();
  const grid = scope.name(gridNames);
  const [row, cell] = scope.pair(cellPairs);
  const total = scope.name(counters);
  const name = draft.define(draft.pick([`sum_${grid}`, `${grid}_total`, `count_${grid}`]));
  const update = draft.pick([`${total} += ${cell}`, `if ${cell} > ${number(draft)}:\n    ${total} += 1`]);
  return {
    code: code`
      def ${name}(${draft.parameter(grid, "grid")})${draft.returns("int")}:
          ${draft.docstring(`Add up the ${grid}.`)}
          ${total} = 0
          for ${row} in ${grid}:
              for ${cell} in ${row}:
                  ${update}
          return ${total}
    `,
    call: { name, parameters: ["grid"], returns: "int", result: total },
  };
}

function flatten(draft: Draft): Definition {
  const scope = draft.scope();
  const grid = scope.name(gridNames);
  const [row, cell] = scope.pair(cellPairs);
  const result = scope.name(accumulators);
  const name = draft.define(draft.pick(["flatten", `flatten_${grid}`, "join_rows"]));
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(grid, "grid")}):
            ${draft.docstring("Put all rows into one list.")}
            ${result} = []
            for ${row} in ${grid}:
                ${draft.chance(0.5) ? `for ${cell} in ${row}:\n    ${result}.append(${cell})` : `${result}.extend(${row})`}
            return ${result}
      `,
      () => code`
        def ${name}(${draft.parameter(grid, "grid")}):
            return [${cell} for ${row} in ${grid} for ${cell} in ${row}]
      `,
    ),
    call: { name, parameters: ["grid"], returns: "ints", result },
  };
}

function transpose(draft: Draft): Definition {
  const scope = draft.scope();
  const grid = scope.name(gridNames);
  const [i, j] = scope.pair(placePairs);
  const result = scope.name(accumulators);
  const line = scope.name(["line", "new_row", "column", "current"]);
  const name = draft.define(draft.pick(["transpose", "flip", "rotate"]));
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(grid, "grid")}):
            ${draft.docstring("Turn rows into columns.")}
            ${result} = []
            for ${j} in range(len(${grid}[0])):
                ${line} = []
                for ${i} in range(len(${grid})):
                    ${line}.append(${grid}[${i}][${j}])
                ${result}.append(${line})
            return ${result}
      `,
      () => code`
        def ${name}(${draft.parameter(grid, "grid")}):
            return [[${grid}[${i}][${j}] for ${i} in range(len(${grid}))] for ${j} in range(len(${grid}[0]))]
      `,
    ),
    call: { name, parameters: ["grid"], returns: "grid", result },
  };
}

function makeGrid(draft: Draft): Definition {
  const scope = draft.scope();
  const grid = scope.name(gridNames);
  const [height, width] = scope.pair([
    ["height", "width"],
    ["rows", "cols"],
    ["n", "m"],
    ["size", "length"],
  ]);
  const [i, j] = scope.pair(placePairs);
  const line = scope.name(["line", "new_row", "current", "cells"]);
  const name = draft.define(
    draft.pick([`make_${grid}`, `create_${grid}`, "multiplication_table", "identity"]),
  );
  const cell =
    name === "identity"
      ? `1 if ${i} == ${j} else 0`
      : name === "multiplication_table"
        ? `${i} * ${j}`
        : draft.pick(["0", `${i} + ${j}`, `${i} * ${j}`, draft.string(".")]);
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(height, "int")}, ${draft.parameter(width, "int")}):
            ${grid} = []
            for ${i} in range(${height}):
                ${line} = []
                for ${j} in range(${width}):
                    ${line}.append(${cell})
                ${grid}.append(${line})
            return ${grid}
      `,
      () => code`
        def ${name}(${draft.parameter(height, "int")}, ${draft.parameter(width, "int")}):
            ${grid} = [[${cell} for ${j} in range(${width})] for ${i} in range(${height})]
            return ${grid}
      `,
    ),
    call: { name, parameters: ["int", "int"], returns: "grid", result: grid },
  };
}

function showGrid(draft: Draft): Definition {
  const scope = draft.scope();
  const grid = scope.name(gridNames);
  const [row, cell] = scope.pair(cellPairs);
  const line = scope.name(["line", "text", "output", "current", "result"]);
  const i = scope.name(["i", "index", "n", "y"]);
  const name = draft.define(draft.pick([`print_${grid}`, `show_${grid}`, `draw_${grid}`]));
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(grid, "grid")}):
            for ${row} in ${grid}:
                ${line} = ${draft.string("")}
                for ${cell} in ${row}:
                    ${line} += str(${cell}) + ${draft.string(" ")}
                print(${line})
      `,
      () => code`
        def ${name}(${draft.parameter(grid, "grid")}):
            for ${i}, ${row} in enumerate(${grid}):
                print(${i}, ${row})
      `,
      () => code`
        def ${name}(${draft.parameter(grid, "grid")}):
            for ${row} in ${grid}:
                print(${draft.string(" ")}.join(str(${cell}) for ${cell} in ${row}))
      `,
    ),
    call: { name, parameters: ["grid"], returns: "none" },
  };
}

function diagonal(draft: Draft): Definition {
  const scope = draft.scope();
  const grid = scope.name(gridNames);
  const i = scope.name(["i", "k", "index"]);
  const total = scope.name(counters);
  const name = draft.define(draft.pick(["diagonal_sum", "trace", "sum_diagonal"]));
  return {
    code: code`
      def ${name}(${draft.parameter(grid, "grid")})${draft.returns("int")}:
          ${total} = 0
          for ${i} in range(len(${grid})):
              ${total} += ${grid}[${i}][${draft.pick([i, i, `-${i} - 1`])}]
          return ${total}
    `,
    usage: `print(${name}([${[0, 1].map(() => numberList(draft, 2)).join(", ")}]))`,
  };
}

/** Walks from place to place over a grid, with a set of places seen. */
function walk(draft: Draft): Definition {
  const scope = draft.scope();
  const grid = scope.name(gridNames);
  const [x, y] = scope.pair([
    ["x", "y"],
    ["row", "col"],
    ["i", "j"],
    ["a", "b"],
  ]);
  const seen = scope.name(["seen", "visited", "done", "found"]);
  const pending = scope.name(["stack", "queue", "pending", "todo", "cells_left"]);
  const name = draft.define(draft.pick(["flood_fill", "explore", "count_cells", "reachable"]));
  const [dx, dy] = ["dx", "dy"];
  return {
    code: code`
      def ${name}(${grid}, start):
          ${draft.docstring("Visit all cells that can be reached.")}
          ${draft.random.shuffle([`${seen} = set()`, `${pending} = [start]`]).join("\n")}
          moves = [[0, 1], [1, 0], [0, -1], [-1, 0]]
          while ${pending}:
              ${x}, ${y} = ${pending}.pop(${draft.pick(["", "0"])})
              if (${x}, ${y}) in ${seen}:
                  continue
              if ${grid}[${x}][${y}] == ${draft.pick(["1", draft.string("#"), "0"])}:
                  continue
              ${seen}.add((${x}, ${y}))
              for ${dx}, ${dy} in moves:
                  ${pending}.append((${x} + ${dx}, ${y} + ${dy}))
          return ${draft.pick([seen, `len(${seen})`])}
    `,
  };
}

/** Statements that make nested and flat lists and look at them. */
export function listsOfLists(draft: Draft, scope: Scope): string {
  const grid = scope.name([...gridNames, ...accumulators]);
  const [row, cell] = scope.pair(cellPairs);
  const element = draft.chance(0.8) ? "int" : "str";
  const flat = scope.noun("number");
  const statements = draft.random.shuffle([
    `${grid} = ${nestedList(draft, element)}`,
    `${flat.many} = ${numberList(draft)}`,
  ]);
  if (draft.chance(0.5)) statements.push(`${scope.name(gridNames)} = ${nestedList(draft)}`);
  statements.push(
    draft.either(
      () => code`
        for ${row} in ${grid}:
            for ${cell} in ${row}:
                print(${cell})
      `,
      () => code`
        for ${row} in ${grid}:
            print(${draft.pick([`len(${row})`, row, ...(element === "int" ? [`sum(${row})`] : [])])})
      `,
      () => `${grid}.append(${flat.many})\nprint(len(${grid}))`,
      () => `${grid}[0][0] = ${flat.many}[0]\nprint(${grid})`,
    ),
  );
  if (draft.chance(0.6)) statements.push(`for ${flat.one} in ${flat.many}:\n    print(${flat.one})`);
  return statements.join("\n");
}

export const gridFamilies = [
  gridSum,
  gridSum,
  flatten,
  transpose,
  makeGrid,
  showGrid,
  diagonal,
  walk,
] as const;

import { code } from "./code.js";
import type { Definition, Draft } from "./draft.js";
import type { Scope } from "./scope.js";
import { nestedList, number, numberList } from "./values.js";
import { accumulators, counters } from "./words.js";

const gridNames = ["matrix", "grid", "table", "board", "rows", "cells", "data", "groups"];
const cellPairs = [
  ["row", "value"],
  ["row", "cell"],
  ["line", "item"],
  ["r", "x"],
  ["row", "number"],
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
          ${draft.docstring(`Add up the ${grid}`)}
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
  const name = draft.define(draft.pick(["merge_rows", `join_${grid}`, "join_rows"]));
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(grid, "grid")}):
            ${draft.docstring("Return one list")}
            ${result} = []
            for ${row} in ${grid}:
                ${draft.chance(0.5) ? `for ${cell} in ${row}:\n    ${result}.append(${cell})` : `${result} += ${row}`}
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

/** Statements that make nested and flat lists and look at them. */
export function listsOfLists(draft: Draft, scope: Scope): string {
  const grid = scope.name([...gridNames, ...accumulators]);
  const [row, cell] = scope.pair(cellPairs);
  const element = draft.chance(0.8) ? "int" : "str";
  const flat = scope.noun("number");
  const size = scope.name(["size", "length", "count"]);
  const total = scope.name(["total", "result"]);
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
            ${draft.pick([
              `print(${row})`,
              `${size} = len(${row})\nprint(${size})`,
              ...(element === "int" ? [`${total} = sum(${row})\nprint(${total})`] : []),
            ])}
      `,
      () => `${grid}.append(${flat.many})\nprint(${grid})`,
      () => `${grid}[0][0] = ${flat.many}[0]\nprint(${grid})`,
    ),
  );
  if (draft.chance(0.6)) statements.push(`for ${flat.one} in ${flat.many}:\n    print(${flat.one})`);
  return statements.join("\n");
}

export const gridFamilies = [gridSum, gridSum, flatten] as const;

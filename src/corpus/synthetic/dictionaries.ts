import { code } from "./code.js";
import { numberTest, test } from "./conditions.js";
import type { Definition, Draft } from "./draft.js";
import { printValue } from "./printing.js";
import type { Scope } from "./scope.js";
import { dictionary, factor, number, word, wordList } from "./values.js";
import { accumulators, shortNames } from "./words.js";

const keyPairs = [
  ["key", "value"],
  ["name", "score"],
  ["word", "count"],
  ["item", "price"],
  ["name", "age"],
  ["k", "v"],
  ["city", "size"],
  ["product", "quantity"],
  ["letter", "number"],
] as const;
const tables: readonly string[] = [
  "scores",
  "prices",
  "table",
  "data",
  "grades",
  "points",
  "costs",
  "weights",
];

function pickByValue(draft: Draft): Definition {
  const scope = draft.scope();
  const table = scope.name(tables);
  const [key, value] = scope.pair(keyPairs);
  const result = scope.name(accumulators);
  const best = scope.name(["best", "found", "highest"]);
  return draft.pick([
    (): Definition => {
      const name = draft.define(draft.pick(["select_by_value", `select_${table}`, "over_limit"]));
      const condition = numberTest(draft, value);
      return {
        code: draft.either(
          () => code`
            def ${name}(${draft.parameter(table, "counts")}):
                ${result} = {}
                for ${key}, ${value} in ${table}.items():
                    if ${condition}:
                        ${result}[${key}] = ${value}
                return ${result}
          `,
          () => code`
            def ${name}(${draft.parameter(table, "counts")}):
                ${result} = set()
                for ${key}, ${value} in ${table}.items():
                    if ${condition}:
                        ${result}.add(${key})
                return ${result}
          `,
        ),
        call: { name, parameters: ["counts"], returns: "counts", result },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["find_best", "best_key", "best_entry", `highest_${value}`]));
      return {
        code: draft.either(
          () => code`
            def ${name}(${draft.parameter(table, "counts")}):
                ${best} = None
                for ${key}, ${value} in ${table}.items():
                    if ${best} is None or ${value} > ${table}[${best}]:
                        ${best} = ${key}
                return ${best}
          `,
          () => code`
            def ${name}(${draft.parameter(table, "counts")}):
                return max(${table}, key=${table}.get)
          `,
        ),
        call: { name, parameters: ["counts"], returns: "str", result: best },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["swap_keys", "reverse_table", `swap_${table}`]));
      return {
        code: draft.either(
          () => code`
            def ${name}(${draft.parameter(table, "counts")}):
                ${draft.docstring("Return keys by value")}
                return {${value}: ${key} for ${key}, ${value} in ${table}.items()}
          `,
          () => code`
            def ${name}(${draft.parameter(table, "counts")}):
                ${draft.docstring("Return keys by value")}
                ${result} = {}
                for ${key}, ${value} in ${table}.items():
                    ${result}[${value}] = ${key}
                return ${result}
          `,
        ),
        call: { name, parameters: ["counts"], returns: "counts", result },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick([`show_${table}`, `list_${table}`]));
      return {
        code: code`
          def ${name}(${draft.parameter(table, "counts")}):
              ${draft.pick([
                `for ${key}, ${value} in ${table}.items():`,
                `for ${key}, ${value} in ${table}.items():`,
                `for ${key} in sorted(${table}):\n    ${value} = ${table}[${key}]`,
              ])}
                  ${draft.either(
                    () => `print(${key}, ${value})`,
                    () => `print(${key})\nprint(f${draft.string(`${value}: {${value}}`)})`,
                  )}
        `,
        call: { name, parameters: ["counts"], returns: "none" },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick([`sort_${table}`, "sort_by_value", "sort_entries"]));
      const pair = scope.name(["pair", "item", "entry", "x", "p"]);
      const items = scope.name(["items", "entries"]);
      return {
        code: code`
          def ${name}(${draft.parameter(table, "counts")}):
              ${draft.docstring("Sort by value")}
              ${items} = ${table}.items()
              return sorted(${items}, key=lambda ${pair}: ${pair}[${draft.pick([0, 1, 1])}]${draft.pick(["", ", reverse=True"])})
        `,
        call: { name, parameters: ["counts"], returns: "none", result },
      };
    },
    (): Definition => {
      const [first, second] = scope.pair([
        ["first", "second"],
        ["left", "right"],
        ["a", "b"],
        ["old", "new"],
      ]);
      const name = draft.define(draft.pick(["merge", "merge_scores", "add_scores"]));
      return {
        code: code`
          def ${name}(${first}, ${second}):
              ${result} = ${first}.copy()
              for ${key}, ${value} in ${second}.items():
                  ${draft.pick([
                    `${result}[${key}] = ${result}.get(${key}, 0) + ${value}`,
                    `if ${key} in ${result}:\n    ${result}[${key}] += ${value}\nelse:\n    ${result}[${key}] = ${value}`,
                  ])}
              return ${result}
        `,
        call: { name, parameters: ["counts", "counts"], returns: "counts", result },
      };
    },
  ])();
}

/** Sorts strings into groups. */
function grouping(draft: Draft): Definition {
  const scope = draft.scope();
  const noun = scope.noun("text");
  const groups = scope.name(["groups", "result", "table", "output", "matches"]);
  const key = scope.name(["key", "first", "size", "length", "start"]);
  const value = draft.pick([`len(${noun.one})`, `${noun.one}[0]`, `${noun.one}.lower()`]);
  const name = draft.define(draft.pick([`group_${noun.many}`, `group_by_${key}`, "build_index"]));
  return {
    code: code`
      def ${name}(${draft.parameter(noun.many, "strs")}):
          ${draft.docstring(`Sort the ${noun.many}`)}
          ${groups} = {}
          for ${noun.one} in ${noun.many}:
              ${key} = ${value}
              ${draft.either(
                () =>
                  `if ${key} not in ${groups}:\n    ${groups}[${key}] = []\n${groups}[${key}].append(${noun.one})`,
                () =>
                  `if ${key} not in ${groups}:\n    ${groups}[${key}] = set()\n${groups}[${key}].add(${noun.one})`,
              )}
          return ${groups}
    `,
    call: { name, parameters: ["strs"], returns: "counts", result: groups },
  };
}

/** Statements that make dicts and lists and look things up in them. */
export function lookups(draft: Draft, scope: Scope): string {
  const table = scope.name(draft.chance(0.6) ? tables : accumulators);
  const [key, value] = scope.pair(keyPairs);
  const noun = scope.noun("text");
  const keyed = draft.weighted<() => string>([
    [5, () => dictionary(draft)],
    [
      1,
      () =>
        `{${draft
          .sample([1, 2, 3, 4, 5, 6, 7, 8, 9], draft.between(2, 4))
          .map((each) => `${each}: ${draft.chance(0.5) ? word(draft) : number(draft)}`)
          .join(", ")}}`,
    ],
  ])();
  const statements = draft.random.shuffle([`${table} = ${keyed}`, `${noun.many} = ${wordList(draft)}`]);
  if (draft.chance(0.3)) {
    const mixed = scope.name(accumulators);
    statements.push(`${mixed} = [${word(draft)}, ${number(draft)}, ${word(draft)}, ${number(draft)}]`);
  }
  if (draft.chance(0.5)) statements.push(`${table}[${word(draft)}] = ${factor(draft)}`);
  statements.push(
    draft.either(
      () => `for ${key}, ${value} in ${table}.items():\n    print(${key}, ${value})`,
      () => `for ${key} in ${table}:\n    ${value} = ${table}[${key}]\n    print(${key}, ${value})`,
      () => code`
        for ${noun.one} in ${noun.many}:
            if ${noun.one} in ${table}:
                ${draft.pick([`print(${noun.one})`, `${value} = ${table}[${noun.one}]\nprint(${value})`])}
            ${draft.maybe(0.4, () => `else:\n    ${table}[${noun.one}] = ${number(draft)}`)}
      `,
      () => code`
        for ${noun.one} in ${noun.many}:
            ${table}[${noun.one}] = ${draft.pick([`len(${noun.one})`, `${table}.get(${noun.one}, 0) + 1`])}
      `,
      () =>
        `if ${word(draft)} in ${table}:\n    print(${draft.string("yes")})\nelse:\n    print(${draft.string("no")})`,
    ),
  );
  const last = scope.name(shortNames);
  statements.push(
    draft.either(
      () => `${last} = len(${table})\n${printValue(draft, "size", last)}`,
      () =>
        `${noun.many}.sort(key=lambda ${last}: len(${last})${draft.pick(["", ", reverse=True"])})\nprint(${noun.many})`,
      () => `${last} = ${table}.get(${word(draft)}, 0)\nif ${test(draft, last, "int")}:\n    print(${last})`,
      () => `${last} = ${noun.many}[${draft.pick(["0", "-1", "1:", ":2"])}]\nprint(${last})`,
    ),
  );
  return statements.join("\n");
}

export const dictionaryFamilies = [pickByValue, grouping] as const;

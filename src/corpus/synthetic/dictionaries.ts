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
  "ages",
  "prices",
  "counts",
  "stock",
  "table",
  "data",
  "grades",
  "totals",
  "votes",
  "points",
];

function pickByValue(draft: Draft): Definition {
  const scope = draft.scope();
  const table = scope.name(tables);
  const [key, value] = scope.pair(keyPairs);
  const result = scope.name(accumulators);
  const best = scope.name(["best", "winner", "top", "highest"]);
  return draft.pick([
    (): Definition => {
      const name = draft.define(
        draft.pick(["filter_by_value", `filter_${table}`, `select_${table}`, "above_limit"]),
      );
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
                return {${key}: ${value} for ${key}, ${value} in ${table}.items() if ${condition}}
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
      const name = draft.define(draft.pick(["find_winner", "best_key", "top_entry", `highest_${value}`]));
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
                return max(${table}, key=lambda ${key}: ${table}[${key}])
          `,
        ),
        call: { name, parameters: ["counts"], returns: "str", result: best },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["invert", "swap_keys", "reverse_dict", "flip_table"]));
      return {
        code: draft.either(
          () => code`
            def ${name}(${draft.parameter(table, "counts")}):
                ${draft.docstring("Exchange keys and values.")}
                return {${value}: ${key} for ${key}, ${value} in ${table}.items()}
          `,
          () => code`
            def ${name}(${draft.parameter(table, "counts")}):
                ${draft.docstring("Exchange keys and values.")}
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
      const name = draft.define(draft.pick([`print_${table}`, `show_${table}`, `list_${table}`]));
      return {
        code: code`
          def ${name}(${draft.parameter(table, "counts")}):
              for ${key}, ${value} in ${draft.pick([`${table}.items()`, `${table}.items()`, `sorted(${table}.items())`])}:
                  ${draft.either(
                    () => `print(${key}, ${value})`,
                    () => `print(f${draft.string(`{${key}}: {${value}}`)})`,
                    () => `print(${key} + ${draft.string(": ")} + str(${value}))`,
                  )}
        `,
        call: { name, parameters: ["counts"], returns: "none" },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick([`sort_${table}`, "sort_by_value", "ranking", "top_entries"]));
      const pair = scope.name(["pair", "item", "entry", "x", "p"]);
      return {
        code: code`
          def ${name}(${draft.parameter(table, "counts")}):
              ${draft.docstring("Sort the entries by value.")}
              return sorted(${table}.items(), key=lambda ${pair}: ${pair}[${draft.pick([0, 1, 1])}]${draft.pick(["", ", reverse=True"])})
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
      const name = draft.define(draft.pick(["merge", "merge_counts", "combine", "add_tables"]));
      return {
        code: code`
          def ${name}(${first}, ${second}):
              ${result} = dict(${first})
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
  const groups = scope.name(["groups", "result", "table", "index_by_key", "output", "grouped"]);
  const key = scope.name(["key", "first", "size", "length", "start"]);
  const value = draft.pick([`len(${noun.one})`, `${noun.one}[0]`, `${noun.one}.lower()`]);
  const name = draft.define(draft.pick([`group_${noun.many}`, `group_by_${key}`, "build_index"]));
  return {
    code: code`
      def ${name}(${draft.parameter(noun.many, "strs")}):
          ${draft.docstring(`Sort the ${noun.many} into groups.`)}
          ${groups} = {}
          for ${noun.one} in ${noun.many}:
              ${key} = ${value}
              ${draft.either(
                () =>
                  `if ${key} not in ${groups}:\n    ${groups}[${key}] = []\n${groups}[${key}].append(${noun.one})`,
                () =>
                  `if ${key} not in ${groups}:\n    ${groups}[${key}] = set()\n${groups}[${key}].add(${noun.one})`,
                () => `${groups}.setdefault(${key}, []).append(${noun.one})`,
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
      () => `for ${key} in ${table}:\n    print(${key}, ${table}[${key}])`,
      () => code`
        for ${noun.one} in ${noun.many}:
            if ${noun.one} in ${table}:
                print(${draft.pick([noun.one, `${table}[${noun.one}]`])})
            ${draft.maybe(0.4, () => `else:\n    ${table}[${noun.one}] = ${number(draft)}`)}
      `,
      () => code`
        for ${noun.one} in ${noun.many}:
            ${table}[${noun.one}] = ${draft.pick([`len(${noun.one})`, `${table}.get(${noun.one}, 0) + 1`])}
      `,
      () =>
        `if ${word(draft)} in ${table}:\n    print(${draft.string("found")})\nelse:\n    print(${draft.string("missing")})`,
    ),
  );
  const last = scope.name(shortNames);
  statements.push(
    draft.either(
      () => printValue(draft, table, `len(${table})`),
      () => `print(sorted(${noun.many}, key=lambda ${last}: len(${last})))`,
      () => `${last} = ${table}.get(${word(draft)}, 0)\nif ${test(draft, last, "int")}:\n    print(${last})`,
      () => `print(${noun.many}[${draft.pick(["0", "-1", "1:", ":2"])}])`,
    ),
  );
  return statements.join("\n");
}

export const dictionaryFamilies = [pickByValue, grouping] as const;

import type { Random } from "../../random.js";
import { accumulation, workspace } from "./accumulations.js";
import { procedure, scriptBlock, settingStatements, workingClass } from "./blocks.js";
import { classFamilies } from "./classes.js";
import { code } from "./code.js";
import { dictionaryFamilies, lookups } from "./dictionaries.js";
import { type Call, type Definition, Draft } from "./draft.js";
import { errorFamilies } from "./errors.js";
import { fileFamilies, fileStatements } from "./files.js";
import { choiceStatements, functionFamilies, lambdaStatements, swapStatements } from "./functions.js";
import { gridFamilies, listsOfLists } from "./grids.js";
import { libraryFamilies } from "./libraries.js";
import { listFamilies } from "./lists.js";
import { flagStatements, loopFamilies, loopStatements } from "./loops.js";
import { numberFamilies } from "./numbers.js";
import { printNotice, printValue } from "./printing.js";
import type { Scope } from "./scope.js";
import { textFamilies } from "./texts.js";
import { literal } from "./values.js";
import { modules } from "./words.js";

type Family = (draft: Draft) => Definition;
type Statements = (draft: Draft, scope: Scope) => string;

/** The kinds of definitions, with the weight of each kind. */
const definitions: readonly (readonly [number, readonly Family[]])[] = [
  [18, [accumulation]],
  [20, [procedure]],
  [7, [workingClass]],
  [9, numberFamilies],
  [8, textFamilies],
  [9, listFamilies],
  [4, gridFamilies],
  [6, dictionaryFamilies],
  [19, classFamilies],
  [20, fileFamilies],
  [15, loopFamilies],
  [22, functionFamilies],
  [5, errorFamilies],
  [5, libraryFamilies],
];

/** The kinds of statements outside of functions. */
const statements: readonly (readonly [number, Statements])[] = [
  [14, scriptBlock],
  [7, workspace],
  [5, listsOfLists],
  [4, lookups],
  [9, fileStatements],
  [3, flagStatements],
  [3, loopStatements],
  [15, swapStatements],
  [6, lambdaStatements],
  [5, choiceStatements],
];

/**
 * One synthetic Python program, ending in a newline: a module of a few definitions, mostly with statements that use them,
 * or a script. It depends on the random stream alone.
 */
export function generateProgram(random: Random): string {
  const draft = new Draft(random);
  const gap = draft.chance(0.75) ? "\n\n\n" : "\n\n";
  const kind = draft.weighted([
    [70, "module"],
    [20, "script"],
    [10, "both"],
  ] as const);
  const sections: string[] = [];
  const made: Definition[] = [];
  if (kind !== "script") {
    const count = kind === "both" ? 1 : draft.pick([1, 1, 2, 2, 3]);
    for (let index = 0; index < count; index++) made.push(draft.pick(draft.weighted(definitions))(draft));
    sections.push(...made.map((definition) => definition.code));
  }
  const scope = draft.scope();
  if (kind !== "module") sections.push(script(draft, scope));
  if (draft.chance(0.7)) sections.push(...use(draft, scope, made));
  // Values at the top of a module, as settings are.
  const settings = kind === "module" && draft.chance(0.15) ? settingStatements(draft, scope) : "";
  if (draft.chance(0.08)) draft.import(`import ${draft.pick(modules)}`);
  const imports = [...draft.imports].sort();
  const head = draft.docstring(draft.pick(["A small program", "A small test", "Read and print"]));
  const top = [kind === "module" && draft.chance(0.1) ? head : "", imports.join("\n"), settings]
    .filter((part) => part !== "")
    .join("\n\n");
  return `${[top, sections.join(gap)].filter((part) => part !== "").join(gap)}\n`;
}

function script(draft: Draft, scope: Scope): string {
  const count = draft.between(1, 3);
  const parts = Array.from({ length: count }, () => draft.weighted(statements)(draft, scope));
  return parts.join(draft.chance(0.7) ? "\n\n" : "\n");
}

/** Statements that call what the program defines: prints, assertions, a main function. */
function use(draft: Draft, scope: Scope, made: readonly Definition[]): string[] {
  const parts: string[] = [];
  const tests = made.filter((definition) => definition.call?.example);
  if (tests.length > 0 && draft.chance(0.25)) {
    parts.push(
      assertions(
        draft,
        tests.map((definition) => definition.call!),
      ),
    );
  } else {
    for (const definition of made) {
      if (definition.usage !== undefined) parts.push(definition.usage);
      else if (definition.call) parts.push(callStatements(draft, scope, definition.call));
    }
  }
  if (parts.length === 0) return [];
  const body = parts.join(draft.chance(0.3) ? "\n\n" : "\n");
  if (!draft.chance(0.25)) return [body];
  const guard = `if __name__ == ${draft.string("__main__")}:`;
  if (draft.definitions.has("main") || draft.chance(0.4))
    return [
      code`
    ${guard}
        ${body}
  `,
    ];
  return [
    code`
      def main():
          ${body}
    `,
    `${guard}\n    main()`,
  ];
}

function assertions(draft: Draft, calls: readonly Call[]): string {
  const checks = calls.map(({ name, example }) => ({
    name,
    text: `assert ${name}(${example![0]}) == ${example![1]}`,
  }));
  if (draft.chance(0.5)) return checks.map((check) => check.text).join("\n");
  return checks
    .map(
      (check) => code`
        def test_${check.name}():
            ${check.text}
      `,
    )
    .concat(
      checks.map((check) => `test_${check.name}()`).join("\n"),
      draft.chance(0.3) ? printNotice(draft) : [],
    )
    .join("\n\n");
}

/** Statements that call a function with literals, or with variables that hold them. */
function callStatements(draft: Draft, scope: Scope, call: Call): string {
  const args = call.parameters.map((type) => literal(draft, type)).join(", ");
  const expression = `${call.name}(${args})`;
  if (call.returns === "none" && call.result === undefined) return expression;
  const shown = (value: string): string => {
    const result = scope.numbered(call.result ?? "result");
    return `${result} = ${value}\n${draft.chance(0.5) ? `print(${result})` : printValue(draft, result, result)}`;
  };
  return draft.weighted<() => string>([
    [0.5, () => `print(${expression})`],
    [2, () => shown(expression)],
    [
      2,
      () => {
        const type = call.parameters[0];
        if (call.parameters.length !== 1 || type === undefined) return shown(expression);
        const name = scope.numbered(
          draft.pick(
            {
              int: ["number", "value", "n", "x"],
              str: ["text", "word", "message"],
              bool: ["active", "valid"],
              ints: ["numbers", "values", "data", "xs"],
              strs: ["words", "names", "items", "data"],
              grid: ["grid", "matrix", "rows", "table"],
              counts: ["scores", "data", "table"],
              none: ["data"],
            }[type],
          ),
        );
        return `${name} = ${args}\n${shown(`${call.name}(${name})`)}`;
      },
    ],
  ])();
}

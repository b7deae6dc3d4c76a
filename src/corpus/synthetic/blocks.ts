import { code } from "./code.js";
import { display } from "./displays.js";
import { type Definition, type Draft, spoken, type Type } from "./draft.js";
import { instanceName } from "./records.js";
import type { Scope } from "./scope.js";
import { statements } from "./statements.js";
import { number, numberList, word } from "./values.js";
import { type Body, declare, declarePair, define, type Kind, useOf, type Variable } from "./variables.js";
import { classNames, functionVerbs, methodVerbs } from "./words.js";

/** The variables with which a piece of program begins: mostly one or two that grow, and a few of other kinds. */
function openingKinds(draft: Draft): Kind[] {
  const kinds: Kind[] = draft.sample(
    ["set", "set", "string", "numbers", "words", "number", "flag", "text", "dict", "grid", "number"] as const,
    draft.between(2, 4),
  );
  if (draft.chance(0.75) && !kinds.includes("set") && !kinds.includes("string"))
    kinds.push(draft.pick(["set", "set", "set", "string"] as const));
  if (draft.chance(0.4)) kinds.push("number");
  return draft.random.shuffle(kinds);
}

/** Last uses of what grew, so that what was made at the beginning is needed at the end. */
function closing(body: Body): string[] {
  const grown = body.variables.filter(({ kind }) => kind === "set" || kind === "string");
  return grown.filter(() => body.draft.chance(0.6)).map((variable) => useOf(body, variable));
}

/** Statements at the program's own level that work with a handful of variables. */
export function scriptBlock(draft: Draft, scope: Scope): string {
  const body: Body = { draft, scope, variables: [], locked: [], depth: 0, place: "script" };
  const pair = draft.chance(0.25) ? declarePair(scope) : [];
  body.variables.push(...pair);
  return [
    ...pair.map(({ name }) => `${name} = ${number(draft)}`),
    ...openingKinds(draft).map((kind) => define(body, kind)),
    statements(body, draft.between(3, 7)),
    ...closing(body),
    ...shown(body),
  ].join("\n");
}

/** Values that a module gives names to, before its functions. */
export function settingStatements(draft: Draft, scope: Scope): string {
  const body: Body = { draft, scope, variables: [], locked: [], depth: 0, place: "script" };
  const kinds = ["number", "text", "numbers", "words", "flag", "number"] as const;
  return draft
    .sample(kinds, draft.between(1, 3))
    .map((kind) => define(body, kind))
    .join("\n");
}

function shown(body: Body): string[] {
  const variables = body.draft.sample(body.variables, body.draft.between(0, 2));
  return variables.map((variable) => `print(${variable.name})`);
}

/** The result of a function: a variable, or two, or a dict or a list of some. */
function result(body: Body): string {
  if (body.draft.chance(0.15)) return `return ${display(body)}`;
  const names = body.draft
    .sample(
      body.variables,
      body.draft.weighted([
        [4, 1],
        [1, 2],
      ]),
    )
    .map((variable) => variable.name);
  return `return ${names.join(", ")}`;
}

/** A function whose parameters and variables work together. */
export function procedure(draft: Draft): Definition {
  const scope = draft.scope();
  const parameters = declareParameters(draft, scope, 3);
  const body: Body = { draft, scope, variables: [...parameters], locked: [], depth: 0, place: "function" };
  const noun = draft.noun(draft.pick(["text", "number", "record"] as const));
  const [verb, object] = [draft.pick(functionVerbs), draft.pick([noun.one, noun.many])];
  const name = draft.define(`${verb}_${object}`);
  const types = parameters.map(({ kind }) => typeOf[kind]);
  const returned = draft.chance(0.85);
  const opening = openingKinds(draft)
    .slice(0, draft.between(1, 3))
    .map((kind) => define(body, kind));
  return {
    code: code`
      def ${name}(${parameters.map((each, index) => draft.parameter(each.name, types[index]!)).join(", ")}):
          ${draft.docstring(`${draft.pick(["Get", "Find", "Read"])} the ${object}`)}
          ${opening.join("\n")}
          ${statements(body, draft.between(2, 5))}
          ${closing(body).join("\n")}
          ${returned ? result(body) : ""}
    `,
    call: { name, parameters: types, returns: "none", ...(returned ? { result: "result" } : {}) },
  };
}

const typeOf: Record<Kind, Type> = {
  ...{
    number: "int",
    flag: "bool",
    text: "str",
    string: "str",
    numbers: "ints",
    words: "strs",
    grid: "grid",
  },
  ...{ dict: "counts", set: "strs" },
};

/** Parameters, up to `most`, and sometimes two numbers that belong together. */
function declareParameters(draft: Draft, scope: Scope, most: number): Variable[] {
  const kinds = draft.sample(
    ["numbers", "words", "number", "text", "flag", "grid"] as const,
    Math.min(most, draft.pick([0, 1, 1, 2, 2, 3])),
  );
  const pair = draft.chance(0.3) ? declarePair(scope) : [];
  return draft.random.shuffle([...kinds.map((kind) => declare(draft, scope, kind)), ...pair]);
}

/** A class whose methods work with what it keeps. */
export function workingClass(draft: Draft): Definition {
  const className = draft.define(draft.pick(classNames));
  const scope = draft.scope();
  const start: Body = { draft, scope, variables: [], locked: [], depth: 0, place: "function" };
  const copied = draft
    .sample(["number", "text", "number", "text", "numbers"] as const, draft.between(1, 3))
    .map((kind) => declare(draft, scope, kind));
  const kept = copied.map((variable): Variable => ({ ...variable, name: `self.${variable.name}` }));
  start.variables.push(...kept);
  const stores = kept.map((variable, index) => `${variable.name} = ${copied[index]!.name}`);
  const opening = draft
    .sample(
      ["set", "set", "string", "flag", "number", "numbers", "dict", "grid"] as const,
      draft.between(1, 3),
    )
    .map((kind) => define(start, kind, "self."));
  const names = new Set<string>();
  const methods = Array.from({ length: draft.between(1, 2) }, () => {
    const own = draft.scope();
    const parameters = declareParameters(draft, own, 2);
    const body: Body = { ...start, scope: own, variables: [...start.variables, ...parameters] };
    const name = draft.pick([...methodVerbs, ...functionVerbs].filter((verb) => !names.has(verb)));
    names.add(name);
    return code`
      def ${name}(${["self", ...parameters.map((each) => each.name)].join(", ")}):
          ${draft.docstring(`${draft.pick(["Get", "Find", "Read"])} the ${spoken(copied[0]!.name)}`)}
          ${statements(body, draft.between(1, 4))}
          ${draft.maybe(0.4, () => result(body))}
    `;
  });
  const instance = draft.pick(["thing", "first", "one", instanceName(className)]);
  return {
    code: code`
      class ${className}:
          ${draft.classDocstring(`Keeps the ${spoken(copied[0]!.name)}`)}
          def __init__(self, ${copied.map((variable) => variable.name).join(", ")}):
              ${stores.join("\n")}
              ${opening.join("\n")}

          ${methods.join("\n\n")}
    `,
    usage: `${instance} = ${className}(${copied.map(({ kind }) => (kind === "number" ? number(draft) : kind === "text" ? word(draft) : numberList(draft))).join(", ")})\nprint(${instance}.${copied[0]!.name})`,
  };
}

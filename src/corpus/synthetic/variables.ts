import { flagTest, numberTest, textTest } from "./conditions.js";
import type { Draft } from "./draft.js";
import { printValue } from "./printing.js";
import type { Scope } from "./scope.js";
import { dictionary, factor, nestedList, number, numberList, text, word, wordList } from "./values.js";
import {
  accumulators,
  counters,
  flags,
  type Noun,
  namePairs,
  numberAttributes,
  numberNouns,
  textAttributes,
  textNouns,
} from "./words.js";

/** What a variable holds. */
export type Kind = "number" | "flag" | "text" | "string" | "set" | "dict" | "numbers" | "words" | "grid";

export interface Variable {
  readonly name: string;
  /** A `string` was empty at first and grows, a `text` stays. */
  readonly kind: Kind;
  /** What one element of a list is called. */
  readonly element: string;
}

/** Statements in one place of a program, and what they may use. */
export interface Body {
  readonly draft: Draft;
  readonly scope: Scope;
  /** In scope, with a value. */
  readonly variables: Variable[];
  /** Lists that a loop is going through, which must not grow. */
  readonly locked: readonly string[];
  readonly depth: number;
  readonly place: "script" | "function";
}

export const numberNames = [...counters, ...numberAttributes, ...numberNouns.map((noun) => noun.one)];
export const textNames = [...textAttributes, ...textNouns.map((noun) => noun.one)];
const gridNames = ["grid", "matrix", "table", "rows", "points", ...accumulators];

/** Makes a variable of a kind; its definition is the result, and it is in scope from there on. */
export function define(body: Body, kind: Kind, receiver = ""): string {
  const { draft, scope } = body;
  const variable = declare(draft, scope, kind, receiver);
  const value = initial(draft, kind);
  body.variables.push(variable);
  return `${variable.name} = ${value}`;
}

export function declare(draft: Draft, scope: Scope, kind: Kind, receiver = ""): Variable {
  const plain = (pools: readonly string[], element: readonly string[]): Variable => ({
    name: receiver + scope.name(pools),
    kind,
    element: draft.pick(element),
  });
  const listOf = (noun: Noun): Variable => ({ name: receiver + noun.many, kind, element: noun.one });
  const named = draft.chance(0.75);
  switch (kind) {
    case "number":
      return plain(numberNames, ["n"]);
    case "flag":
      return plain(named ? flags : accumulators, ["flag"]);
    case "text":
      return plain(textNames, ["char", "c"]);
    case "string":
      return plain(named ? accumulators : textNames, ["char", "c"]);
    case "set":
      return plain(named ? accumulators : textNouns.map((noun) => noun.many), ["item", "x"]);
    case "dict":
      return plain(accumulators, ["key", "name", "word", "k"]);
    case "numbers":
      return named
        ? listOf(scope.noun("number"))
        : plain(accumulators, ["x", "n", "value", "number", "item"]);
    case "words":
      return named ? listOf(scope.noun("text")) : plain(accumulators, ["word", "item", "name"]);
    case "grid":
      return plain(gridNames, ["row", "line", "group"]);
  }
}

/** Two numbers that belong together. */
export function declarePair(scope: Scope): Variable[] {
  return scope.pair(namePairs).map((name) => ({ name, kind: "number", element: "n" }));
}

function initial(draft: Draft, kind: Kind): string {
  switch (kind) {
    case "number":
      return String(number(draft));
    case "flag":
      return draft.pick(["True", "False"]);
    case "text":
      return text(draft);
    case "string":
      return draft.string("");
    case "set":
      return "set()";
    case "dict":
      return draft.chance(0.15) ? "{}" : dictionary(draft);
    case "numbers":
      return draft.chance(0.2) ? "[]" : numberList(draft);
    case "words":
      return draft.chance(0.2) ? "[]" : wordList(draft);
    case "grid":
      return nestedList(draft, "int");
  }
}

/** A variable of one of the kinds that statements here may change. */
export function changeable(body: Body, ...kinds: readonly Kind[]): Variable | undefined {
  const { draft, locked } = body;
  const fitting = body.variables.filter(({ kind, name }) => kinds.includes(kind) && !locked.includes(name));
  return fitting.length > 0 ? draft.pick(fitting) : undefined;
}

export function anyOf(body: Body, ...kinds: readonly Kind[]): Variable | undefined {
  const fitting = body.variables.filter((variable) => kinds.includes(variable.kind));
  return fitting.length > 0 ? body.draft.pick(fitting) : undefined;
}

/** A number: a variable in scope or a literal. */
export function numeric(body: Body, except = ""): string {
  const variable = anyOf(body, "number");
  return variable && variable.name !== except && body.draft.chance(0.5)
    ? variable.name
    : String(number(body.draft));
}

/** A string: a variable in scope or a literal. */
export function textual(body: Body, except = ""): string {
  const variable = anyOf(body, "text", "text", "string");
  return variable && variable.name !== except && body.draft.chance(0.5) ? variable.name : word(body.draft);
}

/** A condition on something in scope. */
export function condition(body: Body): string | undefined {
  const { draft } = body;
  const variable = anyOf(body, "number", "number", "flag", "text", "numbers", "words", "set", "dict");
  switch (variable?.kind) {
    case "number": {
      const other = numeric(body, variable.name);
      return draft.chance(0.3)
        ? `${variable.name} ${draft.pick(["<", ">", "==", "!="])} ${other}`
        : numberTest(draft, variable.name);
    }
    case "flag":
      return flagTest(draft, variable.name);
    case "text":
      return textTest(draft, variable.name);
    case "numbers":
      return draft.pick([
        `len(${variable.name}) > ${factor(draft)}`,
        variable.name,
        `${numeric(body)} in ${variable.name}`,
      ]);
    case "words":
    case "set":
    case "dict":
      return draft.pick([
        `${textual(body)} in ${variable.name}`,
        `${textual(body)} not in ${variable.name}`,
        `len(${variable.name}) == ${number(draft)}`,
      ]);
    default:
      return undefined;
  }
}

/** A statement that changes or shows a variable, by its kind. */
export function useOf(body: Body, variable: Variable): string {
  const { draft } = body;
  const change = body.locked.includes(variable.name) ? undefined : changes[variable.kind];
  const shown = variable.kind === "set" || variable.kind === "string" || variable.kind === "flag" ? 0.1 : 0.4;
  return (change && !draft.chance(shown) ? change : shows[variable.kind])(body, variable);
}

type Writer = (body: Body, variable: Variable) => string;

const changes: Partial<Record<Kind, Writer>> = {
  number: (body, { name }) =>
    body.draft.weighted<() => string>([
      [3, () => `${name} += ${numeric(body, name)}`],
      [2, () => `${name} -= ${factor(body.draft)}`],
      [1, () => `${name} = ${name} * ${factor(body.draft)}`],
      [1, () => `${name} = ${number(body.draft)}`],
    ])(),
  flag: (body, { name }) => `${name} = ${body.draft.pick(["True", "True", "False", "False", `not ${name}`])}`,
  text: (body, { name }) => `${name} = ${name}.${body.draft.pick(["strip", "lower", "upper", "title"])}()`,
  string: (body, { name }) =>
    `${name} += ${body.draft.chance(0.8) ? textual(body, name) : `str(${numeric(body)})`}`,
  set: (body, { name }) => `${name}.add(${body.draft.chance(0.5) ? textual(body) : numeric(body)})`,
  dict: (body, { name }) => `${name}[${textual(body)}] = ${numeric(body)}`,
  numbers: (body, { name }) =>
    body.draft.weighted<() => string>([
      [4, () => `${name}.append(${numeric(body)})`],
      [1, () => `${name} += ${numberList(body.draft)}`],
      [1, () => `${name}.sort()`],
    ])(),
  words: (body, { name, element }) =>
    body.draft.weighted<() => string>([
      [4, () => `${name}.append(${textual(body)})`],
      [1, () => `${name}.sort(key=lambda ${element}: ${element}[0])`],
    ])(),
  grid: (body, { name }) =>
    body.draft.either(
      () => `${name}.append(${numberList(body.draft)})`,
      () => `${name} = ${nestedList(body.draft, "int")}`,
    ),
};

const shows: Record<Kind, Writer> = {
  number: ({ draft }, { name }) => (draft.chance(0.4) ? `print(${name})` : printValue(draft, name, name)),
  flag: ({ draft }, { name }) => (draft.chance(0.5) ? `print(${name})` : printValue(draft, name, name)),
  text: ({ draft }, { name }) =>
    draft.chance(0.4) ? printValue(draft, name, name) : `print(${draft.pick([name, name, `${name}[0]`])})`,
  string: ({ draft }, { name }) => (draft.chance(0.4) ? `print(${name})` : printValue(draft, name, name)),
  set: ({ draft }, { name }) =>
    draft.chance(0.4)
      ? `print(${name})`
      : draft.chance(0.5)
        ? `print(len(${name}))`
        : printValue(draft, name, name),
  dict: (body, { name, element }) =>
    body.locked.includes(name) || body.draft.chance(0.5)
      ? `print(${name}.get(${textual(body)}, ${number(body.draft)}))`
      : `for ${element}, value in ${name}.items():\n    print(${element}, value)`,
  numbers: ({ draft }, { name }) =>
    draft.chance(0.4)
      ? printValue(draft, name, name)
      : `print(${draft.pick([name, `sum(${name})`, `${name}[0]`, `${name}[-1]`])})`,
  words: ({ draft }, { name }) =>
    draft.chance(0.6)
      ? printValue(draft, name, name)
      : `print(${draft.string(draft.pick([", ", " ", "-"]))}.join(${name}))`,
  grid: ({ draft, locked }, { name, element }) =>
    locked.includes(name) || draft.chance(0.3)
      ? `print(${draft.pick([`${name}[0]`, name])})`
      : `for ${element} in ${name}:\n    print(${element})`,
};

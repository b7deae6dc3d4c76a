import { code } from "./code.js";
import { flagTest, numberTest, textTest } from "./conditions.js";
import { type Definition, type Draft, spoken, type Type } from "./draft.js";
import { fileName, opened } from "./files.js";
import { printNotice, printValue } from "./printing.js";
import type { Scope } from "./scope.js";
import { dictionary, factor, nestedList, number, numberList, text, word, wordList } from "./values.js";
import {
  accumulators,
  classNames,
  counters,
  flags,
  functionNames,
  functionVerbs,
  handles,
  indexNames,
  methodVerbs,
  type Noun,
  notices,
  numberAttributes,
  numberNouns,
  recordNouns,
  shortNames,
  textAttributes,
  textNouns,
} from "./words.js";

/** What a variable holds. */
type Kind = "number" | "flag" | "text" | "string" | "set" | "dict" | "numbers" | "words" | "grid";

interface Variable {
  readonly name: string;
  /** A `string` was empty at first and grows, a `text` stays. */
  readonly kind: Kind;
  /** What one element of a list is called. */
  readonly element: string;
}

/** Statements in one place of a program, and what they may use. */
interface Body {
  readonly draft: Draft;
  readonly scope: Scope;
  /** In scope, with a value. */
  readonly variables: Variable[];
  /** Lists that a loop is going through, which must not grow. */
  readonly locked: readonly string[];
  readonly depth: number;
  readonly place: "script" | "function";
}

const numberNames = [...counters, ...numberAttributes, ...numberNouns.map((noun) => noun.one)];
const textNames = [...textAttributes, ...textNouns.map((noun) => noun.one)];
const gridNames = [
  "grid",
  "matrix",
  "table",
  "rows",
  "board",
  "pairs",
  "groups",
  "points",
  "cells",
  ...accumulators,
];

/** Makes a variable of a kind; its definition is the result, and it is in scope from there on. */
function define(body: Body, kind: Kind, receiver = ""): string {
  const { draft, scope } = body;
  const variable = declare(draft, scope, kind, receiver);
  const value = initial(draft, kind);
  body.variables.push(variable);
  return `${variable.name} = ${value}`;
}

function declare(draft: Draft, scope: Scope, kind: Kind, receiver = ""): Variable {
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
      return plain(textNames, ["char", "letter", "c"]);
    case "string":
      return plain(named ? accumulators : textNames, ["char", "letter", "c"]);
    case "set":
      return plain(named ? accumulators : textNouns.map((noun) => noun.many), [
        "item",
        "x",
        "each",
        "member",
      ]);
    case "dict":
      return plain(accumulators, ["key", "name", "word", "k"]);
    case "numbers":
      return named
        ? listOf(scope.noun("number"))
        : plain(accumulators, ["x", "n", "value", "number", "item"]);
    case "words":
      return named ? listOf(scope.noun("text")) : plain(accumulators, ["word", "item", "name", "part", "w"]);
    case "grid":
      return plain(gridNames, ["row", "line", "pair", "group"]);
  }
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
      return draft.chance(0.4) ? "{}" : dictionary(draft);
    case "numbers":
      return draft.chance(0.2) ? "[]" : numberList(draft);
    case "words":
      return draft.chance(0.2) ? "[]" : wordList(draft);
    case "grid":
      return nestedList(draft, "int");
  }
}

function anyOf(body: Body, ...kinds: readonly Kind[]): Variable | undefined {
  const fitting = body.variables.filter((variable) => kinds.includes(variable.kind));
  return fitting.length > 0 ? body.draft.pick(fitting) : undefined;
}

/** A number: a variable in scope or a literal. */
function numeric(body: Body, except = ""): string {
  const variable = anyOf(body, "number");
  return variable && variable.name !== except && body.draft.chance(0.5)
    ? variable.name
    : String(number(body.draft));
}

/** A string: a variable in scope or a literal. */
function textual(body: Body, except = ""): string {
  const variable = anyOf(body, "text", "text", "string");
  return variable && variable.name !== except && body.draft.chance(0.5) ? variable.name : word(body.draft);
}

/** A condition on something in scope. */
function condition(body: Body): string | undefined {
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

/** The statements of a block inside this one; `own` are the variables that it begins with. */
function inner(body: Body, own: readonly Variable[] = [], locked: readonly string[] = []): Body {
  return {
    ...body,
    depth: body.depth + 1,
    variables: [...body.variables, ...own],
    locked: [...body.locked, ...locked],
  };
}

function block(body: Body, most = 2): string {
  return statements(body, body.draft.between(1, most));
}

type Maker = (body: Body) => string | undefined;

/** A statement that changes or shows a variable, by its kind. */
function useOf(body: Body, { name, kind, element }: Variable): string {
  const { draft } = body;
  switch (kind) {
    case "number":
      return draft.weighted([
        [4, `${name} += ${numeric(body, name)}`],
        [2, `${name} -= ${factor(draft)}`],
        [1, `${name} = ${name} * ${factor(draft)}`],
        [1, `${name} = ${number(draft)}`],
        [1, `print(${name})`],
        [2, printValue(draft, name, name)],
      ]);
    case "flag":
      return draft.weighted([
        [3, `${name} = True`],
        [3, `${name} = False`],
        [1, `${name} = not ${name}`],
      ]);
    case "text":
      return draft.weighted([
        [1, `print(${name}.upper())`],
        [1, `print(${name})`],
        [2, printValue(draft, name, name, true)],
        [1, `print(${name}[0])`],
        [1, `${name} = ${name}.${draft.pick(["strip", "lower", "upper", "title"])}()`],
        [1, `print(len(${name}))`],
      ]);
    case "string":
      return draft.weighted([
        [5, `${name} += ${textual(body, name)}`],
        [1, `${name} += str(${numeric(body)})`],
        [0.5, printValue(draft, name, name, true)],
      ]);
    case "set":
      return draft.weighted([
        [5, `${name}.add(${draft.chance(0.5) ? textual(body) : numeric(body)})`],
        [0.5, `print(len(${name}))`],
      ]);
    case "dict":
      return draft.weighted([
        [4, `${name}[${textual(body)}] = ${numeric(body)}`],
        [1, `print(${name}.get(${textual(body)}, ${number(draft)}))`],
        [1, `for ${element}, value in ${name}.items():\n    print(${element}, value)`],
      ]);
    case "numbers":
      return draft.weighted([
        [body.locked.includes(name) ? 0 : 4, `${name}.append(${numeric(body)})`],
        [body.locked.includes(name) ? 0 : 0.7, `${name} = ${name} + ${numberList(draft)}`],
        [1, `print(sum(${name}))`],
        [1, `print(${name}[${draft.pick(["0", "-1", "1:", ":2"])}])`],
        [body.locked.includes(name) ? 0 : 1, `${name}.sort()`],
        [body.locked.includes(name) ? 0 : 1, `${name} += ${numberList(draft)}`],
        [1, printValue(draft, name, `len(${name})`)],
      ]);
    case "words":
      return draft.weighted([
        [body.locked.includes(name) ? 0 : 4, `${name}.append(${textual(body)})`],
        [1, `print(${draft.string(draft.pick([", ", " ", "-"]))}.join(${name}))`],
        [body.locked.includes(name) ? 0 : 1, `${name}.sort(key=lambda ${element}: len(${element}))`],
        [1, printValue(draft, name, `len(${name})`)],
      ]);
    case "grid":
      return draft.weighted([
        [
          body.locked.includes(name) ? 0 : 2,
          `${name}.append(${draft.pick([numberList(draft), `[${numeric(body)}, ${numeric(body)}]`])})`,
        ],
        [2, `for ${element} in ${name}:\n    print(${element})`],
        [1, `print(${name}[0])`],
        [body.locked.includes(name) ? 0 : 1, `${name} = ${nestedList(draft, "int")}`],
      ]);
  }
}

/** Each way of writing the next statement, with its weight; one that does not fit what is in scope gives nothing. */
const makers: readonly (readonly [number, Maker])[] = [
  [6, (body) => (body.variables.length > 0 ? useOf(body, body.draft.pick(body.variables)) : undefined)],
  // The set or string that was made first, to come back to it.
  [
    2,
    (body) => {
      const variable = body.variables.find(({ kind }) => kind === "set" || kind === "string");
      return variable && useOf(body, variable);
    },
  ],
  [
    1.5,
    (body) =>
      define(
        body,
        body.draft.pick([
          "number",
          "number",
          "flag",
          "text",
          "numbers",
          "words",
          "grid",
          "dict",
          "set",
          "string",
        ] as const),
      ),
  ],
  [0.7, (body) => printNotice(body.draft)],
  [1, commented],
  [3, branch],
  [2.5, loopOver],
  [1, countedLoop],
  [1.6, whileLoop],
  [1.3, swap],
  [1.2, ternary],
  [1.7, message],
  [0.8, file],
  [0.8, lambda],
  [0.8, comprehension],
  [1, record],
  [0.4, attempt],
];

/** A comment on the statement below it. */
function commented(body: Body): string | undefined {
  if (body.variables.length === 0) return undefined;
  const variable = body.draft.pick(body.variables);
  const said = spoken(variable.name.replace("self.", ""));
  const comment = body.draft.comment(
    `${body.draft.pick(["update", "change", "look at", "use"])} the ${said}`,
  );
  return comment === "" ? undefined : `${comment}\n${useOf(body, variable)}`;
}

function indented(statements: string): string {
  return statements.replaceAll("\n", "\n    ");
}

function branch(body: Body): string | undefined {
  const test = condition(body);
  if (test === undefined || body.depth > 2) return undefined;
  const other = body.draft.chance(0.35);
  const second = other && body.draft.chance(0.25) ? condition(body) : undefined;
  return code`
    if ${test}:
        ${leave(body) || block(inner(body))}
    ${second ? `elif ${second}:\n    ${indented(block(inner(body), 1))}` : ""}
    ${other ? `else:\n    ${indented(block(inner(body), 1))}` : ""}
  `;
}

/** Sometimes the way out of a function. */
function leave(body: Body): string {
  const { draft } = body;
  if (body.place !== "function" || !draft.chance(0.25)) return "";
  return `return ${draft.pick(["True", "True", "False", "None", numeric(body)])}`;
}

function loopOver(body: Body): string | undefined {
  if (body.depth > 2) return undefined;
  const { draft } = body;
  const list = anyOf(body, "numbers", "words", "numbers", "words", "grid", "text");
  if (!list) return undefined;
  const kind = ({ numbers: "number", grid: "numbers" } as const)[list.kind as "numbers" | "grid"] ?? "text";
  const element: Variable = { name: list.element, kind, element: draft.pick(["cell", "x", "value"]) };
  if (body.variables.some(({ name }) => name === element.name)) return undefined;
  const inside = (own: readonly Variable[]): string => block(inner(body, own, [list.name, element.name]));
  return draft.weighted<() => string>([
    [
      5,
      () => code`
      for ${element.name} in ${list.name}:
          ${inside([element])}
    `,
    ],
    [
      2,
      () => {
        const index: Variable = { name: body.scope.name(indexNames), kind: "number", element: "" };
        return code`
        for ${index.name}, ${element.name} in enumerate(${list.name}):
            ${draft.chance(0.4) ? `print(${index.name}, ${element.name})` : inside([element, index])}
      `;
      },
    ],
    [
      1.5,
      () => {
        const index: Variable = { name: body.scope.name(indexNames), kind: "number", element: "" };
        return code`
        for ${index.name} in range(len(${list.name})):
            ${draft.chance(0.4) ? `print(${list.name}[${index.name}])` : inside([index])}
      `;
      },
    ],
  ])();
}

function countedLoop(body: Body): string | undefined {
  if (body.depth > 2) return undefined;
  const index: Variable = { name: body.scope.name(indexNames), kind: "number", element: "" };
  const limit = numeric(body);
  return code`
    for ${index.name} in range(${body.draft.pick([limit, limit, `1, ${limit}`])}):
        ${block(inner(body, [index]))}
  `;
}

function whileLoop(body: Body): string | undefined {
  if (body.depth > 2) return undefined;
  const { draft } = body;
  const variable = anyOf(body, "number", "flag", "numbers", "words", "text");
  if (!variable || body.locked.includes(variable.name)) return undefined;
  const { name, element } = variable;
  if (variable.kind === "number" && draft.chance(0.45)) {
    return code`
      while True:
          ${block(inner(body, [], [name]))}
          ${name} ${draft.pick(["+= 1", "+= 1", "+= 2", "*= 2", `+= ${factor(draft)}`])}
          if ${name} > ${factor(draft)}${draft.pick(["", "0"])}:
              ${body.place === "function" && draft.chance(0.4) ? `return ${draft.pick(["True", "False", name])}` : "break"}
    `;
  }
  switch (variable.kind) {
    case "number":
      return code`
        while ${draft.pick([name, name, `${name} > 0`])}:
            ${block(inner(body, [], [name]))}
            ${name} -= 1
      `;
    case "flag":
      return code`
        while ${draft.pick([name, name, `${name} == True`])}:
            ${block(inner(body, [], [name]))}
            ${name} = False
      `;
    case "text":
      return code`
        while ${name}:
            print(${name}[0])
            ${name} = ${name}[1:]
      `;
    default: {
      if (body.variables.some((other) => other.name === element)) return undefined;
      const one: Variable = {
        name: element,
        kind: variable.kind === "numbers" ? "number" : "text",
        element: "c",
      };
      return code`
        while ${name}:
            ${element} = ${name}.pop(${draft.pick(["", "", "0"])})
            ${block(inner(body, [one], [name]))}
      `;
    }
  }
}

function swap(body: Body): string | undefined {
  const { draft } = body;
  const first = anyOf(body, "number", "text", "numbers");
  if (!first) return undefined;
  const others = body.variables.filter(
    (variable) => variable.kind === first.kind && variable.name !== first.name,
  );
  if (others.length === 0) return undefined;
  const second = draft.pick(others);
  const exchange = `${first.name}, ${second.name} = ${second.name}, ${first.name}`;
  return draft.chance(0.4) && first.kind === "number"
    ? `if ${first.name} ${draft.pick([">", "<"])} ${second.name}:\n    ${exchange}`
    : exchange;
}

function ternary(body: Body): string | undefined {
  const { draft } = body;
  const test = condition(body);
  if (test === undefined) return undefined;
  const known = anyOf(body, "number");
  if (known && draft.chance(0.4)) {
    return `${known.name} ${draft.pick(["=", "+=", "-="])} ${numeric(body, known.name)} if ${test} else ${numeric(body, known.name)}`;
  }
  const [yes, no, kind] = draft.chance(0.6)
    ? ([numeric(body), numeric(body), "number"] as const)
    : ([textual(body), textual(body), "text"] as const);
  const result = declare(draft, body.scope, kind);
  body.variables.push(result);
  return `${result.name} = ${yes} if ${test} else ${no}`;
}

/** A string with a value in it, or one without. */
function message(body: Body): string | undefined {
  const { draft } = body;
  const variable = anyOf(body, "number", "text", "number", "string", "flag");
  if (!variable || variable.name.includes(".")) return undefined;
  const said = draft.either(
    () => spoken(variable.name),
    () => spoken(draft.pick(textNames)),
    () => spoken(draft.pick(numberAttributes)),
    () => `${draft.pick(["the", "new", "last", "your", "good", "bad"])} ${spoken(draft.pick(numberNames))}`,
  );
  const plain = draft.chance(0.4);
  const literal = plain
    ? draft.string(said)
    : `f${draft.string(`${said}${draft.pick(["", "", ":"])} {${variable.name}}`)}`;
  const list = anyOf(body, "words");
  return draft.weighted<() => string>([
    [3, () => `print(${literal})`],
    [list && !body.locked.includes(list.name) ? 2 : 0, () => `${list!.name}.append(${literal})`],
    [
      2,
      () => {
        const result = declare(draft, body.scope, "text");
        body.variables.push(result);
        return `${result.name} = ${literal}`;
      },
    ],
    [
      1,
      () => {
        const test = condition(body);
        return test === undefined ? `print(${literal})` : `if ${test}:\n    raise ValueError(${literal})`;
      },
    ],
    [0.7, () => `print(${numeric(body)}, ${literal})`],
  ])();
}

function file(body: Body): string | undefined {
  if (body.depth > 2) return undefined;
  const { draft } = body;
  const handle = body.scope.name(handles);
  const result: Variable = {
    name: body.scope.name([...accumulators, ...textNames]),
    kind: "text",
    element: "c",
  };
  const path = anyOf(body, "text");
  const source = path && draft.chance(0.3) ? path.name : fileName(draft, "r");
  const list = anyOf(body, "numbers", "words", "set");
  const sink = anyOf(body, "string", "set");
  return draft.weighted<() => string>([
    [
      3,
      () => {
        body.variables.push(result);
        return `with ${opened(draft, source, "r", 0.7)} as ${handle}:\n    ${result.name} = ${handle}.read()`;
      },
    ],
    [
      2,
      () => {
        body.variables.push(result);
        return `${handle} = ${opened(draft, source, "r", 0.6)}\n${result.name} = ${handle}.read()\n${handle}.close()`;
      },
    ],
    [
      sink ? 2 : 0,
      () => {
        const line = body.scope.name(["line", "row", "entry", "text", "word"]);
        return `with ${opened(draft, source, "r", 0.7)} as ${handle}:\n    for ${line} in ${handle}:\n        ${sink!.kind === "set" ? `${sink!.name}.add(${line})` : `${sink!.name} += ${line}`}`;
      },
    ],
    [
      3,
      () =>
        `with ${opened(draft, fileName(draft, "w"), "w")} as ${handle}:\n    ${handle}.write(${textual(body)})`,
    ],
    [
      1.5,
      () =>
        `${handle} = ${opened(draft, fileName(draft, "w"), "w")}\n${handle}.write(${textual(body)})\n${handle}.close()`,
    ],
    [
      list ? 2 : 0,
      () =>
        `with ${opened(draft, fileName(draft, "w"), "w")} as ${handle}:\n    for ${list!.element} in ${list!.name}:\n        ${handle}.write(str(${list!.element}))`,
    ],
  ])();
}

function lambda(body: Body): string {
  const { draft } = body;
  const name = body.scope.name([...functionNames, ...accumulators, ...shortNames]);
  const parameter = draft.pick(draft.chance(0.3) ? shortNames : [...numberNames, ...functionNames]);
  const sign = draft.pick(["+", "*", "-"]);
  return `${name} = lambda ${parameter}: ${parameter} ${sign} ${factor(draft)}\nprint(${name}(${numeric(body, name)}))`;
}

function comprehension(body: Body): string {
  const { draft } = body;
  const list = anyOf(body, "numbers", "words");
  const index = draft.pick(indexNames);
  const result: Variable = {
    name: body.scope.name(accumulators),
    kind: "numbers",
    element: draft.pick(["x", "n", "value"]),
  };
  if (draft.chance(0.4) || !list) {
    body.variables.push(result);
    return `${result.name} = [${draft.pick([index, `${index} * ${index}`, `${index} * ${factor(draft)}`, `${index} + 1`])} for ${index} in range(${numeric(body)})]`;
  }
  const { element, name } = list;
  const number = list.kind === "numbers";
  if (element === index) return `print(len(${name}))`;
  return draft.either(
    () => {
      body.variables.push(result);
      return `${result.name} = [${index} for ${index}, ${element} in enumerate(${name}) if ${number ? numberTest(draft, element) : textTest(draft, element)}]`;
    },
    () =>
      `${result.name} = {${element}: ${index} for ${index}, ${element} in enumerate(${name})}\nprint(${result.name})`,
    () => {
      body.variables.push(result);
      return `${result.name} = [${number ? `${element} * 2` : `len(${element})`} for ${element} in ${name}]`;
    },
    () =>
      `${result.name} = {${number ? `${element} % 10` : `${element}[0]`} for ${element} in ${name}}\nprint(${result.name})`,
  );
}

/** A dict or a list that holds variables. */
function record(body: Body): string | undefined {
  const { draft } = body;
  const known = body.variables.filter(
    ({ kind, name }) => (kind === "number" || kind === "text") && !name.includes("."),
  );
  if (known.length < 2) return undefined;
  const chosen = draft.sample(known, draft.between(2, 3));
  const name = body.scope.name([...accumulators, ...recordNouns.map((noun) => noun.one)]);
  const kind = chosen.every((variable) => variable.kind === "number") ? "numbers" : undefined;
  return draft.weighted<() => string>([
    [
      2,
      () =>
        `${name} = {${chosen.map((each) => `${draft.string(each.name)}: ${each.name}`).join(", ")}}\nprint(${name})`,
    ],
    [
      2,
      () =>
        `${name} = {${chosen.map((each) => `${each.name}: ${number(draft)}`).join(", ")}}\nprint(${name})`,
    ],
    [
      3,
      () => {
        if (kind) body.variables.push({ name, kind, element: draft.pick(["x", "n", "item"]) });
        return `${name} = [${chosen.map((each) => each.name).join(", ")}]`;
      },
    ],
    [1.5, () => `${name} = [[${chosen.map((each) => each.name).join(", ")}]]\nprint(${name})`],
    [1, () => `print([${chosen.map((each) => each.name).join(", ")}])`],
  ])();
}

function attempt(body: Body): string | undefined {
  if (body.depth > 1) return undefined;
  const { draft } = body;
  const error = draft.pick(["ValueError", "KeyError", "TypeError", "IndexError"]);
  return code`
    try:
        ${block(inner(body))}
    except ${error}:
        ${draft.pick([printNotice(draft), "pass"])}
  `;
}

function statements(body: Body, count: number): string {
  const written: string[] = [];
  while (written.length < count) {
    const made = body.draft.weighted(makers)(body);
    if (made !== undefined && made !== written.at(-1)) written.push(made);
  }
  return written.join("\n");
}

/** The variables with which a piece of program begins: mostly one or two that grow, and a few of other kinds. */
function openingKinds(draft: Draft): Kind[] {
  const kinds: Kind[] = draft.sample(
    ["set", "string", "numbers", "words", "number", "flag", "text", "dict", "grid", "number"] as const,
    draft.between(2, 4),
  );
  if (draft.chance(0.6) && !kinds.includes("set") && !kinds.includes("string"))
    kinds.push(draft.pick(["set", "string"] as const));
  if (draft.chance(0.4)) kinds.push("number");
  return draft.random.shuffle(kinds);
}

/** Last uses of what grew, so that what was made at the beginning is needed at the end. */
function closing(body: Body): string[] {
  const grown = body.variables.filter(({ kind }) => kind === "set" || kind === "string");
  return grown.filter(() => body.draft.chance(0.5)).map((variable) => useOf(body, variable));
}

/** Statements at the program's own level that work with a handful of variables. */
export function scriptBlock(draft: Draft, scope: Scope): string {
  const body: Body = { draft, scope, variables: [], locked: [], depth: 0, place: "script" };
  return [
    ...openingKinds(draft).map((kind) => define(body, kind)),
    statements(body, draft.between(3, 7)),
    ...closing(body),
    ...shown(body),
  ].join("\n");
}

function shown(body: Body): string[] {
  const variables = body.draft.sample(body.variables, body.draft.between(0, 2));
  return variables.map((variable) => `print(${variable.name})`);
}

/** The result of a function: a variable, or two. */
function result(body: Body): string {
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
  const parameters = parameterKinds(draft).map((kind) => declare(draft, scope, kind));
  const body: Body = { draft, scope, variables: [...parameters], locked: [], depth: 0, place: "function" };
  const noun = draft.noun(draft.pick(["text", "number", "record"] as const));
  const name = draft.define(`${draft.pick(functionVerbs)}_${draft.pick([noun.one, noun.many])}`);
  const types = parameters.map(({ kind }) => typeOf[kind]);
  const returned = draft.chance(0.85);
  const opening = openingKinds(draft)
    .slice(0, draft.between(1, 3))
    .map((kind) => define(body, kind));
  return {
    code: code`
      def ${name}(${parameters.map((each, index) => draft.parameter(each.name, types[index]!)).join(", ")}):
          ${draft.docstring(`${draft.pick(notices)}.`)}
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

function parameterKinds(draft: Draft): Kind[] {
  return draft.sample(
    ["numbers", "words", "number", "text", "flag", "grid"] as const,
    draft.pick([0, 1, 1, 2, 2, 3]),
  );
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
    .sample(["set", "string", "flag", "number", "numbers", "dict", "grid"] as const, draft.between(1, 3))
    .map((kind) => define(start, kind, "self."));
  const names = new Set<string>();
  const methods = Array.from({ length: draft.between(1, 2) }, () => {
    const own = draft.scope();
    const parameters = parameterKinds(draft)
      .slice(0, 2)
      .map((kind) => declare(draft, own, kind));
    const body: Body = { ...start, scope: own, variables: [...start.variables, ...parameters] };
    const name = draft.pick(
      [...methodVerbs, ...functionVerbs].filter((verb) => !names.has(verb) && verb !== "print"),
    );
    names.add(name);
    return code`
      def ${name}(${["self", ...parameters.map((each) => each.name)].join(", ")}):
          ${draft.docstring(`${draft.pick(notices)}.`)}
          ${statements(body, draft.between(1, 4))}
          ${draft.maybe(0.4, () => result(body))}
    `;
  });
  const instance = draft.pick(["thing", "first", "example", "one", className.toLowerCase()]);
  return {
    code: code`
      class ${className}:
          ${draft.classDocstring(`Keeps ${spoken(copied[0]!.name)} and more.`)}
          def __init__(self, ${copied.map((variable) => variable.name).join(", ")}):
              ${stores.join("\n")}
              ${opening.join("\n")}

          ${methods.join("\n\n")}
    `,
    usage: `${instance} = ${className}(${copied.map(({ kind }) => (kind === "number" ? number(draft) : kind === "text" ? word(draft) : numberList(draft))).join(", ")})\nprint(${instance}.${copied[0]!.name})`,
  };
}

import { code } from "./code.js";
import { numberTest, textTest } from "./conditions.js";
import { displayed } from "./displays.js";
import { spoken } from "./draft.js";
import { fileName, fileVariable, handlesOf, opened } from "./files.js";
import { printNotice } from "./printing.js";
import { factor, text, word } from "./values.js";
import {
  anyOf,
  type Body,
  changeable,
  condition,
  declare,
  define,
  numberNames,
  numeric,
  textNames,
  textual,
  useOf,
  type Variable,
} from "./variables.js";
import {
  accumulators,
  functionNames,
  indexNames,
  namePairs,
  numberAttributes,
  shortNames,
  textAttributes,
} from "./words.js";

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

/** Each way of writing the next statement, with its weight; one that does not fit what is in scope gives nothing. */
const makers: readonly (readonly [number, Maker])[] = [
  [6, (body) => (body.variables.length > 0 ? useOf(body, body.draft.pick(body.variables)) : undefined)],
  // The set or string that was made first, to come back to it.
  [
    3.2,
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
          "words",
          "grid",
          "dict",
          "dict",
          "dict",
          "set",
          "set",
          "set",
          "string",
          "string",
        ] as const),
      ),
  ],
  [0.7, (body) => printNotice(body.draft)],
  [1, commented],
  [3, branch],
  [2.5, loopOver],
  [1, countedLoop],
  [1.8, whileLoop],
  [7, swap],
  [3, ternary],
  [2.6, message],
  [3.8, file],
  [2.4, lambda],
  [0.8, comprehension],
  [2.6, displayed],
  [1.3, remark],
  [0.4, attempt],
];

/** A comment on the statement below it. */
function commented(body: Body): string | undefined {
  if (body.variables.length === 0) return undefined;
  const variable = body.draft.pick(body.variables);
  const said = spoken(variable.name.replace("self.", ""));
  const comment = body.draft.comment(`${body.draft.pick(["update", "show", "check"])} the ${said}`);
  return comment === "" ? undefined : `${comment}\n${useOf(body, variable)}`;
}

/** Whether no further block begins here. */
function isDeep(body: Body): boolean {
  return body.draft.chance([0, 0.4, 0.8, 1][body.depth] ?? 1);
}

function indented(statements: string): string {
  return statements.replaceAll("\n", "\n    ");
}

function branch(body: Body): string | undefined {
  const test = condition(body);
  if (test === undefined || isDeep(body)) return undefined;
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
  if (isDeep(body)) return undefined;
  const { draft } = body;
  const list = anyOf(body, "numbers", "words", "numbers", "words", "grid", "text");
  if (!list) return undefined;
  const kind = ({ numbers: "number", grid: "numbers" } as const)[list.kind as "numbers" | "grid"] ?? "text";
  const element: Variable = { name: list.element, kind, element: draft.pick(["x", "value"]) };
  if (body.variables.some(({ name }) => name === element.name)) return undefined;
  const inside = (own: readonly Variable[]): string =>
    block(inner(body, own, [list.name, ...own.map(({ name }) => name)]));
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
  if (isDeep(body)) return undefined;
  const index: Variable = { name: body.scope.name(indexNames), kind: "number", element: "" };
  const limit = numeric(body);
  return code`
    for ${index.name} in range(${body.draft.pick([limit, limit, `1, ${limit}`])}):
        ${block(inner(body, [index], [index.name]))}
  `;
}

function whileLoop(body: Body): string | undefined {
  if (isDeep(body)) return undefined;
  const { draft } = body;
  const variable = changeable(body, "number", "flag", "numbers", "words", "text");
  if (!variable) return undefined;
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
  const first = changeable(body, "number", "text", "numbers");
  if (!first) return undefined;
  if (first.kind === "numbers" && draft.chance(0.15)) {
    const [i, j] = draft.pick(["0, 1", "1, 0", "0, -1", "-1, 0", "1, 2", "1, -1"]).split(", ");
    const { name } = first;
    return `${name}[${i}], ${name}[${j}] = ${name}[${j}], ${name}[${i}]`;
  }
  const others = body.variables.filter(
    (variable) =>
      variable.kind === first.kind && variable.name !== first.name && !body.locked.includes(variable.name),
  );
  if (others.length === 0) return undefined;
  const partner = others.find(({ name }) =>
    namePairs.some((pair) => pair.includes(name) && pair.includes(first.name)),
  );
  const second = partner ?? draft.pick(others);
  const exchange = `${first.name}, ${second.name} = ${second.name}, ${first.name}`;
  const [left, right] = draft.chance(0.5) ? [first, second] : [second, first];
  return draft.chance(0.4) && first.kind === "number"
    ? `if ${left.name} ${draft.pick([">", "<"])} ${right.name}:\n    ${exchange}`
    : exchange;
}

function ternary(body: Body): string | undefined {
  const { draft } = body;
  const test = condition(body);
  if (test === undefined) return undefined;
  const known = changeable(body, "number");
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
    () => `the ${spoken(draft.pick(numberAttributes))}`,
    () => `${draft.stringWord()} ${spoken(draft.pick([...numberAttributes, ...textAttributes]))}`,
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
  ])();
}

function file(body: Body): string | undefined {
  if (isDeep(body)) return undefined;
  const { draft } = body;
  const sink = anyOf(body, "string", "set");
  return draft.weighted<() => string>([
    [7, () => readWhole(body)],
    [sink ? 1 : 0, () => readLines(body, sink!)],
    [2.5, () => write(body)],
    [3, () => `${readWhole(body)}\n${write(body)}`],
  ])();
}

function readWhole(body: Body): string {
  const { draft, scope } = body;
  const handle = scope.name(handlesOf.r);
  const name = scope.name([...accumulators, ...textNames]);
  const variable = draft.chance(0.35) ? fileVariable(draft, scope, "r") : "";
  const source = variable || fileName(draft, "r");
  body.variables.push({ name, kind: "text", element: "c" });
  return code`
    ${variable && `${variable} = ${fileName(draft, "r")}`}
    ${draft.either(
      () => `with ${opened(draft, source, "r")} as ${handle}:\n    ${name} = ${handle}.read()`,
      () => `${handle} = ${opened(draft, source, "r")}\n${name} = ${handle}.read()\n${handle}.close()`,
    )}
  `;
}

function readLines({ draft, scope }: Body, sink: Variable): string {
  const handle = scope.name(handlesOf.r);
  const line = scope.name(["line", "row", "entry", "text", "word"]);
  return code`
    with ${opened(draft, fileName(draft, "r"), "r")} as ${handle}:
        for ${line} in ${handle}:
            ${sink.kind === "set" ? `${sink.name}.add(${line})` : `${sink.name} += ${line}`}
  `;
}

function write(body: Body): string {
  const { draft, scope } = body;
  const handle = scope.name(handlesOf.w);
  const file = opened(draft, fileName(draft, "w"), "w");
  return draft.chance(0.65)
    ? `with ${file} as ${handle}:\n    ${handle}.write(${textual(body)})`
    : `${handle} = ${file}\n${handle}.write(${textual(body)})\n${handle}.close()`;
}

/** A small function within the block, with a name or as a lambda. */
function lambda(body: Body): string {
  const { draft } = body;
  const isLambda = draft.chance(0.6);
  // A function may be called as a number is: what tells it from a parameter is the word before it.
  const name = body.scope.name([
    ...functionNames,
    ...(isLambda ? [...accumulators, ...shortNames] : numberNames),
  ]);
  const parameter = draft.pick(draft.chance(0.3) ? shortNames : [...numberNames, ...functionNames]);
  const value = `${parameter} ${draft.pick(["+", "*", "-"])} ${factor(draft)}`;
  const result = body.scope.name(accumulators);
  const made = isLambda
    ? `${name} = lambda ${parameter}: ${value}`
    : draft.chance(0.7)
      ? `def ${name}(${parameter}):\n    return ${value}`
      : `def ${name}():\n    return ${numeric(body, name)}`;
  const argument = made.includes("():") ? "" : numeric(body, name);
  return `${made}\n${result} = ${name}(${argument})\nprint(${result})`;
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
  if (element === index) return `print(${name})`;
  return draft.either(
    () => {
      body.variables.push(result);
      return `${result.name} = [${index} for ${index}, ${element} in enumerate(${name}) if ${number ? numberTest(draft, element) : textTest(draft, element)}]`;
    },
    () => {
      body.variables.push(result);
      return `${result.name} = [${number ? `${element} * 2` : `len(${element})`} for ${element} in ${name}]`;
    },
  );
}

/** A text that is written where it is used, and ends a call. */
function remark(body: Body): string | undefined {
  const { draft } = body;
  const list = changeable(body, "words");
  const known = changeable(body, "text", "string");
  return draft.weighted<() => string | undefined>([
    [3, () => `print(${numeric(body)}, ${text(draft)})`],
    [
      2,
      () => {
        const test = condition(body);
        return (
          test &&
          `if ${test}:\n    raise ${draft.pick(["ValueError", "ValueError", "TypeError", "KeyError"])}(${text(draft)})`
        );
      },
    ],
    [list ? 1.5 : 0, () => `${list!.name}.insert(0, ${text(draft)})`],
    [list ? 1 : 0, () => `if ${textual(body)} in ${list!.name}:\n    ${list!.name}.remove(${word(draft)})`],
    [known ? 1.5 : 0, () => `${known!.name} = ${known!.name}.replace(${word(draft)}, ${word(draft)})`],
    [known ? 1 : 0, () => `print(${known!.name}.count(${word(draft)}))`],
    [known ? 1 : 0, () => `print(${known!.name} + ${word(draft)})`],
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

/** So many statements; what they define is in scope for those after them. */
export function statements(body: Body, count: number): string {
  const written: string[] = [];
  while (written.length < count) {
    const made = body.draft.weighted(makers)(body);
    if (made !== undefined && made !== written.at(-1)) written.push(made);
  }
  return written.join("\n");
}

import { code, lines } from "./code.js";
import { test } from "./conditions.js";
import type { Definition, Draft, Type } from "./draft.js";
import { printNotice, printValue } from "./printing.js";
import type { Scope } from "./scope.js";
import { factor, number, numberList, text, word, wordList } from "./values.js";
import { accumulators, counters, flags, functionVerbs, indexNames, type Noun, shortNames } from "./words.js";

/** What an accumulator holds. */
type Kind = "set" | "string" | "list" | "dict" | "number";
interface Accumulator {
  readonly name: string;
  readonly kind: Kind;
}
type Element = "int" | "str";

const empty: Record<Kind, readonly string[]> = {
  set: ["set()"],
  string: [],
  list: ["[]"],
  dict: ["{}"],
  number: ["0"],
};

function start(draft: Draft, { name, kind }: Accumulator): string {
  return `${name} = ${kind === "string" ? draft.string("") : empty[kind][0]}`;
}

/** A statement that puts the element `item` into an accumulator. */
function update(draft: Draft, { name, kind }: Accumulator, item: string, element: Element): string {
  switch (kind) {
    case "set":
      return `${name}.add(${derived(draft, item, element)})`;
    case "string": {
      const piece = element === "str" ? item : `str(${item})`;
      return draft.weighted<() => string>([
        [4, () => `${name} += ${piece}`],
        [2, () => `${name} += ${piece} + ${draft.string(draft.pick([" ", ",", "-", "\\n"]))}`],
        [1, () => `${name} += ${draft.string(draft.pick(["x", " ", "-"]))}`],
        [/\W/.test(item) ? 0 : 0.5, () => `${name} += f${draft.string(`{${item}} `)}`],
      ])();
    }
    case "list":
      return `${name}.append(${derived(draft, item, element)})`;
    case "dict":
      return draft.weighted<() => string>([
        [4, () => `${name}[${item}] = ${name}.get(${item}, 0) + 1`],
        [2, () => `${name}[${item}] = ${element === "str" ? `len(${item})` : `${item} * ${item}`}`],
        [
          2,
          () => code`
            if ${item} not in ${name}:
                ${name}[${item}] = 0
            ${name}[${item}] += 1
          `,
        ],
      ])();
    case "number":
      return draft.weighted([
        [3, `${name} += 1`],
        [2, `${name} += ${element === "str" ? `len(${item})` : item}`],
      ]);
  }
}

function derived(draft: Draft, item: string, element: Element): string {
  if (draft.chance(0.6)) return item;
  if (element === "int")
    return draft.pick([`${item} * 2`, `${item} + 1`, `${item} ** 2`, `${item} - 1`, `str(${item})`]);
  return draft.pick([`${item}.lower()`, `len(${item})`, `${item}[0]`, `${item} * 2`]);
}

/** A statement between others that concerns none of the accumulators. */
function aside(draft: Draft, item: string, element: Element): string {
  return draft.weighted<() => string>([
    [2, () => `print(${item})`],
    [1, () => printValue(draft, item, item)],
    [
      1,
      () => code`
        if ${test(draft, item, element)}:
            ${draft.pick(["continue", "break", `print(${item})`])}
      `,
    ],
    [
      1,
      () =>
        element === "str"
          ? `${item} = ${item}.strip()`
          : `${item} = ${item} ${draft.pick(["+ 1", "* 2", "- 1"])}`,
    ],
  ])();
}

function accumulatorsOf(draft: Draft, scope: Scope, count: number): Accumulator[] {
  const kinds: Kind[] = draft.chance(0.85)
    ? [
        draft.weighted([
          [1, "set"],
          [1, "string"],
        ] as const),
      ]
    : [draft.pick(["list", "dict", "number"] as const)];
  while (kinds.length < count) {
    const kind = draft.pick(["set", "string", "list", "dict", "number"] as const);
    if (!kinds.includes(kind) || draft.chance(0.2)) kinds.push(kind);
  }
  return draft.random.shuffle(kinds).map((kind) => ({
    kind,
    name: scope.name(
      kind === "number" && draft.chance(0.7) ? counters : draft.chance(0.9) ? accumulators : shortNames,
    ),
  }));
}

/** The statements of a loop's body that update each of the accumulators, some under conditions. */
function updates(draft: Draft, all: readonly Accumulator[], item: string, element: Element): string {
  const statements: string[] = [];
  if (draft.chance(0.25)) statements.push(aside(draft, item, element));
  const left = draft.random.shuffle([...all]);
  const set = all.find(({ kind }) => kind === "set");
  if (set && draft.chance(0.25)) {
    statements.push(code`
      if ${item} in ${set.name}:
          ${draft.pick(["continue", "continue", "break"])}
    `);
  }
  while (left.length > 0) {
    const accumulator = left.pop()!;
    const statement = update(draft, accumulator, item, element);
    if (draft.chance(0.35)) {
      const other = left.length > 0 && draft.chance(0.6) ? left.pop()! : accumulator;
      statements.push(code`
        if ${test(draft, item, element)}:
            ${statement}
        ${draft.maybe(other === accumulator ? 0.2 : 1, () => `else:\n    ${update(draft, other, item, element).replaceAll("\n", "\n    ")}`)}
      `);
    } else {
      statements.push(statement);
    }
    if (draft.chance(0.1)) statements.push(aside(draft, item, element));
  }
  return statements.join("\n");
}

/** A loop over a collection that feeds the accumulators. */
function loop(draft: Draft, scope: Scope, collection: string, item: string, body: string): string {
  return draft.weighted<() => string>([
    [
      6,
      () => code`
        for ${item} in ${collection}:
            ${body}
      `,
    ],
    [
      1,
      () => {
        const index = scope.name(indexNames);
        return code`
          for ${index}, ${item} in enumerate(${collection}):
              ${draft.either(
                () => `print(${index}, ${item})`,
                () => `if ${index} == ${number(draft)}:\n    continue`,
                () => `if ${index} % 2 == 0:\n    print(${item})`,
              )}
              ${body}
        `;
      },
    ],
    [
      1,
      () => {
        const index = scope.name(indexNames);
        return code`
          for ${index} in range(len(${collection})):
              ${item} = ${collection}[${index}]
              ${body}
        `;
      },
    ],
    [
      1,
      () => code`
        while ${collection}:
            ${item} = ${collection}.pop()
            ${body}
      `,
    ],
  ])();
}

/** A function that goes through a collection and builds up one or several results. */
export function accumulation(draft: Draft): Definition {
  const scope = draft.scope();
  const element: Element = draft.chance(0.6) ? "str" : "int";
  const noun = scope.noun(element === "str" ? "text" : "number");
  const verb = draft.pick(functionVerbs);
  const name = draft.define(`${verb}_${noun.many}`);
  const all = accumulatorsOf(draft, scope, draft.pick([1, 2, 2, 2, 3, 3, 4]));
  const type: Type = element === "str" ? "strs" : "ints";
  const kept = draft.random.shuffle([...all]);
  const later = all.length > 1 && draft.chance(0.5) ? all[draft.random.integer(all.length)] : undefined;
  const inLoop = later ? all.filter((accumulator) => accumulator !== later) : all;
  const results = kept
    .slice(
      0,
      draft.weighted([
        [5, 1],
        [2, 2],
        [0.5, 3],
      ]),
    )
    .map((accumulator) => accumulator.name);
  const body = code`
    def ${name}(${draft.parameter(noun.many, type)}):
        ${draft.docstring(draft.pick([`Take all the ${noun.many}`, `Read the ${noun.many}`]))}
        ${lines(...all.map((accumulator) => start(draft, accumulator)))}
        ${draft.comment(`go through the ${noun.many}`)}
        ${loop(draft, scope, noun.many, noun.one, updates(draft, inLoop, noun.one, element))}
        ${draft.maybe(0.3, () => between(draft, scope, all))}
        ${later ? afterwards(draft, scope, later, noun, inLoop) : ""}
        return ${results.join(", ")}
  `;
  return {
    code: body,
    call: {
      name,
      parameters: [type],
      returns: "none",
      result: results.length === 1 ? results[0]! : "result",
    },
  };
}

/** Statements between a loop and what follows it: prints and other variables. */
function between(draft: Draft, scope: Scope, all: readonly Accumulator[]): string {
  const { name, kind } = draft.pick(all);
  const size = kind === "number" ? name : `len(${name})`;
  const measured = scope.name(counters);
  return draft.either(
    () => (kind === "number" ? `print(${name})` : `${measured} = ${size}\nprint(${measured})`),
    () => printValue(draft, name, name),
    () => printNotice(draft),
    () => `if ${size} == 0:\n    return None`,
    () => `if ${size} > ${factor(draft)}:\n    print(${name})`,
    () => `${measured} = ${size}\nif ${measured} > ${factor(draft)}:\n    print(${measured})`,
  );
}

/** Updates of an accumulator long after it was made. */
function afterwards(
  draft: Draft,
  scope: Scope,
  accumulator: Accumulator,
  noun: Noun,
  others: readonly Accumulator[],
): string {
  const source =
    others.find(({ kind }) => kind === "list" || kind === "set") ??
    others.find(({ kind }) => kind === "dict");
  const literal = (): string => {
    const value = draft.chance(0.5) ? word(draft) : text(draft);
    return accumulator.kind === "string"
      ? `${accumulator.name} += ${value}`
      : plainUpdate(accumulator, value);
  };
  if (source && draft.chance(0.6)) {
    const item = scope.name(shortNames);
    return code`
      for ${item} in ${source.name}:
          ${accumulator.kind === "string" ? `${accumulator.name} += str(${item})` : plainUpdate(accumulator, item)}
    `;
  }
  if (accumulator.kind === "set" || accumulator.kind === "string") {
    return draft.either(literal, () => `if len(${noun.many}) > ${factor(draft)}:\n    ${literal()}`);
  }
  return plainUpdate(accumulator, draft.chance(0.5) ? word(draft) : String(number(draft)));
}

function plainUpdate({ name, kind }: Accumulator, value: string): string {
  switch (kind) {
    case "set":
      return `${name}.add(${value})`;
    case "string":
      return `${name} += str(${value})`;
    case "list":
      return `${name}.append(${value})`;
    case "dict":
      return `${name}[${value}] = True`;
    case "number":
      return `${name} += 1`;
  }
}

/** Statements at the program's own level that make several variables and come back to each of them later. */
export function workspace(draft: Draft, scope: Scope): string {
  const count = draft.between(2, 4);
  const all = accumulatorsOf(draft, scope, count);
  const element: Element = draft.chance(0.5) ? "str" : "int";
  const noun = scope.noun(element === "str" ? "text" : "number");
  const direct = (accumulator: Accumulator): string => {
    switch (accumulator.kind) {
      case "set":
        return `${accumulator.name}.add(${element === "str" ? word(draft) : number(draft)})`;
      case "string":
        return `${accumulator.name} += ${text(draft)}`;
      case "list":
        return `${accumulator.name}.append(${element === "str" ? word(draft) : number(draft)})`;
      case "dict":
        return `${accumulator.name}[${word(draft)}] = ${number(draft)}`;
      case "number":
        return `${accumulator.name} += ${factor(draft)}`;
    }
  };
  const collection = `${noun.many} = ${element === "str" ? wordList(draft) : numberList(draft)}`;
  const statements = all.map((accumulator) => start(draft, accumulator));
  statements.splice(draft.between(0, statements.length), 0, collection);
  if (draft.chance(0.3)) statements.push(`${scope.name(flags)} = ${draft.pick(["True", "False"])}`);
  if (draft.chance(0.4)) statements.push(...draft.random.shuffle([...all]).map(direct));
  const looped = draft.sample(all, draft.between(1, all.length));
  statements.push(loop(draft, scope, noun.many, noun.one, updates(draft, looped, noun.one, element)));
  const rest = draft.random.shuffle([...all]).slice(0, draft.between(1, count));
  for (const accumulator of rest) {
    statements.push(direct(accumulator));
    if (draft.chance(0.2)) statements.push(direct(accumulator));
    if (draft.chance(0.2)) statements.push(printNotice(draft));
  }
  for (const { name } of draft.random.shuffle([...all])) {
    if (draft.chance(0.6))
      statements.push(draft.chance(0.4) ? `print(${name})` : printValue(draft, name, name));
  }
  return statements.join("\n");
}

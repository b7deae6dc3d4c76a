import { code, lines } from "./code.js";
import { flagTest, numberTest, test, textTest } from "./conditions.js";
import { type Definition, type Draft, spoken } from "./draft.js";
import { printBetween, printValue } from "./printing.js";
import type { Scope } from "./scope.js";
import {
  dictionary,
  factor,
  nestedList,
  number,
  numberList,
  person,
  text,
  word,
  wordList,
} from "./values.js";
import {
  accumulators,
  counters,
  flags,
  functionNames,
  functionVerbs,
  namePairs,
  numberAttributes,
  numberNouns,
  recordNouns,
  shortNames,
  textAttributes,
  textNouns,
} from "./words.js";

const anyField = [
  ...textAttributes,
  ...numberAttributes,
  ...textNouns.map((noun) => noun.one),
  ...numberNouns.map((noun) => noun.one),
];

/**
 * A function of several parameters. All may be left out, or all but the first, or none: what the second parameter is, the
 * others are.
 */
function optionalArguments(draft: Draft): Definition {
  const scope = draft.scope();
  const count = draft.pick([2, 3, 3, 4, 4, 5]);
  const pool = draft.weighted([
    [5, anyField],
    [4, [...accumulators, ...counters]],
    [1, shortNames],
  ]);
  const fields = scope.names(pool, count);
  const required = draft.weighted([
    [3, count],
    [4, 1],
    [2, 0],
  ]);
  const parameters = fields.map((field, index) => (index < required ? field : `${field}=None`));
  const optional = fields.slice(required);
  const noun = draft.pick(recordNouns);
  const name = draft.define(
    draft.either(
      () => `${draft.pick(["create", "make", "build", "describe", "update", "add", "show"])}_${noun.one}`,
      () => draft.pick(functionNames),
      () => `${draft.pick(functionVerbs)}_${noun.one}`,
    ),
  );
  const result = scope.name(accumulators);
  const fallback = optional
    .filter(() => draft.chance(0.5))
    .map(
      (field) => `if ${field} is None:\n    ${field} = ${draft.chance(0.5) ? number(draft) : word(draft)}`,
    );
  const body = draft.either(
    () => code`
      ${fallback.join("\n")}
      return {${fields
        .slice(0, 3)
        .map((field) => `${draft.string(field)}: ${field}`)
        .join(", ")}}
    `,
    () => code`
      ${result} = [${fields.slice(0, Math.max(required, 1)).join(", ")}]
      ${optional
        .slice(required === 0 ? 1 : 0)
        .map((field) => `if ${field} is not None:\n    ${result}.append(${field})`)
        .join("\n")}
      return ${result}
    `,
    () => code`
      ${fallback.join("\n")}
      ${fields.map((field) => `print(${draft.string(spoken(field))}, ${field})`).join("\n")}
    `,
    () => code`
      ${fallback.join("\n")}
      print(${fields.join(", ")})
      return ${fields[0]!}
    `,
  );
  const passed = fields.slice(0, draft.between(Math.min(required, count), count));
  const args = passed.map((field, index) =>
    index < required
      ? `${draft.chance(0.5) ? number(draft) : word(draft)}`
      : `${field}=${draft.chance(0.5) ? number(draft) : word(draft)}`,
  );
  return {
    code: code`
      def ${name}(${parameters.join(", ")}):
          ${draft.docstring(`Take ${fields.slice(0, 2).map(spoken).join(" and ")}`)}
          ${body}
    `,
    usage: draft.chance(0.5) ? printCall(draft, name, args.join(", ")) : `${name}(${args.join(", ")})`,
  };
}

/** A function without parameters that gives a fixed value. */
function source(draft: Draft): Definition {
  const noun = draft.noun(draft.pick(["text", "number"] as const));
  const name = draft.define(
    draft.pick([
      noun.one,
      noun.many,
      noun.many,
      `get_${noun.many}`,
      `get_${noun.one}`,
      draft.pick(functionNames),
    ]),
  );
  const value = draft.either(
    () => numberList(draft),
    () => wordList(draft),
    () => nestedList(draft),
    () => dictionary(draft),
    () => text(draft),
    () => String(number(draft)),
  );
  const result = draft.scope().name(accumulators);
  return {
    code: draft.chance(0.5)
      ? code`
          def ${name}():
              return ${value}
        `
      : code`
          def ${name}():
              ${result} = ${value}
              ${draft.maybe(0.4, () => `print(${result})`)}
              return ${result}
        `,
    usage: printCall(draft, name, ""),
  };
}

/** Defaults that are values. */
function defaults(draft: Draft): Definition {
  const scope = draft.scope();
  const who = scope.name(["name", "user", "player", "owner"]);
  const times = scope.name(["count", "n", "amount", "steps"]);
  const message = scope.name(["message", "word", "start", "text"]);
  const name = draft.define(draft.pick(["greet", "greet_user", "hello", "show_message"]));
  const said = draft.pick(["Hello", "Hello", "Found", "Player"]);
  return {
    code: draft.either(
      () => code`
        def ${name}(${who}, ${message}=${draft.string(said)}):
            print(${message}, ${who})
      `,
      () => code`
        def ${name}(${who}, ${times}=${draft.pick([1, 2, 3])}):
            for i in range(${times}):
                ${printBetween(draft, said, who)}
      `,
      () => code`
        def ${name}(${draft.parameter(who, "str")}):
            ${printBetween(draft, said, who)}
      `,
    ),
    usage: `${name}(${person(draft)})`,
  };
}

/** A choice in one expression. */
function choice(draft: Draft): Definition {
  const scope = draft.scope();
  const element = draft.chance(0.6) ? "int" : "str";
  const value = scope.name(
    element === "int"
      ? [...numberNouns.map((noun) => noun.one), ...shortNames]
      : textNouns.map((noun) => noun.one),
  );
  const result = scope.name(accumulators);
  const name = draft.define(
    draft.either(
      () => `${draft.pick(["describe", "check", "label", "update", "select", "convert"])}_${value}`,
      () => draft.pick(functionNames),
    ),
  );
  const condition = test(draft, value, element);
  const [yes, no] = draft.pick<() => readonly [string, string]>([
    () => [word(draft), word(draft)],
    () => [String(number(draft)), String(number(draft))],
    () => [value, draft.pick(["None", "0", draft.string("empty")])],
    () => (element === "int" ? [`${value} * 2`, value] : [`${value}.upper()`, value]),
  ])();
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(value, element)}):
            ${result} = ${yes} if ${condition} else ${no}
            ${draft.maybe(0.3, () => `print(${result})`)}
            return ${result}
      `,
      () => code`
        def ${name}(${draft.parameter(value, element)}):
            return ${yes} if ${condition} else ${no}
      `,
      () => code`
        def ${name}(${draft.parameter(value, element)}):
            if ${condition}:
                ${result} = ${yes}
            else:
                ${result} = ${no}
            return ${result}
      `,
      () => code`
        def ${name}(${draft.parameter(value, element)}):
            ${result} = ${yes} if ${condition} else ${no}
            if ${test(draft, value, element)}:
                print(${value})
            return ${result}
      `,
    ),
    call: { name, parameters: [element], returns: "none", result },
  };
}

/** Exchanges two values. */
function swapping(draft: Draft): Definition {
  const scope = draft.scope();
  const [a, b] = draft.chance(0.7) ? scope.pair(namePairs) : (scope.names(swappable, 2) as [string, string]);
  const swap = exchange(draft, a, b);
  const name = draft.define(draft.pick(["swap", "swap_pair", "order", "sort_pair", "in_order"]));
  return {
    code: draft.either(
      () => code`
        def ${name}(${a}, ${b}):
            ${draft.docstring("Return the new pair")}
            ${swap}
            return ${a}, ${b}
      `,
      () => code`
        def ${name}(${a}, ${b}):
            ${draft.docstring("Sort two values")}
            if ${a} > ${b}:
                ${swap}
            return ${draft.pick([`${a}, ${b}`, `[${a}, ${b}]`, `(${a}, ${b})`, `${b} - ${a}`])}
      `,
      () => code`
        def ${name}(${a}, ${b}):
            ${draft.chance(0.5) ? `print(${a}, ${b})` : `print(${draft.string("before")}, ${a}, ${b})`}
            ${swap}
            ${draft.chance(0.5) ? `print(${a}, ${b})` : `print(${draft.string("after")}, ${a}, ${b})`}
            ${draft.maybe(0.4, () => `return ${a}, ${b}`)}
      `,
      () => code`
        def ${name}(${a}, ${b}):
            while ${a} > ${b}:
                ${swap}
                ${a} += 1
            return ${a}
      `,
    ),
    usage: printCall(draft, name, `${number(draft)}, ${factor(draft)}`),
  };
}

const swappable = [
  ...shortNames,
  ...accumulators,
  ...textNouns.map((noun) => noun.one),
  ...numberNouns.map((noun) => noun.one),
];

/** The statement that exchanges two values, in either order. */
function exchange(draft: Draft, a: string, b: string): string {
  return draft.chance(0.5) ? `${a}, ${b} = ${b}, ${a}` : `${b}, ${a} = ${a}, ${b}`;
}

/** Statements that print what a function gives. */
function printCall(draft: Draft, name: string, args: string): string {
  if (draft.chance(0.1)) return `print(${name}(${args}))`;
  const result = draft.pick(["result", "output", "answer"]);
  return `${result} = ${name}(${args})\nprint(${result})`;
}

/** Statements that give values to names and exchange them. */
export function swapStatements(draft: Draft, scope: Scope): string {
  const [a, b] = draft.chance(0.7) ? scope.pair(namePairs) : (scope.names(swappable, 2) as [string, string]);
  const swap = exchange(draft, a, b);
  const numbers = draft.chance(0.7);
  const value = (): string => (numbers ? String(number(draft)) : word(draft));
  const show = (): string => (draft.chance(0.5) ? `print(${a}, ${b})` : printValue(draft, a, a));
  const begin = draft.chance(0.6)
    ? `${a} = ${value()}\n${b} = ${value()}`
    : `${a}, ${b} = ${value()}, ${value()}`;
  return draft.either(
    () => lines(begin, draft.maybe(0.6, show), swap, show()),
    () => lines(begin, `if ${a} > ${b}:\n    ${swap}`, show()),
    () => lines(begin, swap, draft.maybe(0.5, show), `print(${draft.pick([a, b])})`),
    () => {
      const rows = scope.name(["rows", "points", "entries", "groups"]);
      return code`
        ${rows} = [[${value()}, ${value()}], [${value()}, ${value()}]]
        for ${a}, ${b} in ${rows}:
            ${swap}
            print(${a}, ${b})
      `;
    },
  );
}

/** Statements with lambdas and small functions that programs pass around. */
export function lambdaStatements(draft: Draft, scope: Scope): string {
  const noun = scope.noun("number");
  const texts = scope.noun("text");
  const name = scope.name([...functionNames, "key_of"]);
  const x = draft.pick([noun.one, noun.one, ...draft.sample(shortNames, 2)]);
  const y = draft.pick([texts.one, texts.one, "s", "w"]);
  const result = scope.name(accumulators);
  return draft.either(
    () =>
      `${name} = lambda ${x}: ${x} ${draft.pick(["*", "+", "-"])} ${factor(draft)}\n${result} = ${name}(${number(draft)})\nprint(${result})`,
    () =>
      `${texts.many} = ${wordList(draft)}\n${texts.many}.sort(key=lambda ${y}: ${draft.pick([`len(${y})`, `${y}[0]`, `${y}[-1]`])})\nprint(${texts.many})`,
    () =>
      `${noun.many} = ${numberList(draft)}\n${result} = list(map(lambda ${x}: ${x} ${draft.pick(["* 2", "+ 1", "** 2"])}, ${noun.many}))\nprint(${result})`,
    () =>
      `${noun.many} = ${numberList(draft)}\n${result} = filter(lambda ${x}: ${numberTest(draft, x)}, ${noun.many})\nfor ${noun.one} in ${result}:\n    print(${noun.one})`,
    () =>
      `${texts.many} = ${wordList(draft)}\n${result} = max(${texts.many}, key=lambda ${y}: ${y}${draft.pick(["[0]", "[-1]"])})\nprint(${result})`,
    () => {
      const [a, b] = scope.pair(namePairs);
      return `${name} = lambda ${a}, ${b}: ${a} ${draft.pick(["+", "*", "-"])} ${b}\n${result} = ${name}(${number(draft)}, ${number(draft)})\nprint(${result})`;
    },
    () => {
      const entry = scope.name(["pair", "entry", "row", "item", "p"]);
      return `${result} = [(${word(draft)}, ${number(draft)}), (${word(draft)}, ${number(draft)})]\n${result}.sort(key=lambda ${entry}: ${entry}[${draft.pick([0, 1])}])\nprint(${result})`;
    },
  );
}

/** Statements that choose between values in one line, and in several. */
export function choiceStatements(draft: Draft, scope: Scope): string {
  const numeric = draft.chance(0.7);
  const value = scope.name(
    numeric
      ? [...numberNouns.map((noun) => noun.one), ...counters, ...shortNames]
      : textNouns.map((noun) => noun.one),
  );
  const result = scope.name([...accumulators, "label", "kind", "status"]);
  const condition = (): string => (numeric ? numberTest(draft, value) : textTest(draft, value));
  const start = `${value} = ${numeric ? number(draft) : text(draft)}`;
  return draft.either(
    () =>
      lines(
        start,
        `${result} = ${word(draft)} if ${condition()} else ${word(draft)}`,
        draft.chance(0.5) ? `print(${result})` : printValue(draft, result, result),
      ),
    () =>
      lines(
        start,
        `${result} = ${number(draft)} if ${condition()} else ${number(draft)}`,
        `if ${numberTest(draft, result)}:\n    print(${result})`,
      ),
    () => lines(start, `print(${word(draft)} if ${condition()} else ${word(draft)})`),
    () => code`
      ${start}
      if ${condition()}:
          print(${word(draft)})
      ${draft.maybe(0.5, () => `elif ${condition()}:\n    print(${word(draft)})`)}
      else:
          print(${word(draft)})
    `,
    () => {
      const flag = scope.name(flags);
      return lines(start, `${flag} = ${condition()}`, `if ${flagTest(draft, flag)}:\n    print(${value})`);
    },
  );
}

export const functionFamilies = [
  source,
  optionalArguments,
  optionalArguments,
  optionalArguments,
  optionalArguments,
  optionalArguments,
  optionalArguments,
  defaults,
  choice,
  choice,
  swapping,
  swapping,
  swapping,
] as const;

import { code } from "./code.js";
import { flagTest, numberTest, textTest } from "./conditions.js";
import type { Definition, Draft } from "./draft.js";
import { printNotice, printValue } from "./printing.js";
import type { Scope } from "./scope.js";
import { factor, number, numberList, word, wordList } from "./values.js";
import { accumulators, counters, flags, indexNames, shortNames } from "./words.js";

/** A loop that a flag keeps going. */
function flagged(draft: Draft): Definition {
  const scope = draft.scope();
  const flag = scope.name(["running", "active", ...flags]);
  const count = scope.name(counters);
  const name = draft.define(draft.pick(["run", "start", "run_steps", "run_all", "count_up"]));
  const limit = scope.name(["limit", "maximum", "steps", "n"]);
  return {
    code: code`
      def ${name}(${draft.parameter(limit, "int")}):
          ${draft.random.shuffle([`${flag} = True`, `${count} = 0`]).join("\n")}
          while ${draft.weighted([
            [3, flag],
            [1, `${flag} == True`],
          ])}:
              ${count} += 1
              ${draft.maybe(0.5, () =>
                draft.either(
                  () => `print(${count})`,
                  () => printValue(draft, count, count),
                ),
              )}
              ${draft.maybe(0.3, () => `if ${numberTest(draft, count)}:\n    ${printNotice(draft)}`)}
              if ${count} ${draft.pick([">=", "==", ">"])} ${limit}:
                  ${flag} = False
          return ${count}
    `,
    call: { name, parameters: ["int"], returns: "int", result: count },
  };
}

/** Takes things from a list until it is empty. */
function draining(draft: Draft): Definition {
  const scope = draft.scope();
  const noun = scope.noun("text");
  const one = noun.one;
  const many = draft.chance(0.4) ? noun.many : scope.name(["stack", "pending", "left"]);
  const result = scope.name(accumulators);
  const kind = draft.pick(["set", "string", "list"] as const);
  const name = draft.define(
    `${draft.pick(["process", "handle", "empty", "clear", "take", "drain"])}_${noun.many}`,
  );
  const start = { set: "set()", string: draft.string(""), list: "[]" }[kind];
  const put = {
    set: `${result}.add(${one})`,
    string: `${result} += ${one}`,
    list: `${result}.append(${one})`,
  }[kind];
  return {
    code: code`
      def ${name}(${draft.parameter(many, "strs")}):
          ${draft.docstring(`Take all the ${noun.many}`)}
          ${result} = ${start}
          while ${draft.weighted([
            [4, many],
            [1, `len(${many}) > 0`],
          ])}:
              ${one} = ${many}.pop(${draft.pick(["", "0"])})
              ${draft.maybe(0.3, () => `if ${textTest(draft, one)}:\n    ${draft.pick(["continue", "break"])}`)}
              ${draft.maybe(0.3, () => `print(${one})`)}
              ${put}
          return ${result}
    `,
    call: { name, parameters: ["strs"], returns: "none", result },
  };
}

/** `while True` that ends with `break` or `return`. */
function endless(draft: Draft): Definition {
  const scope = draft.scope();
  const answer = scope.name(["answer", "line", "choice", "text", "name", "word"]);
  const value = scope.name([...counters, ...shortNames]);
  const result = scope.name(accumulators);
  const stop = draft.pick(["exit", "stop", "done", "end", "q"]);
  const prompt = draft.string(draft.pick(["Enter a name", "Enter a word", "Enter text"]));
  return draft.pick([
    (): Definition => {
      const name = draft.define(draft.pick(["main", "main", "run", "start", "read_input", "run_all"]));
      return {
        code: code`
          def ${name}():
              ${draft.maybe(0.5, () => printNotice(draft))}
              while True:
                  ${answer} = input(${prompt})
                  if ${answer} == ${draft.string(stop)}:
                      ${draft.pick(["break", "return"])}
                  elif ${answer} == ${word(draft)}:
                      ${printNotice(draft)}
                  else:
                      ${draft.chance(0.5) ? printNotice(draft) : printValue(draft, answer, answer)}
        `,
        usage: `${name}()`,
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["get_number", "read_number", "get_age", "input_number"]));
      const parameter = draft.pick(["", "", "message"]);
      const shown = parameter || draft.string(draft.pick(["Enter a number", "Enter a value"]));
      return {
        code: code`
          def ${name}(${parameter}):
              ${draft.docstring("Read a number")}
              while True:
                  try:
                      ${draft.pick([
                        `return int(input(${shown}))`,
                        `${answer} = input(${shown})\nreturn int(${answer})`,
                        `${answer} = input(${shown})\n${value} = int(${answer})\nreturn ${value}`,
                      ])}
                  except ValueError:
                      print(${draft.string(draft.pick(["Invalid", "Try again"]))})
        `,
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["collect_input", "read_all", "read_names", "get_words"]));
      const kind = draft.pick(["set", "string", "list"] as const);
      const start = { set: "set()", string: draft.string(""), list: "[]" }[kind];
      const put = {
        set: `${result}.add(${answer})`,
        string: `${result} += ${answer}`,
        list: `${result}.append(${answer})`,
      }[kind];
      return {
        code: code`
          def ${name}():
              ${result} = ${start}
              while True:
                  ${answer} = input(${prompt})
                  if ${draft.pick([`not ${answer}`, `${answer} == ${draft.string(stop)}`, `${answer} == ${draft.string("")}`])}:
                      break
                  ${put}
              return ${result}
        `,
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["find_first", "find_number", "search_up", "count_up"]));
      const limit = scope.name(["limit", "n", "target"]);
      const breaks = draft.chance(0.5);
      const step = draft.pick([`${value} += 1`, `${value} *= 2`, `${value} += ${factor(draft)}`]);
      return {
        code: code`
          def ${name}(${draft.parameter(limit, "int")})${draft.returns("int")}:
              ${value} = 1
              while True:
                  if ${draft.pick([`${value} >= ${limit}`, `${value} > ${limit}`, `${value} * ${value} > ${limit}`])}:
                      ${breaks ? "break" : `return ${value}`}
                  ${step}
              ${breaks ? `return ${value}` : ""}
        `,
        call: { name, parameters: ["int"], returns: "int" },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["check", "test", "verify", "is_done", "is_found"]));
      const limit = scope.name(["limit", "n", "target", "attempts"]);
      return {
        code: code`
          def ${name}(${draft.parameter(limit, "int")})${draft.returns("bool")}:
              ${value} = 0
              while True:
                  ${value} += 1
                  if ${value} > ${limit}:
                      return ${draft.pick(["True", "False"])}
                  if ${numberTest(draft, value)}:
                      return ${draft.pick(["True", "True", "False"])}
        `,
        call: { name, parameters: ["int"], returns: "bool" },
      };
    },
  ])();
}

/** A function that sets and tests flags; it often compares them with True. */
function flagging(draft: Draft): Definition {
  const scope = draft.scope();
  const [first, second] = scope.names([...flags, ...flags, ...accumulators, ...shortNames], 2) as [
    string,
    string,
  ];
  const element = draft.chance(0.5) ? "int" : "str";
  const noun = scope.noun(element === "int" ? "number" : "text");
  const name = draft.define(`${draft.pick(["check", "test", "verify", "search"])}_${noun.many}`);
  const both = draft.chance(0.4);
  const condition = (): string =>
    element === "int" ? numberTest(draft, noun.one) : textTest(draft, noun.one);
  return {
    code: code`
      def ${name}(${draft.parameter(noun.many, element === "int" ? "ints" : "strs")}):
          ${first} = False
          ${both ? `${second} = True` : ""}
          for ${noun.one} in ${noun.many}:
              if ${condition()}:
                  ${first} = True
                  ${draft.maybe(0.3, () => "break")}
              ${both ? `${draft.pick(["elif", "if"])} ${condition()}:\n    ${second} = False` : ""}
          if ${flagTest(draft, first)}:
              ${draft.either(
                () => printNotice(draft),
                () => "return True",
                () => `print(${draft.string("yes")})`,
              )}
          ${draft.maybe(0.5, () => `else:\n    ${draft.pick([printNotice(draft), "return False", `print(${draft.string("no")})`])}`)}
          ${both ? `if ${flagTest(draft, second)}:\n    ${printNotice(draft)}` : ""}
          return ${draft.pick([first, first, both ? second : "True", "True"])}
    `,
    call: { name, parameters: [element === "int" ? "ints" : "strs"], returns: "bool", result: first },
  };
}

/** Statements at the program's own level that set flags and test them. */
export function flagStatements(draft: Draft, scope: Scope): string {
  const all = scope.names([...flags, ...accumulators, ...shortNames], draft.between(1, 3));
  const n = scope.name([...counters, ...shortNames]);
  const statements = all.map((flag) => `${flag} = ${draft.pick(["True", "False"])}`);
  statements.splice(draft.between(0, statements.length), 0, `${n} = ${number(draft)}`);
  if (draft.chance(0.5)) {
    statements.push(code`
      if ${numberTest(draft, n)}:
          ${draft.pick(all)} = ${draft.pick(["True", "False"])}
      ${draft.maybe(0.4, () => `else:\n    ${draft.pick(all)} = ${draft.pick(["True", "False"])}`)}
    `);
  }
  for (const flag of all) {
    statements.push(code`
      if ${flagTest(draft, flag)}:
          ${draft.pick([printNotice(draft), `print(${n})`, `${n} = ${n} + 1`])}
      ${draft.maybe(0.25, () => `else:\n    ${printNotice(draft)}`)}
    `);
  }
  return statements.join("\n");
}

/** Statements at the program's own level with loops over names and numbers. */
export function loopStatements(draft: Draft, scope: Scope): string {
  const noun = scope.noun(draft.chance(0.5) ? "text" : "number");
  const stack = scope.name(["stack", "pool", "pending", "left", ...accumulators]);
  const n = scope.name([...counters, ...shortNames]);
  const i = scope.name(indexNames);
  return draft.either(
    () => code`
      ${stack} = ${numberList(draft)}
      while ${stack}:
          ${n} = ${stack}.pop()
          ${draft.pick([`print(${n})`, `if ${numberTest(draft, n)}:\n    print(${n})`])}
    `,
    () => code`
      ${n} = ${factor(draft)}
      while ${draft.pick([n, n, `${n} > 0`])}:
          ${draft.either(
            () => `print(${n})`,
            () => printValue(draft, n, n),
          )}
          ${n} -= 1
      ${printNotice(draft)}
    `,
    () => code`
      ${noun.one} = ${word(draft)}
      while ${noun.one}:
          print(${noun.one})
          ${noun.one} = ${noun.one}[1:]
    `,
    () => code`
      for ${i} in range(${factor(draft)}):
          if ${numberTest(draft, i)}:
              continue
          print(${i})
    `,
    () => code`
      ${noun.many} = ${wordList(draft)}
      for ${i}, ${noun.one} in enumerate(${noun.many}):
          ${draft.either(
            () => `print(${i}, ${noun.one})`,
            () => `if ${numberTest(draft, i)}:\n    print(${noun.one})`,
          )}
    `,
    () => code`
      ${noun.many} = ${numberList(draft)}
      for ${i} in range(len(${noun.many})):
          ${draft.pick([`print(${i}, ${noun.many}[${i}])`, `${n} = ${noun.many}[${i}]\nprint(${i}, ${n})`])}
    `,
    () => code`
      for ${i} in range(1, ${factor(draft)}):
          for ${n} in range(${i}):
              print(${i}, ${n})
    `,
  );
}

export const loopFamilies = [
  flagged,
  draining,
  draining,
  endless,
  endless,
  endless,
  flagging,
  flagging,
] as const;

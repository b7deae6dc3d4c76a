import { code } from "./code.js";
import type { Definition, Draft } from "./draft.js";
import { printNotice } from "./printing.js";
import { factor, number, word } from "./values.js";
import { accumulators, flags, namePairs, numberNouns, textNouns } from "./words.js";

/** What a handler does with an exception. */
function handler(draft: Draft, fallback: string): string {
  return draft.either(
    () => `return ${fallback}`,
    () => `${printNotice(draft)}\nreturn ${fallback}`,
  );
}

function division(draft: Draft): Definition {
  const scope = draft.scope();
  const [a, b] = scope.pair(namePairs);
  const result = scope.name(accumulators);
  const name = draft.define(draft.pick(["get_rate", "find_rate", "compute_rate", "split_amount"]));
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(a, "int")}, ${draft.parameter(b, "int")}):
            ${draft.docstring("Return the rate")}
            try:
                return ${a} / ${b}
            except ZeroDivisionError:
                ${handler(draft, draft.pick(["None", "0"]))}
      `,
      () => code`
        def ${name}(${draft.parameter(a, "int")}, ${draft.parameter(b, "int")}):
            ${draft.docstring("Return the rate")}
            if ${b} == 0:
                raise ${draft.pick(["ValueError", "ZeroDivisionError"])}(${draft.string("Invalid")})
            return ${a} / ${b}
      `,
      () => code`
        def ${name}(${draft.parameter(a, "int")}, ${draft.parameter(b, "int")}):
            try:
                ${result} = ${a} / ${b}
            except ZeroDivisionError:
                ${result} = ${draft.pick(["0", "None"])}
            return ${result}
      `,
    ),
    call: { name, parameters: ["int", "int"], returns: "int", result },
  };
}

function parsing(draft: Draft): Definition {
  const scope = draft.scope();
  const text = scope.name([...textNouns.map((noun) => noun.one), "text", "value"]);
  const result = scope.name(accumulators);
  const error = scope.name(["error", "e"]);
  const name = draft.define(draft.pick(["to_int", "parse_number", "convert", `parse_${text}`, "read_int"]));
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(text, "str")}):
            ${draft.docstring("Return a number")}
            try:
                return int(${text})
            except ${draft.pick(["ValueError", "ValueError", "(ValueError, TypeError)"])}:
                ${handler(draft, draft.pick(["None", "0", "-1"]))}
      `,
      () => code`
        def ${name}(${draft.parameter(text, "str")}):
            try:
                ${result} = int(${text})
            except ValueError as ${error}:
                ${draft.either(
                  () => `print(${error})`,
                  () => `print(${draft.string("Invalid")}, ${error})`,
                )}
                return None
            ${draft.maybe(0.4, () => `else:\n    ${printNotice(draft)}`)}
            return ${result}
      `,
      () => code`
        def ${name}(${draft.parameter(text, "str")}):
            if not ${text}.isdigit():
                raise ValueError(${draft.string("Invalid")})
            return int(${text})
      `,
    ),
    call: { name, parameters: ["str"], returns: "int", result },
  };
}

function lookup(draft: Draft): Definition {
  const scope = draft.scope();
  const data = scope.name(["data", "table", "items", "settings", "config", "values"]);
  const key = scope.name(["key", "name", "index", "field", "item"]);
  const result = scope.name(["result", "found", "answer"]);
  const kind = draft.pick(["KeyError", "KeyError", "IndexError", "TypeError"]);
  const name = draft.define(draft.pick([`get_${key}`, "get_value", `find_${key}`]));
  return {
    code: draft.chance(0.6)
      ? code`
          def ${name}(${data}, ${key}):
              try:
                  return ${data}[${key}]
              except ${kind}:
                  ${handler(draft, draft.pick(["None", "False", "0"]))}
        `
      : code`
          def ${name}(${data}, ${key}):
              if ${key} not in ${data}:
                  raise KeyError(${draft.pick([key, draft.string("Missing")])})
              return ${data}[${key}]
        `,
    usage: code`
      ${data} = {${word(draft)}: ${number(draft)}}
      ${result} = ${name}(${data}, ${word(draft)})
      print(${result})
    `,
  };
}

function validation(draft: Draft): Definition {
  const scope = draft.scope();
  const value = scope.name(numberNouns.map((noun) => noun.one));
  const limit = draft.pick([10, 18, 50, 100, 120]);
  const name = draft.define(`${draft.pick(["check", "set", "verify"])}_${value}`);
  const ok = scope.name(flags);
  return {
    code: draft.chance(0.6)
      ? code`
          def ${name}(${draft.parameter(value, "int")}):
              ${draft.docstring(`Take a valid ${value}`)}
              if ${value} < 0:
                  raise ValueError(${draft.string(`${value} is negative`)})
              if ${value} > ${limit}:
                  raise ValueError(${draft.string(`${value} too large`)})
              return ${draft.pick(["True", value])}
        `
      : code`
          def ${name}(${draft.parameter(value, "int")}):
              ${ok} = True
              if ${value} < 0:
                  ${ok} = False
              elif ${value} > ${limit}:
                  ${ok} = False
              ${draft.maybe(0.5, () => `if ${ok} == False:\n    ${printNotice(draft)}`)}
              return ${ok}
        `,
    usage: draft.either(
      () => `${name}(${factor(draft)})`,
      () => code`
        try:
            ${name}(${draft.pick([`-${factor(draft)}`, factor(draft)])})
        except ValueError as error:
            print(error)
      `,
    ),
  };
}

export const errorFamilies = [division, parsing, lookup, validation] as const;

import { code } from "./code.js";
import type { Definition, Draft } from "./draft.js";
import { accumulators, counters, indexNames, textNouns } from "./words.js";

const textNames = [...textNouns.map((noun) => noun.one), "text", "text", "s"];
const charNames = ["char", "char", "letter", "c", "x"];

function reverse(draft: Draft): Definition {
  const scope = draft.scope();
  const text = scope.name(textNames);
  const char = scope.name(charNames);
  const result = scope.name(accumulators);
  const i = scope.name(indexNames);
  const name = draft.define(draft.pick(["reverse", "reverse_string", `reverse_${text}`]));
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(text, "str")})${draft.returns("str")}:
            ${draft.docstring("Return the text in reverse")}
            return ${text}[::-1]
      `,
      () => code`
        def ${name}(${draft.parameter(text, "str")})${draft.returns("str")}:
            ${draft.docstring("Return the text in reverse")}
            ${result} = ${draft.string("")}
            for ${char} in ${text}:
                ${result} = ${char} + ${result}
            return ${result}
      `,
      () => code`
        def ${name}(${draft.parameter(text, "str")})${draft.returns("str")}:
            ${result} = ${draft.string("")}
            ${i} = len(${text}) - 1
            while ${i} >= 0:
                ${result} += ${text}[${i}]
                ${i} -= 1
            return ${result}
      `,
      () => code`
        def ${name}(${draft.parameter(text, "str")})${draft.returns("str")}:
            if ${text} == ${draft.string("")}:
                return ${text}
            return ${name}(${text}[1:]) + ${text}[0]
      `,
    ),
    call: {
      name,
      parameters: ["str"],
      returns: "str",
      result,
    },
  };
}

function palindrome(draft: Draft): Definition {
  const scope = draft.scope();
  const text = scope.name(textNames);
  const [low, high] = scope.pair([
    ["left", "right"],
    ["start", "end"],
    ["i", "j"],
    ["first", "second"],
    ["low", "high"],
  ]);
  const cleaned = scope.name(["cleaned", "lower", "copy"]);
  const name = draft.define(draft.pick(["is_palindrome", "check_palindrome", "palindrome"]));
  const [example, answer] = draft.pick([
    ["level", "True"],
    ["level", "True"],
    ["hello", "False"],
    ["python", "False"],
  ] as const);
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(text, "str")})${draft.returns("bool")}:
            ${draft.docstring("Return True for a palindrome")}
            ${cleaned} = ${text}.lower()${draft.pick(["", `.replace(${draft.string(" ")}, ${draft.string("")})`])}
            return ${cleaned} == ${cleaned}[::-1]
      `,
      () => code`
        def ${name}(${draft.parameter(text, "str")})${draft.returns("bool")}:
            ${draft.docstring("Return True for a palindrome")}
            ${low} = 0
            ${high} = len(${text}) - 1
            while ${low} < ${high}:
                if ${text}[${low}] != ${text}[${high}]:
                    return False
                ${low} += 1
                ${high} -= 1
            return True
      `,
      () => code`
        def ${name}(${draft.parameter(text, "str")})${draft.returns("bool")}:
            if ${text} == ${text}[::-1]:
                return True
            ${draft.chance(0.5) ? "return False" : "else:\n    return False"}
      `,
    ),
    call: { name, parameters: ["str"], returns: "bool", example: [draft.string(example), answer] },
  };
}

function countChars(draft: Draft): Definition {
  const scope = draft.scope();
  const text = scope.name(textNames);
  const char = scope.name(charNames);
  const count = scope.name(counters);
  const found = scope.name(["found", "matches", "result"]);
  const letter = draft.pick(["a", "e", "s"]);
  const [what, test] = draft.pick([
    ["vowels", `${char} in ${draft.string("aeiou")}`],
    ["vowels", `${char}.lower() in ${draft.string("aeiou")}`],
    ["numbers", `${char}.isdigit()`],
    ["numbers", `${char}.isdigit()`],
    ["words", `${char} == ${draft.string(" ")}`],
    ["chars", `${char} != ${draft.string(" ")}`],
    [letter, `${char} == ${draft.string(letter)}`],
  ] as const);
  const name = draft.define(`count_${what}`);
  return {
    code: draft.weighted([
      [
        4,
        () => code`
          def ${name}(${draft.parameter(text, "str")})${draft.returns("int")}:
              ${draft.docstring(`Count the ${what}`)}
              ${count} = 0
              for ${char} in ${text}:
                  if ${test}:
                      ${count} += 1
              return ${count}
        `,
      ],
      [
        1,
        () => code`
          def ${name}(${draft.parameter(text, "str")})${draft.returns("int")}:
              ${draft.docstring(`Count the ${what}`)}
              return sum(1 for ${char} in ${text} if ${test})
        `,
      ],
      [
        1,
        () => code`
          def ${name}(${draft.parameter(text, "str")})${draft.returns("int")}:
              ${found} = [${char} for ${char} in ${text} if ${test}]
              return len(${found})
        `,
      ],
    ])(),
    call: { name, parameters: ["str"], returns: "int", result: count },
  };
}

/** Builds a new string, character by character. */
function rewrite(draft: Draft): Definition {
  const scope = draft.scope();
  const text = scope.name(textNames);
  const char = scope.name(charNames);
  const result = scope.name(accumulators);
  const size = scope.name(["n", "size", "count"]);
  return draft.pick([
    (): Definition => {
      const name = draft.define(draft.pick(["scale_text", "scale_chars", "add_chars"]));
      return {
        code: code`
          def ${name}(${draft.parameter(text, "str")}, ${draft.parameter(size, "int")})${draft.returns("str")}:
              ${draft.docstring("Return the new text")}
              ${result} = ${draft.string("")}
              for ${char} in ${text}:
                  if ${char} == ${draft.string(" ")}:
                      ${result} += ${char}
                  else:
                      ${result} += ${char} * ${size}
              return ${result}
        `,
        call: { name, parameters: ["str", "int"], returns: "str", result },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["remove_vowels", "remove_numbers", "clear_text", "strip_text"]));
      const test =
        {
          remove_vowels: `${char} not in ${draft.string("aeiou")}`,
          remove_numbers: `not ${char}.isdigit()`,
        }[name] ?? draft.pick([`not ${char}.isdigit()`, `${char} != ${draft.string(" ")}`]);
      return {
        code: code`
          def ${name}(${draft.parameter(text, "str")})${draft.returns("str")}:
              ${result} = ${draft.string("")}
              for ${char} in ${text}:
                  if ${test}:
                      ${result} += ${char}
              return ${result}
        `,
        call: { name, parameters: ["str"], returns: "str", result },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["swap_chars", "change_text", "update_text"]));
      return {
        code: code`
          def ${name}(${draft.parameter(text, "str")})${draft.returns("str")}:
              ${result} = ${draft.string("")}
              for ${char} in ${text}:
                  if ${char} == ${char}.upper():
                      ${result} += ${char}.lower()
                  else:
                      ${result} += ${char}.upper()
              return ${result}
        `,
        call: { name, parameters: ["str"], returns: "str", result },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["group_chars", "merge_chars"]));
      const count = scope.name(["count", "length", "size", "run"]);
      const i = scope.name(["i", "k", "index", "pos"]);
      return {
        code: code`
          def ${name}(${draft.parameter(text, "str")})${draft.returns("str")}:
              ${draft.docstring("Count the chars")}
              if not ${text}:
                  return ${draft.string("")}
              ${result} = ${draft.string("")}
              ${count} = 1
              for ${i} in range(1, len(${text})):
                  if ${text}[${i}] == ${text}[${i} - 1]:
                      ${count} += 1
                  else:
                      ${result} += ${text}[${i} - 1] + str(${count})
                      ${count} = 1
              ${result} += ${text}[-1] + str(${count})
              return ${result}
        `,
        call: { name, parameters: ["str"], returns: "str", result },
      };
    },
  ])();
}

function wordCount(draft: Draft): Definition {
  const scope = draft.scope();
  const text = scope.name(["text", "line", "message", "content"]);
  const counts = scope.name(["count", "result", "table", "seen"]);
  const letters = draft.chance(0.3);
  const [one, many] = letters
    ? (["char", "chars"] as const)
    : draft.pick([
        ["word", "words"],
        ["token", "tokens"],
        ["part", "parts"],
      ] as const);
  const name = draft.define(draft.pick([`count_${many}`, `${one}_count`, `get_${one}_count`]));
  const source = letters ? text : draft.pick([`${text}.split()`, `${text}.lower().split()`]);
  const split = !letters && draft.chance(0.3);
  const update = draft.either(
    () => `${counts}[${one}] = ${counts}.get(${one}, 0) + 1`,
    () => code`
      if ${one} in ${counts}:
          ${counts}[${one}] += 1
      else:
          ${counts}[${one}] = 1
    `,
    () => code`
      if ${one} not in ${counts}:
          ${counts}[${one}] = 0
      ${counts}[${one}] += 1
    `,
  );
  return {
    code: code`
      def ${name}(${draft.parameter(text, "str")})${draft.returns("counts")}:
          ${draft.docstring(`Count the ${many}`)}
          ${counts} = {}
          ${split ? `${many} = ${source}` : ""}
          for ${one} in ${split ? many : source}:
              ${update}
          return ${counts}
    `,
    call: { name, parameters: ["str"], returns: "counts", result: counts },
  };
}

function longest(draft: Draft): Definition {
  const scope = draft.scope();
  const noun = scope.noun("text");
  const best = scope.name(["best", "result", "current", "found"]);
  const smallest = draft.chance(0.4);
  const name = draft.define(`${smallest ? "smallest" : "largest"}_${noun.one}`);
  const sign = smallest ? "<" : ">";
  return {
    code: draft.weighted([
      [
        3,
        () => code`
          def ${name}(${draft.parameter(noun.many, "strs")})${draft.returns("str")}:
              ${draft.docstring(`Find the ${smallest ? "smallest" : "largest"} ${noun.one}`)}
              ${best} = ${noun.many}[0]
              for ${noun.one} in ${noun.many}${draft.pick(["", "[1:]"])}:
                  if len(${noun.one}) ${sign} len(${best}):
                      ${best} = ${noun.one}
              return ${best}
        `,
      ],
      [
        1,
        () => code`
          def ${name}(${draft.parameter(noun.many, "strs")})${draft.returns("str")}:
              ${draft.docstring(`Find the ${smallest ? "smallest" : "largest"} ${noun.one}`)}
              return ${smallest ? "sorted" : "max"}(${noun.many}, key=${draft.pick(["len", `lambda ${noun.one}: len(${noun.one})`])})${smallest ? "[0]" : ""}
        `,
      ],
    ])(),
    call: { name, parameters: ["strs"], returns: "str", result: best },
  };
}

/** Takes a text apart, a piece at a time, until nothing is left. */
function consume(draft: Draft): Definition {
  const scope = draft.scope();
  const text = scope.name(textNames);
  const count = scope.name(counters);
  const name = draft.define(draft.pick(["drain", "remove_all", "clear_text", "count_parts"]));
  const step = draft.pick([`${text} = ${text}[1:]`, `${text} = ${text}[:-1]`, `${text} = ${text}[2:]`]);
  return {
    code: draft.chance(0.5)
      ? code`
          def ${name}(${draft.parameter(text, "str")}):
              while ${text}:
                  print(${draft.pick([text, `${text}[0]`])})
                  ${step}
        `
      : code`
          def ${name}(${draft.parameter(text, "str")}):
              ${count} = 0
              while ${text}:
                  ${count} += 1
                  ${step}
              return ${count}
        `,
    call: { name, parameters: ["str"], returns: "none" },
  };
}

export const textFamilies = [reverse, palindrome, countChars, rewrite, wordCount, longest, consume] as const;

import { code } from "./code.js";
import type { Definition, Draft } from "./draft.js";
import { printValue } from "./printing.js";
import { flags, indexNames } from "./words.js";

/** Where an element is in a list, or whether. */
export function search(draft: Draft): Definition {
  const scope = draft.scope();
  const noun = scope.noun(draft.chance(0.6) ? "number" : "text");
  const target = scope.name(["target", "key", "value"]);
  const index = scope.name(indexNames);
  const [low, high] = scope.pair([
    ["low", "high"],
    ["left", "right"],
    ["start", "end"],
  ]);
  const middle = scope.name(["position", "pos", "index"]);
  return draft.pick([
    (): Definition => {
      const name = draft.define(draft.pick(["search", "search_sorted", "find_sorted"]));
      return {
        code: code`
          def ${name}(${draft.parameter(noun.many, "ints")}, ${draft.parameter(target, "int")})${draft.returns("int")}:
              ${draft.docstring("Find the target")}
              ${draft.either(
                () => `${low} = 0\n${high} = len(${noun.many}) - 1`,
                () => `${low}, ${high} = 0, len(${noun.many}) - 1`,
              )}
              while ${low} <= ${high}:
                  ${middle} = (${low} + ${high}) // 2
                  if ${noun.many}[${middle}] == ${target}:
                      return ${middle}
                  elif ${noun.many}[${middle}] < ${target}:
                      ${low} = ${middle} + 1
                  else:
                      ${high} = ${middle} - 1
              return -1
        `,
        call: {
          name,
          parameters: ["ints", "int"],
          returns: "int",
          result: draft.pick(["index", "position", "found"]),
        },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["find", "search", "index_of", `find_${noun.one}`]));
      return {
        code: draft.chance(0.6)
          ? code`
              def ${name}(${noun.many}, ${target}):
                  ${draft.docstring("Return the index")}
                  for ${index}, ${noun.one} in enumerate(${noun.many}):
                      if ${noun.one} == ${target}:
                          return ${index}
                  return ${draft.pick(["-1", "-1", "None"])}
            `
          : code`
              def ${name}(${noun.many}, ${target}):
                  for ${index} in range(len(${noun.many})):
                      if ${noun.many}[${index}] == ${target}:
                          return ${index}
                  return -1
            `,
        call: {
          name,
          parameters: ["ints", "int"],
          returns: "int",
          result: draft.pick(["index", "position", "found"]),
        },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["has", `has_${noun.one}`, "is_in"]));
      const found = scope.name(flags);
      return {
        code: draft.chance(0.5)
          ? code`
              def ${name}(${noun.many}, ${target}):
                  for ${noun.one} in ${noun.many}:
                      if ${noun.one} == ${target}:
                          return True
                  return False
            `
          : code`
              def ${name}(${noun.many}, ${target}):
                  ${found} = False
                  for ${noun.one} in ${noun.many}:
                      if ${noun.one} == ${target}:
                          ${found} = True
                          ${draft.pick(["break", ""])}
                  ${draft.maybe(0.5, () => `if ${found} == True:\n    ${printValue(draft, target, target)}`)}
                  return ${found}
            `,
        call: { name, parameters: ["ints", "int"], returns: "bool", result: found },
      };
    },
  ])();
}

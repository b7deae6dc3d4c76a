import { code } from "./code.js";
import type { Definition, Draft } from "./draft.js";
import { printValue } from "./printing.js";
import { flags, indexNames, shortNames } from "./words.js";

/** Bubble sort, selection sort and insertion sort. */
export function sorting(draft: Draft): Definition {
  const scope = draft.scope();
  const { many } = scope.noun("number");
  const [i, j] = scope.pair([
    ["i", "j"],
    ["a", "b"],
    ["start", "k"],
    ["row", "col"],
    ["left", "right"],
  ]);
  const n = scope.name(["n", "size", "length", "count"]);
  const swapped = scope.name(flags);
  const swap = (a: string, b: string): string =>
    `${many}[${a}], ${many}[${b}] = ${many}[${b}], ${many}[${a}]`;
  return draft.pick([
    (): Definition => {
      const name = draft.define(draft.pick(["bubble_sort", "sort_numbers", `sort_${many}`]));
      return {
        code: code`
          def ${name}(${draft.parameter(many, "ints")}):
              ${draft.docstring("Sort a list in place.")}
              ${n} = len(${many})
              for ${i} in range(${n}):
                  for ${j} in range(${n} - 1):
                      if ${many}[${j}] > ${many}[${j} + 1]:
                          ${swap(j, `${j} + 1`)}
              return ${many}
        `,
        call: { name, parameters: ["ints"], returns: "ints", result: "ordered" },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["bubble_sort", "sort_list", `sort_${many}`]));
      return {
        code: code`
          def ${name}(${draft.parameter(many, "ints")}):
              ${swapped} = True
              while ${draft.pick([swapped, swapped, `${swapped} == True`])}:
                  ${swapped} = False
                  for ${i} in range(len(${many}) - 1):
                      if ${many}[${i}] > ${many}[${i} + 1]:
                          ${swap(i, `${i} + 1`)}
                          ${swapped} = True
              return ${many}
        `,
        call: { name, parameters: ["ints"], returns: "ints", result: "ordered" },
      };
    },
    (): Definition => {
      const name = draft.define("selection_sort");
      const smallest = scope.name(["smallest", "lowest", "best", "min_index"]);
      return {
        code: code`
          def ${name}(${draft.parameter(many, "ints")}):
              ${draft.docstring("Sort a list by choosing the smallest element again and again.")}
              for ${i} in range(len(${many})):
                  ${smallest} = ${i}
                  for ${j} in range(${i} + 1, len(${many})):
                      if ${many}[${j}] < ${many}[${smallest}]:
                          ${smallest} = ${j}
                  ${swap(i, smallest)}
              return ${many}
        `,
        call: { name, parameters: ["ints"], returns: "ints", result: "ordered" },
      };
    },
    (): Definition => {
      const name = draft.define("insertion_sort");
      const current = scope.name(["current", "value", "key", "item"]);
      return {
        code: code`
          def ${name}(${draft.parameter(many, "ints")}):
              for ${i} in range(1, len(${many})):
                  ${current} = ${many}[${i}]
                  ${j} = ${i} - 1
                  while ${j} >= 0 and ${many}[${j}] > ${current}:
                      ${many}[${j} + 1] = ${many}[${j}]
                      ${j} -= 1
                  ${many}[${j} + 1] = ${current}
              return ${many}
        `,
        call: { name, parameters: ["ints"], returns: "ints", result: "ordered" },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["quick_sort", "quicksort"]));
      const x = scope.name(shortNames);
      const pivot = scope.name(["pivot", "middle", "center"]);
      return {
        code: code`
          def ${name}(${draft.parameter(many, "ints")}):
              ${draft.docstring("Sort a list by dividing it.")}
              if len(${many}) <= 1:
                  return ${many}
              ${pivot} = ${many}[0]
              smaller = [${x} for ${x} in ${many}[1:] if ${x} < ${pivot}]
              larger = [${x} for ${x} in ${many}[1:] if ${x} >= ${pivot}]
              return ${name}(smaller) + [${pivot}] + ${name}(larger)
        `,
        call: { name, parameters: ["ints"], returns: "ints", result: "ordered" },
      };
    },
  ])();
}

/** Where an element is in a list, or whether. */
export function search(draft: Draft): Definition {
  const scope = draft.scope();
  const noun = scope.noun(draft.chance(0.6) ? "number" : "text");
  const target = scope.name(["target", "wanted", "goal", "key", "query"]);
  const index = scope.name(indexNames);
  const [low, high] = scope.pair([
    ["low", "high"],
    ["left", "right"],
    ["start", "end"],
    ["lo", "hi"],
    ["first", "last"],
  ]);
  const middle = scope.name(["mid", "middle", "center", "guess"]);
  return draft.pick([
    (): Definition => {
      const name = draft.define("binary_search");
      return {
        code: code`
          def ${name}(${draft.parameter(noun.many, "ints")}, ${draft.parameter(target, "int")})${draft.returns("int")}:
              ${draft.docstring("Find a value in a sorted list.")}
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
      const name = draft.define(
        draft.pick(["find", "linear_search", "index_of", `find_${noun.one}`, "locate"]),
      );
      return {
        code: draft.chance(0.6)
          ? code`
              def ${name}(${noun.many}, ${target}):
                  ${draft.docstring(`Return the position of a ${noun.one}, or -1.`)}
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
      const name = draft.define(draft.pick(["contains", "has", `has_${noun.one}`, "includes", "exists"]));
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

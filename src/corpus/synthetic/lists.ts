import { code } from "./code.js";
import { numberTest } from "./conditions.js";
import type { Definition, Draft } from "./draft.js";
import { search } from "./searching.js";
import { factor } from "./values.js";
import { accumulators, indexNames } from "./words.js";

function extreme(draft: Draft): Definition {
  const scope = draft.scope();
  const noun = scope.noun("number");
  const [adjective, sign] = draft.pick([
    ["largest", ">"],
    ["highest", ">"],
    ["smallest", "<"],
    ["lowest", "<"],
  ] as const);
  const best = scope.name([adjective, "best", "result", "current", "found", "answer"]);
  const index = scope.name(indexNames);
  const place = scope.name(["position", "best_index", "answer"]);
  const name = draft.define(`${draft.pick(["find_", "get_", ""])}${adjective}`);
  return {
    code: draft.chance(0.6)
      ? code`
          def ${name}(${draft.parameter(noun.many, "ints")})${draft.returns("int")}:
              ${draft.docstring(`Return the ${adjective} ${noun.one}`)}
              ${draft.maybe(0.3, () => `if not ${noun.many}:\n    return None`)}
              ${best} = ${noun.many}[0]
              for ${noun.one} in ${noun.many}:
                  if ${noun.one} ${sign} ${best}:
                      ${best} = ${noun.one}
              return ${best}
        `
      : code`
          def ${name}(${draft.parameter(noun.many, "ints")}):
              ${draft.docstring(`Find the ${adjective} ${noun.one}`)}
              ${place} = 0
              for ${index}, ${noun.one} in enumerate(${noun.many}):
                  if ${noun.one} ${sign} ${noun.many}[${place}]:
                      ${place} = ${index}
              return ${place}
        `,
    call: { name, parameters: ["ints"], returns: "int", result: best },
  };
}

function sumOrAverage(draft: Draft): Definition {
  const scope = draft.scope();
  const noun = scope.noun("number");
  const total = scope.name(["total", "result", "sum_values", "current", "amount", "answer"]);
  return draft.pick([
    (): Definition => {
      const name = draft.define(draft.pick([`sum_${noun.many}`, `total_${noun.many}`, `add_${noun.many}`]));
      return {
        code: code`
          def ${name}(${draft.parameter(noun.many, "ints")})${draft.returns("int")}:
              ${draft.docstring(`Add up the ${noun.many}`)}
              ${total} = 0
              for ${noun.one} in ${noun.many}:
                  ${draft.maybe(0.4, () => `if ${numberTest(draft, noun.one)}:\n    continue`)}
                  ${total} += ${noun.one}
              return ${total}
        `,
        call: { name, parameters: ["ints"], returns: "int", result: total },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["average", `average_${noun.one}`, "get_average"]));
      return {
        code: draft.either(
          () => code`
            def ${name}(${draft.parameter(noun.many, "ints")}):
                ${draft.docstring(`Return the average ${noun.one}`)}
                ${draft.pick([`if not ${noun.many}:`, `if len(${noun.many}) == 0:`])}
                    return 0
                return sum(${noun.many}) / len(${noun.many})
          `,
          () => code`
            def ${name}(${draft.parameter(noun.many, "ints")}):
                ${draft.docstring(`Return the average ${noun.one}`)}
                return sum(${noun.many}) / len(${noun.many}) if ${noun.many} else 0
          `,
          () => code`
            def ${name}(${draft.parameter(noun.many, "ints")}):
                ${total} = 0
                for ${noun.one} in ${noun.many}:
                    ${total} += ${noun.one}
                return ${total} / len(${noun.many})
          `,
        ),
        call: { name, parameters: ["ints"], returns: "int", result: "average_value" },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["square_sum", "sum_square"]));
      return {
        code: code`
          def ${name}(${draft.parameter(noun.many, "ints")})${draft.returns("int")}:
              return sum(${noun.one} * ${noun.one} for ${noun.one} in ${noun.many})
        `,
        call: { name, parameters: ["ints"], returns: "int", result: total },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["running_total", "running_sum"]));
      const sums = scope.name(["steps", "output", "result"]);
      return {
        code: code`
          def ${name}(${draft.parameter(noun.many, "ints")}):
              ${sums} = []
              ${total} = 0
              for ${noun.one} in ${noun.many}:
                  ${total} += ${noun.one}
                  ${sums}.append(${total})
              return ${sums}
        `,
        call: { name, parameters: ["ints"], returns: "ints", result: sums },
      };
    },
  ])();
}

/** Makes a new list out of a list. */
function derive(draft: Draft): Definition {
  const scope = draft.scope();
  const noun = scope.noun("number");
  const result = scope.name(accumulators);
  const n = scope.name(["n", "size", "count", "step", "width"]);
  const index = scope.name(indexNames);
  return draft.pick([
    (): Definition => {
      const [what, test] = draft.pick([
        ["selected", `${noun.one} % 2 == 0`],
        ["negative", `${noun.one} < 0`],
        ["valid", `${noun.one} > 0`],
        ["large", `${noun.one} > ${draft.pick([5, 10, 100])}`],
        ["small", `${noun.one} < ${draft.pick([3, 5, 10])}`],
      ] as const);
      const name = draft.define(`${draft.pick(["get", "filter", "find", "select", "keep"])}_${what}`);
      return {
        code: draft.either(
          () => code`
            def ${name}(${draft.parameter(noun.many, "ints")}):
                ${draft.docstring(`Return the ${what} ${noun.many}`)}
                return [${noun.one} for ${noun.one} in ${noun.many} if ${test}]
          `,
          () => code`
            def ${name}(${draft.parameter(noun.many, "ints")}):
                ${draft.docstring(`Return the ${what} ${noun.many}`)}
                ${result} = []
                for ${noun.one} in ${noun.many}:
                    if ${test}:
                        ${result}.append(${noun.one})
                return ${result}
          `,
          () => code`
            def ${name}(${draft.parameter(noun.many, "ints")}):
                ${result} = filter(lambda ${noun.one}: ${test}, ${noun.many})
                return list(${result})
          `,
        ),
        call: { name, parameters: ["ints"], returns: "ints", result },
      };
    },
    (): Definition => {
      const [what, value] = draft.pick([
        ["scale", `${noun.one} * ${factor(draft)}`],
        ["square", `${noun.one} ** 2`],
        ["raise", `${noun.one} + ${factor(draft)}`],
        ["lower", `${noun.one} - ${factor(draft)}`],
        ["split", `${noun.one} // 2`],
      ] as const);
      const name = draft.define(`${what}_${draft.pick(["all", noun.many])}`);
      return {
        code: draft.either(
          () => code`
            def ${name}(${draft.parameter(noun.many, "ints")}):
                ${draft.docstring(`Return the new ${noun.many}`)}
                return [${value} for ${noun.one} in ${noun.many}]
          `,
          () => code`
            def ${name}(${draft.parameter(noun.many, "ints")}):
                for ${index} in range(len(${noun.many})):
                    ${noun.one} = ${noun.many}[${index}]
                    ${noun.many}[${index}] = ${value}
                return ${noun.many}
          `,
        ),
        call: { name, parameters: ["ints"], returns: "ints", result },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["split_list", "make_groups", `split_${noun.many}`]));
      const part = scope.name(["part", "group", "row"]);
      return {
        code: code`
          def ${name}(${noun.many}, ${n}):
              ${draft.docstring("Return parts of a list")}
              ${result} = []
              for ${index} in range(0, len(${noun.many}), ${n}):
                  ${part} = ${noun.many}[${index}:${index} + ${n}]
                  ${result}.append(${part})
              return ${result}
        `,
        call: { name, parameters: ["ints", "int"], returns: "grid", result },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["remove_seen", "keep_first"]));
      const seen = scope.name(accumulators);
      return {
        code: code`
          def ${name}(${draft.parameter(noun.many, "ints")}):
              ${draft.docstring("Keeps the order")}
              ${seen} = set()
              ${result} = []
              for ${noun.one} in ${noun.many}:
                  if ${noun.one} not in ${seen}:
                      ${seen}.add(${noun.one})
                      ${result}.append(${noun.one})
              return ${result}
        `,
        call: { name, parameters: ["ints"], returns: "ints", result },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["swap_parts", "swap_list"]));
      return {
        code: code`
          def ${name}(${noun.many}, ${n}):
              ${draft.maybe(0.5, () => `if not ${noun.many}:\n    return []`)}
              ${n} = ${n} % len(${noun.many})
              return ${noun.many}[${n}:] + ${noun.many}[:${n}]
        `,
        call: { name, parameters: ["ints", "int"], returns: "ints", result },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["get_steps", "find_steps", "compute_steps"]));
      const step = scope.name(["step", "change", "height", "length"]);
      return {
        code: code`
          def ${name}(${draft.parameter(noun.many, "ints")}):
              ${result} = []
              for ${index} in range(1, len(${noun.many})):
                  ${step} = ${noun.many}[${index}] - ${noun.many}[${index} - 1]
                  ${result}.append(${step})
              return ${result}
        `,
        call: { name, parameters: ["ints"], returns: "ints", result },
      };
    },
  ])();
}

export const listFamilies = [extreme, sumOrAverage, search, derive, derive] as const;

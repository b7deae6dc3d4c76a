import { code } from "./code.js";
import { numberTest } from "./conditions.js";
import type { Definition, Draft } from "./draft.js";
import { printValue } from "./printing.js";
import { factor, number } from "./values.js";
import { accumulators, indexNames, namePairs, numberNouns } from "./words.js";

const numberNames = numberNouns.map((noun) => noun.one);

function gcd(draft: Draft): Definition {
  const name = draft.define(draft.pick(["gcd", "find_gcd"]));
  const [a, b] = draft.scope().pair(namePairs);
  const recursive = draft.chance(0.3);
  const [x, y] = [factor(draft) * 6, factor(draft) * 4];
  return {
    code: recursive
      ? code`
          def ${name}(${draft.parameter(a, "int")}, ${draft.parameter(b, "int")})${draft.returns("int")}:
              ${draft.docstring("Find the gcd")}
              if ${b} == 0:
                  return ${a}
              return ${name}(${b}, ${a} % ${b})
        `
      : code`
          def ${name}(${draft.parameter(a, "int")}, ${draft.parameter(b, "int")})${draft.returns("int")}:
              ${draft.docstring("Find the gcd")}
              while ${draft.pick([b, b, `${b} != 0`, `${b} > 0`])}:
                  ${a}, ${b} = ${b}, ${a} % ${b}
              return ${a}
        `,
    call: { name, parameters: ["int", "int"], returns: "int", example: [`${x}, ${y}`, String(gcdOf(x, y))] },
  };
}

function gcdOf(x: number, y: number): number {
  return y === 0 ? x : gcdOf(y, x % y);
}

function factorial(draft: Draft): Definition {
  const scope = draft.scope();
  const name = draft.define(draft.pick(["factorial", "compute_factorial"]));
  const n = scope.name(["n", "n", "number", "num", "value", "x"]);
  const result = scope.name(["result", "product", "total", "answer"]);
  const i = scope.name(indexNames);
  const argument = draft.between(2, 6);
  let expected = 1;
  for (let each = 2; each <= argument; each++) expected *= each;
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(n, "int")})${draft.returns("int")}:
            ${draft.docstring("Return the factorial")}
            if ${n} ${draft.pick(["== 0", "<= 1", "< 2"])}:
                return 1
            return ${n} * ${name}(${n} - 1)
      `,
      () => code`
        def ${name}(${draft.parameter(n, "int")})${draft.returns("int")}:
            ${draft.docstring("Return the factorial")}
            ${result} = 1
            for ${i} in range(${draft.pick([1, 2])}, ${n} + 1):
                ${result} *= ${i}
            return ${result}
      `,
      () => code`
        def ${name}(${draft.parameter(n, "int")})${draft.returns("int")}:
            ${result} = 1
            while ${n} > 1:
                ${result} *= ${n}
                ${n} -= 1
            return ${result}
      `,
      () => code`
        def ${name}(${draft.parameter(n, "int")})${draft.returns("int")}:
            return 1 if ${n} == 0 else ${n} * ${name}(${n} - 1)
      `,
    ),
    call: { name, parameters: ["int"], returns: "int", example: [String(argument), String(expected)] },
  };
}

function fibonacci(draft: Draft): Definition {
  const scope = draft.scope();
  const name = draft.define(draft.pick(["fib", "get_fib"]));
  const n = scope.name(["n", "count", "number", "length"]);
  const [a, b] = scope.pair(namePairs);
  const i = scope.name(["i", "_", "step", "j", "k"]);
  const result = scope.name(["result", "numbers", "values"]);
  return draft.pick([
    (): Definition => ({
      code: code`
        def ${name}(${draft.parameter(n, "int")})${draft.returns("int")}:
            ${draft.docstring("Return a number")}
            if ${n} <= 1:
                return ${n}
            return ${name}(${n} - 1) + ${name}(${n} - 2)
      `,
      call: { name, parameters: ["int"], returns: "int" },
    }),
    (): Definition => ({
      code: code`
        def ${name}(${draft.parameter(n, "int")}):
            ${draft.docstring("Return the first numbers")}
            ${result} = []
            ${a}, ${b} = 0, 1
            for ${i} in range(${n}):
                ${result}.append(${a})
                ${a}, ${b} = ${b}, ${a} + ${b}
            return ${result}
      `,
      call: { name, parameters: ["int"], returns: "ints", result },
    }),
    (): Definition => ({
      code: code`
        def ${name}(${draft.parameter(n, "int")}):
            ${draft.docstring("Count the numbers")}
            ${a} = 0
            ${b} = 1
            while ${a} < ${n}:
                print(${a})
                ${a}, ${b} = ${b}, ${a} + ${b}
      `,
      usage: `${name}(${factor(draft)}0)`,
    }),
  ])();
}

function primes(draft: Draft): Definition {
  const scope = draft.scope();
  const n = scope.name(["n", "number", "num", "x", "value"]);
  const i = scope.name(["i", "d", "k", "j"]);
  const name = draft.define(draft.pick(["is_prime", "is_prime", "check_prime"]));
  const candidate = draft.pick([7, 11, 13, 9, 15, 4, 5, 8, 12, 17]);
  return {
    code: draft.either(
      () => code`
        def ${name}(${draft.parameter(n, "int")})${draft.returns("bool")}:
            ${draft.docstring("Return True for a prime")}
            if ${n} < 2:
                return False
            for ${i} in range(2, ${draft.pick([n, `int(${n} ** 0.5) + 1`, `${n} // 2 + 1`])}):
                if ${n} % ${i} == 0:
                    return False
            return True
      `,
      () => code`
        def ${name}(${draft.parameter(n, "int")})${draft.returns("bool")}:
            if ${n} < 2:
                return False
            ${i} = 2
            while ${i} * ${i} <= ${n}:
                if ${n} % ${i} == 0:
                    return False
                ${i} += 1
            return True
      `,
    ),
    call: {
      name,
      parameters: ["int"],
      returns: "bool",
      example: [String(candidate), [7, 11, 13, 5, 17].includes(candidate) ? "True" : "False"],
    },
  };
}

/** Arithmetic of one line. */
function formula(draft: Draft): Definition {
  const scope = draft.scope();
  const [a, b] = scope.pair(namePairs);
  const [x, y] = [number(draft), factor(draft)];
  const operation = draft.pick([
    { names: ["add", "add_two", "sum_of_two", "total"], text: `${a} + ${b}`, result: x + y },
    { names: ["change", "get_change"], text: `${a} - ${b}`, result: x - y },
    { names: ["product", "area", "cost"], text: `${a} * ${b}`, result: x * y },
    { names: ["raise_to"], text: `${a} ** ${b}`, result: x ** y },
    { names: ["left_over"], text: `${a} % ${b}`, result: x % y },
    { names: ["perimeter", "get_perimeter"], text: `2 * (${a} + ${b})`, result: 2 * (x + y) },
    {
      names: ["maximum", "largest", "find_max"],
      text: `${a} if ${a} > ${b} else ${b}`,
      result: Math.max(x, y),
    },
    {
      names: ["minimum", "smallest"],
      text: `${a} if ${a} < ${b} else ${b}`,
      result: Math.min(x, y),
    },
    { names: ["rate", "split"], text: `${a} // ${b}`, result: Math.floor(x / y) },
  ]);
  const name = draft.define(draft.pick(operation.names));
  const result = scope.name(accumulators);
  return {
    code: draft.chance(0.5)
      ? code`
          def ${name}(${draft.parameter(a, "int")}, ${draft.parameter(b, "int")})${draft.returns("int")}:
              ${draft.docstring(draft.pick(["Return the result", "Take two numbers"]))}
              return ${operation.text}
        `
      : code`
          def ${name}(${draft.parameter(a, "int")}, ${draft.parameter(b, "int")})${draft.returns("int")}:
              ${result} = ${operation.text}
              ${draft.maybe(0.4, () => printValue(draft, result, result))}
              return ${result}
        `,
    call: {
      name,
      parameters: ["int", "int"],
      returns: "int",
      example: [`${x}, ${y}`, String(operation.result)],
      result,
    },
  };
}

function single(draft: Draft): Definition {
  const scope = draft.scope();
  const n = scope.name([...numberNames, "n", "x", "a", "k"]);
  const x = number(draft);
  const operation = draft.pick([
    { name: "scale", text: `${n} * 2`, result: x * 2 },
    { name: "scale_up", text: `${n} * 3`, result: x * 3 },
    { name: "square", text: `${n} * ${n}`, result: x * x },
    { name: "split_in_two", text: `${n} // 2`, result: Math.floor(x / 2) },
    { name: draft.pick(["add_one", "next_number"]), text: `${n} + 1`, result: x + 1 },
    { name: "take_one", text: `${n} - 1`, result: x - 1 },
    { name: "make_negative", text: `-${n}`, result: -x || 0 },
    { name: "size_of", text: `${n} if ${n} >= 0 else -${n}`, result: Math.abs(x) },
    { name: "is_large", text: `${n} > 5`, result: x > 5 ? "True" : "False" },
    { name: "is_small", text: `${n} < 10`, result: x < 10 ? "True" : "False" },
    { name: "is_negative", text: `${n} < 0`, result: "False" },
    { name: draft.pick(["f", "g", "h"]), text: `${n} + ${7}`, result: x + 7 },
  ]);
  const name = draft.define(operation.name);
  const kind = name.startsWith("is_") ? "bool" : "int";
  const body =
    kind === "bool" && draft.chance(0.5)
      ? code`
          if ${operation.text}:
              return True
          ${draft.chance(0.5) ? "return False" : "else:\n    return False"}
        `
      : `return ${operation.text}`;
  return {
    code: code`
      def ${name}(${draft.parameter(n, "int")})${draft.returns(kind)}:
          ${draft.docstring(draft.pick(["Return the result", "Take a number"]))}
          ${body}
    `,
    call: { name, parameters: ["int"], returns: kind, example: [String(x), String(operation.result)] },
  };
}

/** An if/elif/else chain that sorts a number into classes. */
function classify(draft: Draft): Definition {
  const scope = draft.scope();
  const n = scope.name(numberNames);
  const [names, answers] = draft.pick([
    [
      ["get_grade", "find_grade"],
      ["best", "good", "pass", "low"],
    ],
    [
      ["describe_size", "check_size"],
      ["too large", "large", "small", "too small"],
    ],
    [
      ["get_color", "find_color"],
      ["red", "orange", "yellow", "green"],
    ],
    [
      ["get_level", "level_for"],
      ["high", "good", "low", "new"],
    ],
    [
      ["get_status", "check_status"],
      ["done", "active", "ready", "empty"],
    ],
  ] as const);
  const name = draft.define(draft.pick(names));
  const [top, middle, low] = draft.pick([
    [90, 80, 70],
    [100, 50, 10],
    [30, 20, 10],
    [9, 6, 3],
  ] as const);
  const variable = scope.name(["result", "label", "answer", "level", "status", "kind"]);
  const give = draft.chance(0.6) ? "return" : `${variable} =`;
  return {
    code: code`
      def ${name}(${draft.parameter(n, "int")})${draft.returns("str")}:
          ${draft.maybe(0.2, () => `if ${n} < 0:\n    raise ValueError(${draft.string(`${n} is negative`)})`)}
          if ${n} >= ${top}:
              ${give} ${draft.string(answers[0])}
          elif ${n} >= ${middle}:
              ${give} ${draft.string(answers[1])}
          ${draft.maybe(0.6, () => `elif ${n} >= ${low}:\n    ${give} ${draft.string(answers[2])}`)}
          else:
              ${give} ${draft.string(answers[3])}
          ${give === "return" ? "" : `return ${variable}`}
    `,
    call: { name, parameters: ["int"], returns: "str", result: variable },
  };
}

/** Fizz buzz and its like. */
function fizz(draft: Draft): Definition {
  const scope = draft.scope();
  const limit = scope.name(["n", "count", "stop", "end"]);
  const i = scope.name(["i", "number", "k", "x", "value"]);
  const [first, second] = draft.pick([
    ["fizz", "buzz"],
    ["fizz", "buzz"],
    ["left", "right"],
    ["red", "blue"],
  ] as const);
  const [p, q] = draft.pick([
    [3, 5],
    [2, 3],
    [2, 5],
    [4, 6],
  ] as const);
  const name = draft.define(draft.pick([first === "fizz" ? "fizz_buzz" : "count_up", "show_numbers"]));
  return {
    code: code`
      def ${name}(${draft.parameter(limit, "int")}):
          for ${i} in range(1, ${limit} + 1):
              ${draft.maybe(0.5, () => `if ${i} % ${p * q} == 0:\n    print(${draft.string(`${first} ${second}`)})`) || `if ${numberTest(draft, i)}:\n    continue`}
              elif ${i} % ${p} == 0:
                  print(${draft.string(first)})
              elif ${i} % ${q} == 0:
                  print(${draft.string(second)})
              else:
                  print(${i})
    `,
    call: { name, parameters: ["int"], returns: "none" },
  };
}

export const numberFamilies = [
  gcd,
  factorial,
  factorial,
  fibonacci,
  primes,
  formula,
  formula,
  single,
  single,
  classify,
  classify,
  fizz,
] as const;

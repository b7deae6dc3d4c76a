import { code } from "./code.js";
import type { Definition, Draft } from "./draft.js";
import { dictionary } from "./values.js";
import { accumulators, namePairs, readFiles, writeFiles } from "./words.js";

function geometry(draft: Draft): Definition {
  draft.import("import math");
  const scope = draft.scope();
  const radius = scope.name(["radius", "r", "size", "width"]);
  const [a, b] = scope.pair(namePairs);
  return draft.pick([
    (): Definition => {
      const name = draft.define(draft.pick(["area", "get_area", "compute_area"]));
      return {
        code: code`
          def ${name}(${radius}):
              ${draft.docstring("Return the area")}
              return math.pi * ${radius} ${draft.pick(["** 2", `* ${radius}`])}
        `,
        call: { name, parameters: ["int"], returns: "int" },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["length", "get_length", "length_of"]));
      const total = scope.numbered("total");
      return {
        code: code`
          def ${name}(${a}, ${b}):
              ${draft.docstring("Return the length")}
              ${total} = ${a} * ${a} + ${b} * ${b}
              return math.sqrt(${total})
        `,
        call: { name, parameters: ["int", "int"], returns: "int" },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["is_square", "check_square"]));
      return {
        code: code`
          def ${name}(${radius}):
              result = math.sqrt(${radius})
              n = int(result)
              ${draft.chance(0.5) ? `return n * n == ${radius}` : `if n * n == ${radius}:\n    return True\nreturn False`}
        `,
        call: { name, parameters: ["int"], returns: "bool" },
      };
    },
  ])();
}

function chance(draft: Draft): Definition {
  draft.import("import random");
  const scope = draft.scope();
  const noun = scope.noun("text");
  const count = scope.name(["count", "n", "limit", "size"]);
  const result = scope.name(accumulators);
  return draft.pick([
    (): Definition => {
      const name = draft.define(draft.pick(["make_numbers", "random_numbers", "create_numbers"]));
      return {
        code: code`
          def ${name}(${count}):
              ${draft.docstring("Return random numbers")}
              ${result} = []
              for i in range(${count}):
                  number = random.randint(1, 6)
                  ${result}.append(number)
              return ${result}
        `,
        call: { name, parameters: ["int"], returns: "ints", result },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick([`select_${noun.one}`, `random_${noun.one}`, `get_${noun.one}`]));
      return {
        code: code`
          def ${name}(${draft.parameter(noun.many, "strs")}):
              return random.choice(${noun.many})
        `,
        call: { name, parameters: ["strs"], returns: "str", result: noun.one },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["find_number", "check_number", "run"]));
      const secret = scope.name(["target", "number", "answer"]);
      const guess = scope.name(["choice", "value", "n"]);
      const line = scope.numbered("line");
      return {
        code: code`
          def ${name}():
              ${secret} = random.randint(1, ${draft.pick([10, 20, 100])})
              while True:
                  ${line} = input(${draft.string("Enter a number")})
                  ${guess} = int(${line})
                  if ${guess} == ${secret}:
                      print(${draft.string(draft.pick(["Found", "Done", "yes"]))})
                      ${draft.pick(["break", "return True"])}
                  elif ${guess} < ${secret}:
                      print(${draft.string("too low")})
                  else:
                      print(${draft.string("too high")})
        `,
        usage: `${name}()`,
      };
    },
  ])();
}

function jsonFiles(draft: Draft): Definition {
  draft.import("import json");
  const scope = draft.scope();
  const handle = scope.name(["f", "file", "handle", "fp"]);
  const data = scope.name(["data", "config", "settings", "content"]);
  const read = `${draft.pick(readFiles)}.json`;
  const write = `${draft.pick(writeFiles)}.json`;
  if (draft.chance(0.5)) {
    const name = draft.define(draft.pick(["load_config", "load_json", "load_data", "load_settings"]));
    return {
      code: code`
        def ${name}():
            with open(${draft.string(read)}, ${draft.string("r")}) as ${handle}:
                return json.load(${handle})
      `,
    };
  }
  const name = draft.define(draft.pick(["save_config", "save_json", "save_data", "save_settings"]));
  return {
    code: code`
      def ${name}(${data}):
          with open(${draft.string(write)}, ${draft.string("w")}) as ${handle}:
              json.dump(${data}, ${handle})
    `,
    usage: `data = ${dictionary(draft)}\n${name}(data)`,
  };
}

function commandLine(draft: Draft): Definition {
  draft.import("import sys");
  const name = draft.define("main");
  return {
    code: code`
      def ${name}():
          if len(sys.argv) < 2:
              print(${draft.string("Usage program FILE")})
              sys.exit(1)
          path = sys.argv[1]
          with open(path) as f:
              ${draft.pick(["text = f.read()\nprint(text)", "lines = f.readlines()\ncount = len(lines)\nprint(count)"])}
    `,
    usage: `${name}()`,
  };
}

export const libraryFamilies = [geometry, geometry, chance, jsonFiles, commandLine] as const;

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
      const name = draft.define(draft.pick(["circle_area", "area", "disk_area"]));
      return {
        code: code`
          def ${name}(${radius}):
              ${draft.docstring("Return the area of a circle.")}
              return math.pi * ${radius} ${draft.pick(["** 2", `* ${radius}`])}
        `,
        call: { name, parameters: ["int"], returns: "int", result: "area_of_circle" },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["hypotenuse", "distance", "length_of", "diagonal"]));
      return {
        code: code`
          def ${name}(${a}, ${b}):
              ${draft.docstring("Return the length of the longest side.")}
              return math.sqrt(${a} * ${a} + ${b} * ${b})
        `,
        call: { name, parameters: ["int", "int"], returns: "int", result: "side" },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["is_square", "is_perfect_square", "has_root"]));
      return {
        code: code`
          def ${name}(${radius}):
              root = int(math.sqrt(${radius}))
              ${draft.chance(0.5) ? `return root * root == ${radius}` : `if root * root == ${radius}:\n    return True\nreturn False`}
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
  const count = scope.name(["count", "n", "times", "rounds", "size"]);
  const result = scope.name(accumulators);
  return draft.pick([
    (): Definition => {
      const name = draft.define(draft.pick(["roll_dice", "roll", "throw_dice"]));
      return {
        code: code`
          def ${name}(${count}):
              ${draft.docstring("Throw several dice.")}
              ${result} = []
              for i in range(${count}):
                  ${result}.append(random.randint(1, 6))
              return ${result}
        `,
        call: { name, parameters: ["int"], returns: "ints", result },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick([`pick_${noun.one}`, `random_${noun.one}`, "choose_one", "draw"]));
      return {
        code: code`
          def ${name}(${draft.parameter(noun.many, "strs")}):
              return random.choice(${noun.many})
        `,
        call: { name, parameters: ["strs"], returns: "str", result: noun.one },
      };
    },
    (): Definition => {
      const name = draft.define(draft.pick(["guess_number", "play", "game", "guessing_game"]));
      const secret = scope.name(["secret", "target", "number", "answer"]);
      const guess = scope.name(["guess", "choice", "tried", "value"]);
      return {
        code: code`
          def ${name}():
              ${secret} = random.randint(1, ${draft.pick([10, 20, 100])})
              while True:
                  ${guess} = int(input(${draft.string("Guess a number: ")}))
                  if ${guess} == ${secret}:
                      print(${draft.string(draft.pick(["You win", "Correct", "Right"]))})
                      ${draft.pick(["break", "return True"])}
                  elif ${guess} < ${secret}:
                      print(${draft.string("Too low")})
                  else:
                      print(${draft.string("Too high")})
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
  const data = scope.name(["data", "config", "settings", "state", "content", "records"]);
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
  const name = draft.define(draft.pick(["save_config", "save_json", "save_data", "save_state"]));
  return {
    code: code`
      def ${name}(${data}):
          with open(${draft.string(write)}, ${draft.string("w")}) as ${handle}:
              json.dump(${data}, ${handle})
    `,
    usage: `${name}(${dictionary(draft)})`,
  };
}

function commandLine(draft: Draft): Definition {
  draft.import("import sys");
  const name = draft.define("main");
  return {
    code: code`
      def ${name}():
          if len(sys.argv) < 2:
              print(${draft.string("Usage: program FILE")})
              sys.exit(1)
          path = sys.argv[1]
          with open(path) as f:
              print(${draft.pick(["f.read()", "len(f.readlines())"])})
    `,
    usage: `${name}()`,
  };
}

export const libraryFamilies = [geometry, geometry, chance, jsonFiles, commandLine] as const;

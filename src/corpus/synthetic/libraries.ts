import { code } from "./code.js";
import type { Definition, Draft } from "./draft.js";
import { printValue } from "./printing.js";
import { dictionary, factor, person, word } from "./values.js";
import { accumulators, namePairs, numberNouns, readFiles, writeFiles } from "./words.js";

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

function paths(draft: Draft): Definition {
  draft.import("import os");
  const scope = draft.scope();
  const [folder, filename] = [
    scope.name(["folder", "directory", "root", "path"]),
    scope.name(["filename", "name", "entry", "file"]),
  ];
  const result = scope.name(accumulators);
  const name = draft.define(draft.pick(["list_files", "find_files", "scan_folder", "text_files"]));
  return {
    code: code`
      def ${name}(${draft.parameter(folder, "str")}):
          ${draft.docstring("Collect the names of files.")}
          ${result} = []
          for ${filename} in os.listdir(${folder}):
              if ${filename}.endswith(${draft.string(draft.pick([".txt", ".py", ".csv"]))}):
                  ${result}.append(${draft.pick([filename, `os.path.join(${folder}, ${filename})`])})
          return ${result}
    `,
    usage: `print(${name}(${draft.string(".")}))`,
  };
}

function collections(draft: Draft): Definition {
  const scope = draft.scope();
  const noun = scope.noun("text");
  const counts = scope.name(["counts", "groups", "totals", "table", "result"]);
  return draft.pick([
    (): Definition => {
      draft.import("from collections import Counter");
      const name = draft.define(draft.pick([`most_common_${noun.one}`, `top_${noun.many}`, "common"]));
      return {
        code: code`
          def ${name}(${draft.parameter(noun.many, "strs")}):
              ${counts} = Counter(${noun.many})
              return ${counts}.most_common(${draft.between(1, 3)})
        `,
        call: { name, parameters: ["strs"], returns: "none", result: "top" },
      };
    },
    (): Definition => {
      draft.import("from collections import defaultdict");
      const name = draft.define(draft.pick([`group_${noun.many}`, `index_${noun.many}`, "by_length"]));
      const [start, put] = draft.pick([
        ["list", "append"],
        ["set", "add"],
      ] as const);
      return {
        code: code`
          def ${name}(${draft.parameter(noun.many, "strs")}):
              ${counts} = defaultdict(${start})
              for ${noun.one} in ${noun.many}:
                  ${counts}[len(${noun.one})].${put}(${noun.one})
              return ${counts}
        `,
        call: { name, parameters: ["strs"], returns: "none", result: counts },
      };
    },
  ])();
}

function timing(draft: Draft): Definition {
  draft.import("import time");
  const scope = draft.scope();
  const start = scope.name(["start", "begin", "started", "before"]);
  const f = scope.name(["f", "func", "action", "task"]);
  const seconds = scope.name(["seconds", "elapsed", "duration", "taken"]);
  const n = scope.name(numberNouns.map((noun) => noun.one));
  const name = draft.define(draft.pick(["measure", "timed", "run_timed", "benchmark"]));
  return {
    code: draft.chance(0.6)
      ? code`
          def ${name}(${f}, ${n}):
              ${start} = time.time()
              ${f}(${n})
              ${seconds} = time.time() - ${start}
              ${printValue(draft, seconds, seconds)}
              return ${seconds}
        `
      : code`
          def ${name}(${n}):
              while ${n}:
                  print(${n})
                  time.sleep(1)
                  ${n} -= 1
        `,
  };
}

function patterns(draft: Draft): Definition {
  draft.import("import re");
  const scope = draft.scope();
  const text = scope.name(["text", "line", "message", "content"]);
  const match = scope.name(["match", "found", "result"]);
  const pattern = `r${draft.string(draft.pick(["\\d+", "\\w+", "[a-z]+", "[A-Z]\\w*"]))}`;
  const name = draft.define(
    draft.pick(["find_all", "extract", "find_numbers", "extract_words", "first_match"]),
  );
  return {
    code: draft.chance(0.5)
      ? code`
          def ${name}(${draft.parameter(text, "str")}):
              return re.findall(${pattern}, ${text})
        `
      : code`
          def ${name}(${draft.parameter(text, "str")}):
              ${match} = re.search(${pattern}, ${text})
              return ${match}.group() if ${match} else None
        `,
    usage: `print(${name}(${draft.string(`${draft.pick(["order", "room", "page"])} ${factor(draft)}`)}))`,
  };
}

function records(draft: Draft): Definition {
  draft.import("from dataclasses import dataclass");
  const scope = draft.scope();
  const className = draft.define(
    draft.pick(["Point", "Item", "Song", "Order", "Person", "City", "Coin", "Card"]),
  );
  const instance = className.toLowerCase();
  const [a, b] = [
    scope.name(["name", "title", "label", "code"]),
    scope.name(["price", "size", "age", "count", "value", "year"]),
  ];
  return {
    code: code`
      @dataclass
      class ${className}:
          ${a}: str
          ${b}: int${draft.pick(["", " = 0"])}
          ${draft.maybe(0.5, () => `\ndef describe(self):\n    return f${draft.string(`{self.${a}}: {self.${b}}`)}`)}
    `,
    usage: `${instance} = ${className}(${draft.chance(0.5) ? person(draft) : word(draft)}, ${factor(draft)})\nprint(${instance}.${draft.pick([a, b])})`,
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

export const libraryFamilies = [
  geometry,
  geometry,
  chance,
  chance,
  jsonFiles,
  paths,
  collections,
  timing,
  patterns,
  records,
  commandLine,
] as const;

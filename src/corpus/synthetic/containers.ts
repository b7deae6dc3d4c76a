import { code } from "./code.js";
import type { Definition, Draft } from "./draft.js";
import { instanceName } from "./records.js";
import { factor, number, word } from "./values.js";
import { recordNouns } from "./words.js";

/** A class that keeps a list, a dict or a set of things. */
export function collection(draft: Draft): Definition {
  const className = draft.define(
    draft.pick(["Library", "Library", "Team", "Team", "Account", "User", "Player"]),
  );
  const noun = draft.pick(recordNouns);
  const kind = draft.pick(["list", "list", "dict", "set"] as const);
  const held = draft.chance(0.7) ? noun.many : draft.pick(["items", "data", "content", "entries"]);
  const named = draft.chance(0.5);
  const owner = draft.pick(["name", "owner", "title", "city", "label"]);
  const instance = instanceName(className);
  const start = { list: "[]", dict: "{}", set: "set()" }[kind];
  const price = draft.pick(["price", "count", "amount", "score", "quantity"]);
  const total = draft.pick(["total", "result"]);
  const add =
    kind === "dict"
      ? code`
          def add(self, ${noun.one}, ${price}):
              ${draft.either(
                () => `self.${held}[${noun.one}] = ${price}`,
                () => `old = self.${held}.get(${noun.one}, 0)\nself.${held}[${noun.one}] = old + ${price}`,
              )}
        `
      : code`
          def add(self, ${noun.one}):
              ${draft.maybe(0.25, () => `if ${noun.one} in self.${held}:\n    return False`)}
              self.${held}.${kind === "list" ? "append" : "add"}(${noun.one})
        `;
  const others = draft.sample(
    [
      code`
        def remove(self, ${noun.one}):
            if ${noun.one} in self.${held}:
                ${kind === "dict" ? `self.${held}.pop(${noun.one})` : `self.${held}.remove(${noun.one})`}
            ${draft.maybe(0.5, () => `else:\n    print(${draft.string(draft.pick(["Missing", "Nothing"]))})`)}
      `,
      code`
        def count(self)${draft.returns("int")}:
            return len(self.${held})
      `,
      code`
        def is_empty(self)${draft.returns("bool")}:
            return ${draft.pick([`len(self.${held}) == 0`, `not self.${held}`])}
      `,
      code`
        def show(self):
            for ${noun.one} in self.${held}:
                print(${noun.one})
      `,
      code`
        def has(self, ${noun.one})${draft.returns("bool")}:
            return ${noun.one} in self.${held}
      `,
      kind === "dict"
        ? code`
            def total(self)${draft.returns("int")}:
                ${total} = 0
                for ${price} in self.${held}.values():
                    ${total} += ${price}
                return ${total}
          `
        : code`
            def clear(self):
                self.${held} = ${start}
          `,
    ],
    draft.between(1, 3),
  );
  const item = (): string => (kind === "dict" ? `${word(draft)}, ${factor(draft)}` : word(draft));
  return {
    code: code`
      class ${className}:
          ${draft.classDocstring(`Keeps the ${noun.many}`)}
          def __init__(self${named ? `, ${owner}` : ""}):
              ${named ? `self.${owner} = ${owner}` : ""}
              self.${held} = ${start}

          ${add}

          ${others.join("\n\n")}
    `,
    usage: [
      `${instance} = ${className}(${named ? word(draft) : ""})`,
      `${instance}.add(${item()})`,
      `${instance}.add(${item()})`,
      draft.pick([`size = len(${instance}.${held})\nprint(size)`, `print(${instance}.${held})`]),
    ].join("\n"),
  };
}

export function stack(draft: Draft): Definition {
  const queue = draft.chance(0.4);
  const className = draft.define(queue ? draft.pick(["List", "Library"]) : "Stack");
  const held = draft.pick(["items", "data", "values", "entries"]);
  const item = draft.pick(["item", "value", "entry", "x"]);
  const [put, take] = queue
    ? draft.pick([
        ["add", "take"],
        ["add", "get"],
        ["push", "pop"],
      ] as const)
    : draft.pick([
        ["push", "pop"],
        ["add", "take"],
      ] as const);
  const instance = instanceName(className);
  return {
    code: code`
      class ${className}:
          ${draft.classDocstring(`Keeps the ${held}`)}
          def __init__(self):
              self.${held} = []

          def ${put}(self, ${item}):
              self.${held}.append(${item})

          def ${take}(self):
              if ${draft.pick([`not self.${held}`, `len(self.${held}) == 0`, "self.is_empty()"])}:
                  ${draft.either(
                    () => "return None",
                    () => `raise IndexError(${draft.string(draft.pick(["Empty", "Nothing"]))})`,
                  )}
              return self.${held}.pop(${queue ? "0" : ""})

          def is_empty(self)${draft.returns("bool")}:
              return ${draft.pick([`len(self.${held}) == 0`, `not self.${held}`])}
          ${draft.maybe(0.5, () => `\ndef size(self):\n    return len(self.${held})`)}
          ${draft.maybe(0.4, () => `\ndef ${queue ? "first" : "end"}(self):\n    return self.${held}[${queue ? "0" : "-1"}]`)}
    `,
    usage: [
      `${instance} = ${className}()`,
      ...Array.from(
        { length: draft.between(1, 3) },
        () => `${instance}.${put}(${draft.chance(0.6) ? number(draft) : word(draft)})`,
      ),
      draft.either(
        () => `${item} = ${instance}.${take}()\nprint(${item})`,
        () => `while not ${instance}.is_empty():\n    ${item} = ${instance}.${take}()\n    print(${item})`,
      ),
    ].join("\n"),
  };
}

/** A linked list of nodes. */
export function chain(draft: Draft): Definition {
  const nodeName = draft.define("Node");
  const listName = draft.define(draft.pick(["List", "List", "Stack"]));
  const value = draft.pick(["value", "data", "item", "content"]);
  const node = draft.pick(["node", "current", "cell", "step"]);
  const count = draft.pick(["count", "length", "size", "total"]);
  const [head, next] = ["head", "next"];
  const until = draft.pick([node, node, `${node} is not None`]);
  const instance = draft.pick(["numbers", "values", "items", "nodes"]);
  return {
    code: code`
      class ${nodeName}:
          def __init__(self, ${value}, ${next}=None):
              self.${value} = ${value}
              self.${next} = ${next}


      class ${listName}:
          def __init__(self):
              self.${head} = None

          def add(self, ${value}):
              ${node} = ${nodeName}(${value})
              ${node}.${next} = self.${head}
              self.${head} = ${node}

          def ${draft.pick(["length", "size", "count_nodes"])}(self):
              ${count} = 0
              ${node} = self.${head}
              while ${until}:
                  ${count} += 1
                  ${node} = ${node}.${next}
              return ${count}
          ${draft.maybe(
            0.5,
            () => code`

            def show(self):
                ${node} = self.${head}
                while ${until}:
                    print(${node}.${value})
                    ${node} = ${node}.${next}
          `,
          )}
    `,
    usage: `${instance} = ${listName}()\n${instance}.add(${number(draft)})\n${instance}.add(${number(draft)})`,
  };
}

import { code } from "./code.js";
import type { Definition, Draft } from "./draft.js";
import { instanceName } from "./records.js";
import { factor, number, word } from "./values.js";
import { recordNouns } from "./words.js";

/** A class that keeps a list, a dict or a set of things. */
export function collection(draft: Draft): Definition {
  const className = draft.define(
    draft.pick([
      "Library",
      "Inventory",
      "Team",
      "Cart",
      "Playlist",
      "Store",
      "Garden",
      "School",
      "Club",
      "Basket",
      "Registry",
      "Notebook",
      "Garage",
      "Shop",
      "Menu",
      "Queue",
      "Box",
    ]),
  );
  const noun = draft.pick(recordNouns);
  const kind = draft.pick(["list", "list", "dict", "set"] as const);
  const held = draft.chance(0.7) ? noun.many : draft.pick(["items", "data", "contents", "entries"]);
  const named = draft.chance(0.5);
  const owner = draft.pick(["name", "owner", "title", "city", "label"]);
  const instance = instanceName(className);
  const start = { list: "[]", dict: "{}", set: "set()" }[kind];
  const price = draft.pick(["price", "count", "amount", "score", "quantity"]);
  const add =
    kind === "dict"
      ? code`
          def add(self, ${noun.one}, ${price}):
              ${draft.either(
                () => `self.${held}[${noun.one}] = ${price}`,
                () => `self.${held}[${noun.one}] = self.${held}.get(${noun.one}, 0) + ${price}`,
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
                ${kind === "dict" ? `del self.${held}[${noun.one}]` : `self.${held}.remove(${noun.one})`}
            ${draft.maybe(0.5, () => `else:\n    print(${draft.string(draft.pick(["Not found", "No such thing", "Missing"]))})`)}
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
                return sum(self.${held}.values())
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
          ${draft.classDocstring(`Keeps ${noun.many}.`)}
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
      `print(${draft.pick([`len(${instance}.${held})`, `${instance}.${held}`])})`,
    ].join("\n"),
  };
}

export function stack(draft: Draft): Definition {
  const queue = draft.chance(0.4);
  const className = draft.define(
    queue ? draft.pick(["Queue", "Line", "Buffer"]) : draft.pick(["Stack", "Pile", "History"]),
  );
  const held = draft.pick(["items", "data", "elements", "values", "entries"]);
  const item = draft.pick(["item", "value", "element", "entry", "x"]);
  const [put, take] = queue
    ? draft.pick([
        ["enqueue", "dequeue"],
        ["put", "get"],
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
          ${draft.classDocstring(queue ? "First in, first out." : "Last in, first out.")}
          def __init__(self):
              self.${held} = []

          def ${put}(self, ${item}):
              self.${held}.append(${item})

          def ${take}(self):
              if ${draft.pick([`not self.${held}`, `len(self.${held}) == 0`, "self.is_empty()"])}:
                  ${draft.either(
                    () => "return None",
                    () => `raise IndexError(${draft.string(`${className.toLowerCase()} is empty`)})`,
                  )}
              return self.${held}.pop(${queue ? "0" : ""})

          def is_empty(self)${draft.returns("bool")}:
              return ${draft.pick([`len(self.${held}) == 0`, `not self.${held}`])}
          ${draft.maybe(0.5, () => `\ndef size(self):\n    return len(self.${held})`)}
          ${draft.maybe(0.4, () => `\ndef peek(self):\n    return self.${held}[${queue ? "0" : "-1"}]`)}
    `,
    usage: [
      `${instance} = ${className}()`,
      ...Array.from(
        { length: draft.between(1, 3) },
        () => `${instance}.${put}(${draft.chance(0.6) ? number(draft) : word(draft)})`,
      ),
      draft.either(
        () => `print(${instance}.${take}())`,
        () => `while not ${instance}.is_empty():\n    print(${instance}.${take}())`,
      ),
    ].join("\n"),
  };
}

/** A linked list of nodes. */
export function chain(draft: Draft): Definition {
  const nodeName = draft.define(draft.pick(["Node", "Link", "Cell"]));
  const listName = draft.define(draft.pick(["LinkedList", "Chain", "NodeList"]));
  const value = draft.pick(["value", "data", "item", "content"]);
  const node = draft.pick(["node", "current", "link", "cell", "pointer", "step"]);
  const count = draft.pick(["count", "length", "size", "total"]);
  const [head, next] = ["head", "next"];
  const until = draft.pick([node, node, `${node} is not None`]);
  const instance = draft.pick(["numbers", "chain", "values", "links"]);
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

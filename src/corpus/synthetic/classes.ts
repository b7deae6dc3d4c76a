import { code } from "./code.js";
import { flagTest, numberTest } from "./conditions.js";
import { capital, type Definition, type Draft, spoken } from "./draft.js";
import { printBetween, printNotice, printValue } from "./printing.js";
import type { Scope } from "./scope.js";
import { factor, number, person, text, word } from "./values.js";
import {
  accumulators,
  classNames,
  listAttributes,
  numberAttributes,
  numberNouns,
  recordNouns,
  textAttributes,
  textNouns,
} from "./words.js";

interface Attribute {
  readonly name: string;
  readonly type: "int" | "str";
}

const textFields = [...textAttributes, ...textAttributes, ...textNouns.map((noun) => noun.one)];
const numberFields = [...numberAttributes, ...numberAttributes, ...numberNouns.map((noun) => noun.one)];

function attributes(draft: Draft, scope: Scope, count: number): Attribute[] {
  return Array.from({ length: count }, () => {
    const type = draft.chance(0.5) ? "str" : "int";
    return { name: scope.name(type === "str" ? textFields : numberFields), type };
  });
}

function value(draft: Draft, { name, type }: Attribute): string {
  if (type === "int") return String(number(draft));
  return name === "name" || name === "owner" || name === "author" ? person(draft) : word(draft);
}

/** A variable for an object of a class, as programs name it. */
function instanceName(className: string): string {
  return className.replaceAll(/(?<!^)([A-Z])/g, "_$1").toLowerCase();
}

/** A class of things that carry a few attributes. */
function record(draft: Draft): Definition {
  const scope = draft.scope();
  const className = draft.define(draft.pick(classNames));
  const fields = attributes(draft, scope, draft.pick([1, 2, 2, 3, 3, 3, 4, 5]));
  const optional = fields.length > 1 && draft.chance(0.2);
  // The second parameter tells what the others are.
  const firstOptional = optional ? 1 : fields.length;
  const parameters = fields.map((field, index) =>
    index >= firstOptional ? `${field.name}=None` : draft.parameter(field.name, field.type),
  );
  const extra = draft.maybe(0.3, () => `self.${scope.name(listAttributes)} = []`);
  const stores = fields.map((field) => `self.${field.name} = ${field.name}`);
  if (draft.chance(0.3)) draft.random.shuffle(stores);
  const base = draft.maybe(0.08, () => "(object)");
  const usable = fields.slice(0, firstOptional);
  const chosen = draft.sample(methods, draft.pick([0, 1, 1, 2, 2, 3]));
  const written = chosen.map((method) => method(draft, usable)).filter((method) => method.code !== "");
  const names = new Set<string>();
  const kept = written.filter(
    (method) => !names.has(method.name) && !scope.has(method.name) && names.add(method.name),
  );
  const instance = instanceName(className);
  const args = usable.map((field) => value(draft, field)).join(", ");
  return {
    code: code`
      class ${className}${base}:
          ${draft.classDocstring(`A ${spoken(instance)} with ${usable.map((field) => spoken(field.name)).join(" and ")}.`)}
          def __init__(self, ${parameters.join(", ")}):
              ${stores.join("\n")}
              ${extra}
          ${kept.length > 0 ? `\n${kept.map((method) => method.code).join("\n\n")}` : ""}
    `,
    usage: [
      `${instance} = ${className}(${args})`,
      ...(draft.chance(0.6) ? [`print(${instance}.${draft.pick(usable).name})`] : []),
      ...kept.filter((method) => method.use).map((method) => method.use!.replaceAll("$", instance)),
    ].join("\n"),
  };
}

interface Method {
  readonly name: string;
  readonly code: string;
  /** A statement that calls it on the object `$`. */
  readonly use?: string;
}

const none: Method = { name: "", code: "" };

/** The methods that a class of things may have; each knows its attributes. */
const methods: readonly ((draft: Draft, fields: readonly Attribute[]) => Method)[] = [
  (draft, fields) => {
    const name = draft.pick(["describe", "show", "display", "info", "print_info"]);
    const field = draft.pick(fields);
    return {
      name,
      code: code`
        def ${name}(self):
            ${printValue(draft, field.name, `self.${field.name}`, field.type === "str")}
            ${fields.length > 1 ? draft.maybe(0.4, () => `print(self.${draft.pick(fields).name})`) : ""}
      `,
      use: `$.${name}()`,
    };
  },
  (draft, fields) => {
    const field = draft.pick(fields);
    return {
      name: `get_${field.name}`,
      code: code`
        def get_${field.name}(self)${draft.returns(field.type)}:
            return self.${field.name}
      `,
      use: `print($.get_${field.name}())`,
    };
  },
  (draft, fields) => {
    const field = draft.pick(fields);
    const parameter = draft.pick([field.name, "value", `new_${field.name}`]);
    return {
      name: `set_${field.name}`,
      code: code`
        def set_${field.name}(self, ${parameter}):
            ${field.type === "int" ? draft.maybe(0.3, () => `if ${parameter} < 0:\n    raise ValueError(${draft.string(`${spoken(field.name)} must not be negative`)})`) : ""}
            self.${field.name} = ${parameter}
      `,
      use: `$.set_${field.name}(${value(draft, field)})`,
    };
  },
  (draft, fields) => ({
    name: draft.chance(0.7) ? "__str__" : "__repr__",
    code: code`
      def ${draft.chance(0.7) ? "__str__" : "__repr__"}(self):
          return f${draft.string(fields.map((field) => `{self.${field.name}}`).join(draft.pick([" ", ", ", ": ", "-"])))}
    `,
    use: "print($)",
  }),
  (draft, fields) => {
    const field = fields.find((each) => each.type === "int");
    if (!field) return none;
    const [name, sign] = draft.pick([
      ["increase", "+="],
      ["decrease", "-="],
      ["grow", "+="],
      ["add", "+="],
      ["reduce", "-="],
    ] as const);
    const amount = draft.pick(["amount", "value", "by", "n", "change"]);
    return {
      name,
      code: code`
        def ${name}(self, ${draft.parameter(amount, "int")}):
            self.${field.name} ${sign} ${amount}
            ${draft.maybe(0.3, () => `return self.${field.name}`)}
      `,
      use: `$.${name}(${factor(draft)})`,
    };
  },
  (draft, fields) => {
    const field = fields.find((each) => each.type === "int");
    if (!field) return none;
    const name = draft.pick(["is_large", "is_valid", "is_old", "is_high", "is_ready", "is_full", "is_free"]);
    const condition = numberTest(draft, `self.${field.name}`);
    return {
      name,
      code: code`
        def ${name}(self)${draft.returns("bool")}:
            ${draft.either(
              () => `return ${condition}`,
              () => `if ${condition}:\n    return True\nreturn False`,
              () => `return True if ${condition} else False`,
            )}
      `,
      use: draft.pick([`print($.${name}())`, `if $.${name}() == True:\n    ${printNotice(draft)}`]),
    };
  },
  (draft, fields) => {
    const name = draft.pick(["update", "change", "edit", "configure", "set_all"]);
    return {
      name,
      code: code`
        def ${name}(self, ${fields.map((field) => `${field.name}=None`).join(", ")}):
            ${fields.map((field) => `if ${field.name} is not None:\n    self.${field.name} = ${field.name}`).join("\n")}
      `,
      use: `$.${name}(${fields[0]!.name}=${value(draft, fields[0]!)})`,
    };
  },
  (draft, fields) => {
    const field = draft.pick(fields);
    return {
      name: "__eq__",
      code: code`
        def __eq__(self, other):
            return self.${field.name} == other.${field.name}
      `,
    };
  },
];

/** A class that keeps a list, a dict or a set of things. */
function collection(draft: Draft): Definition {
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

function account(draft: Draft): Definition {
  const className = draft.define(
    draft.pick(["Account", "BankAccount", "Wallet", "Purse", "Bank", "Tank", "Battery", "Budget"]),
  );
  const instance = instanceName(className);
  const [owner, balance, amount] = [
    draft.pick(["owner", "name", "label", "holder", "user"]),
    draft.pick(["balance", "amount", "level", "total", "charge", "money"]),
    draft.pick(["value", "change", "sum_in", "quantity", "n"]),
  ];
  const [put, take] = draft.pick([
    ["deposit", "withdraw"],
    ["add", "spend"],
    ["fill", "drain"],
    ["earn", "pay"],
  ] as const);
  const refuse = draft.either(
    () =>
      `raise ValueError(${draft.string(draft.pick(["not enough left", "insufficient funds", "too much"]))})`,
    () =>
      `print(${draft.string(draft.pick(["Not enough", "Insufficient funds", "Too much"]))})\nreturn ${draft.pick(["False", "None"])}`,
    () => "return False",
  );
  return {
    code: code`
      class ${className}:
          ${draft.classDocstring(`Holds the ${balance} of one ${owner}.`)}
          def __init__(self, ${owner}, ${balance}${draft.pick(["", "=0"])}):
              self.${owner} = ${owner}
              self.${balance} = ${balance}

          def ${put}(self, ${amount}):
              ${draft.maybe(0.4, () => `if ${amount} <= 0:\n    ${refuse.replaceAll("\n", "\n    ")}`)}
              self.${balance} += ${amount}
              ${draft.maybe(0.4, () => `return self.${balance}`)}

          def ${take}(self, ${amount}):
              if ${amount} > self.${balance}:
                  ${refuse}
              self.${balance} -= ${amount}
              return ${draft.pick(["True", `self.${balance}`])}
          ${draft.maybe(0.3, () => `\ndef report(self):\n    ${printBetween(draft, `${capital(balance)} of`, `self.${owner}`, "", true)}\n    print(self.${balance})`)}
    `,
    usage: [
      `${instance} = ${className}(${person(draft)}, ${factor(draft)}0)`,
      `${instance}.${put}(${factor(draft)}0)`,
      `${instance}.${take}(${factor(draft)})`,
      `print(${instance}.${balance})`,
    ].join("\n"),
  };
}

function stack(draft: Draft): Definition {
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
function chain(draft: Draft): Definition {
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

function shapes(draft: Draft): Definition {
  const [first, second] = draft.pick([
    ["width", "height"],
    ["length", "width"],
    ["base", "height"],
    ["x", "y"],
  ] as const);
  const className = draft.define(
    draft.pick(["Rectangle", "Box", "Field", "Room", "Frame", "Garden", "Wall", "Screen"]),
  );
  const instance = instanceName(className);
  return {
    code: code`
      class ${className}:
          def __init__(self, ${first}, ${second}):
              self.${first} = ${first}
              self.${second} = ${second}

          def area(self)${draft.returns("int")}:
              return self.${first} * self.${second}
          ${draft.maybe(0.6, () => `\ndef perimeter(self):\n    return 2 * (self.${first} + self.${second})`)}
          ${draft.maybe(0.4, () => `\ndef is_square(self):\n    return self.${first} == self.${second}`)}
          ${draft.maybe(0.4, () => `\ndef turn(self):\n    self.${first}, self.${second} = self.${second}, self.${first}`)}
          ${draft.maybe(0.3, () => `\ndef scale(self, factor):\n    self.${first} *= factor\n    self.${second} *= factor`)}
    `,
    usage: `${instance} = ${className}(${factor(draft)}, ${factor(draft)})\n${printValue(draft, "area", `${instance}.area()`)}`,
  };
}

/** A class and one or two that inherit from it. */
function family(draft: Draft): Definition {
  const [base, children, verb, sounds] = draft.pick([
    ["Animal", ["Dog", "Cat", "Bird", "Cow"], "speak", ["Woof", "Meow", "Tweet", "Moo"]],
    ["Vehicle", ["Car", "Bike", "Truck", "Boat"], "move", ["driving", "riding", "rolling", "sailing"]],
    [
      "Employee",
      ["Manager", "Engineer", "Clerk", "Driver"],
      "work",
      ["planning", "building", "writing", "driving"],
    ],
    ["Shape", ["Circle", "Square", "Star", "Line"], "draw", ["round", "even", "pointed", "straight"]],
    ["Player", ["Wizard", "Knight", "Archer", "Thief"], "attack", ["magic", "sword", "arrow", "knife"]],
  ] as const);
  const scope = draft.scope();
  const field = draft.pick(["name", "name", "owner", "label", "color"]);
  scope.claim(field);
  const extra = scope.name([...numberAttributes, ...textAttributes]);
  const parent = draft.define(base);
  const count = draft.between(1, 2);
  const chosen = draft.sample([0, 1, 2, 3], count).map((index) => ({
    name: draft.define(children[index]!),
    sound: sounds[index]!,
  }));
  const withInit = draft.chance(0.5);
  const first = chosen[0]!;
  const initializer = `def __init__(self, ${field}, ${extra}):\n    super().__init__(${field})\n    self.${extra} = ${extra}\n`;
  return {
    code: code`
      class ${parent}:
          def __init__(self, ${field}):
              self.${field} = ${field}

          def ${verb}(self):
              ${draft.either(
                () => "pass",
                () => "raise NotImplementedError",
                () => `print(${draft.string("...")})`,
              )}

      ${chosen
        .map(
          (child, index) => code`

          class ${child.name}(${parent}):
              ${withInit && index === 0 ? initializer : ""}
              def ${verb}(self):
                  ${draft.either(
                    () => printBetween(draft, child.sound, `self.${field}`, "", true),
                    () => `return ${draft.string(child.sound)}`,
                    () => `print(${draft.string(child.sound)})`,
                  )}
        `,
        )
        .join("\n\n")}
    `,
    usage: `${instanceName(first.name)} = ${first.name}(${person(draft)}${withInit ? `, ${number(draft)}` : ""})\n${instanceName(first.name)}.${verb}()`,
  };
}

/** A class that goes through states: switched on and off, counting, collecting text and what it has seen. */
function machine(draft: Draft): Definition {
  const scope = draft.scope();
  const className = draft.define(
    draft.pick([
      "Counter",
      "Timer",
      "Robot",
      "Lamp",
      "Game",
      "Logger",
      "Parser",
      "Device",
      "Sensor",
      "Printer",
      "Clock",
      "Door",
      "Engine",
      "Session",
    ]),
  );
  const instance = instanceName(className);
  const flag = scope.name([
    "running",
    "active",
    "enabled",
    "open",
    "ready",
    "locked",
    "visible",
    "connected",
  ]);
  const count = scope.name(["count", "steps", "ticks", "uses", "level", "turns"]);
  const log = scope.name([...accumulators, "text", "history", "output"]);
  const names = scope.name([...accumulators, "seen", "known", "users"]);
  const name = scope.name(["name", "owner", "label", "title", "model"]);
  const word_ = scope.name(["word", "message", "value", "item", "line", "event"]);
  const on = draft.pick(["start", "enable", "turn_on", "open_it", "activate"]);
  const off = {
    start: "stop",
    enable: "disable",
    turn_on: "turn_off",
    open_it: "close_it",
    activate: "reset",
  }[on]!;
  const [first, second] = draft.random.shuffle([
    `self.${log} = ${draft.string("")}`,
    `self.${names} = set()`,
  ]) as [string, string];
  return {
    code: code`
      class ${className}:
          def __init__(self, ${name}):
              self.${name} = ${name}
              self.${flag} = False
              ${draft.maybe(0.5, () => `self.${count} = 0`)}
              ${first}
              ${second}

          def ${on}(self):
              self.${flag} = True

          def ${off}(self):
              if ${flagTest(draft, `self.${flag}`)}:
                  ${draft.pick([printNotice(draft), "return"])}
              self.${flag} = False

          def record(self, ${word_}):
              ${draft.random.shuffle([`self.${names}.add(${word_})`, `self.${log} += ${word_}`]).join("\n")}
    `,
    usage: `${instance} = ${className}(${text(draft)})\n${instance}.${on}()\n${instance}.record(${word(draft)})\nprint(${instance}.${log})`,
  };
}

export const classFamilies = [
  record,
  record,
  record,
  record,
  collection,
  collection,
  account,
  stack,
  chain,
  shapes,
  family,
  machine,
] as const;

import { code } from "./code.js";
import { numberTest } from "./conditions.js";
import { type Definition, type Draft, spoken } from "./draft.js";
import { printNotice, printValue } from "./printing.js";
import type { Scope } from "./scope.js";
import { factor, number, person, word } from "./values.js";
import {
  classNames,
  listAttributes,
  numberAttributes,
  numberNouns,
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

const instanceNames: Readonly<Record<string, string>> = {
  Account: "user",
  Car: "c",
  Circle: "c",
  Library: "items",
  Person: "p",
  Rectangle: "r",
  Shape: "s",
};

/** A variable for an object of a class, as programs name it. */
export function instanceName(className: string): string {
  return className.replace(/[A-Za-z]+/, (word) => instanceNames[word] ?? word.toLowerCase());
}

/** A class of things that carry a few attributes. */
export function record(draft: Draft): Definition {
  const scope = draft.scope();
  const className = draft.define(draft.pick(classNames));
  const fields = attributes(draft, scope, draft.pick([1, 2, 2, 3, 3, 3, 3, 4]));
  const optional = fields.length > 1 && draft.chance(0.28);
  // The second parameter tells what the others are.
  const firstOptional = optional ? 1 : fields.length;
  const parameters = fields.map((field, index) =>
    index >= firstOptional ? `${field.name}=None` : draft.parameter(field.name, field.type),
  );
  const extra = draft.maybe(0.3, () => `self.${scope.name(listAttributes)} = []`);
  const stores = fields.map((field) => `self.${field.name} = ${field.name}`);
  if (draft.chance(0.3)) draft.random.shuffle(stores);
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
      class ${className}:
          ${draft.classDocstring(draft.pick([`A ${className} with ${spoken(fields[0]!.name)}`, `Keeps the ${spoken(fields[0]!.name)}`]))}
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
    const name = draft.pick(["describe", "show", "info"]);
    const field = draft.pick(fields);
    return {
      name,
      code: code`
        def ${name}(self):
            ${printValue(draft, field.name, `self.${field.name}`)}
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
      use: `value = $.get_${field.name}()\nprint(value)`,
    };
  },
  (draft, fields) => {
    const field = draft.pick(fields);
    const parameter = draft.pick([field.name, "value", `new_${field.name}`]);
    return {
      name: `set_${field.name}`,
      code: code`
        def set_${field.name}(self, ${parameter}):
            ${field.type === "int" ? draft.maybe(0.3, () => `if ${parameter} < 0:\n    raise ValueError(${draft.string(`Invalid ${spoken(field.name)}`)})`) : ""}
            self.${field.name} = ${parameter}
      `,
      use: `$.set_${field.name}(${value(draft, field)})`,
    };
  },
  (draft, fields) => {
    const field = draft.pick(fields);
    const said = spoken(field.name);
    const before = draft.pick(["", `${said}: `, `${said} `, `The ${said} `]);
    return {
      name: "__str__",
      code: code`
        def __str__(self):
            return f${draft.string(`${before}{self.${field.name}}`)}
      `,
      use: "print($)",
    };
  },
  (draft, fields) => {
    const [one, other] = draft.random.shuffle([...fields]);
    if (!one || !other || one.type !== other.type) return none;
    const name = draft.pick(["swap", "reverse", `swap_${one.name}`]);
    const exchange = `self.${one.name}, self.${other.name} = self.${other.name}, self.${one.name}`;
    return {
      name,
      code: code`
        def ${name}(self):
            ${draft.chance(0.3) ? `if self.${one.name} > self.${other.name}:\n    ${exchange}` : exchange}
      `,
      use: `$.${name}()`,
    };
  },
  (draft, fields) => {
    const field = fields.find((each) => each.type === "int");
    if (!field) return none;
    const [name, sign] = draft.pick([
      ["add", "+="],
      ["take", "-="],
      ["update", "+="],
      ["remove", "-="],
      ["push", "+="],
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
    const name = draft.pick(["is_large", "is_valid", "is_old", "is_high", "is_ready", "is_active"]);
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
      use: draft.pick([
        `result = $.${name}()\nprint(result)`,
        `if $.${name}() == True:\n    ${printNotice(draft)}`,
      ]),
    };
  },
  (draft, fields) => {
    const name = draft.pick(["update", "change", "set", "set_all"]);
    const changed = fields.slice(0, 2);
    return {
      name,
      code: code`
        def ${name}(self, ${changed.map((field) => `${field.name}=None`).join(", ")}):
            ${changed.map((field) => `if ${field.name} is not None:\n    self.${field.name} = ${field.name}`).join("\n")}
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

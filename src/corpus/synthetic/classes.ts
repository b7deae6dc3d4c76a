import { code } from "./code.js";
import { chain, collection, stack } from "./containers.js";
import type { Definition, Draft } from "./draft.js";
import { printBetween } from "./printing.js";
import { instanceName, record } from "./records.js";
import { factor, number, person } from "./values.js";
import { numberAttributes, textAttributes } from "./words.js";

function account(draft: Draft): Definition {
  const className = draft.define(draft.pick(["Account", "Account", "User", "Player"]));
  const instance = instanceName(className);
  const [owner, balance, amount] = [
    draft.pick(["owner", "name", "label", "user"]),
    draft.pick(["balance", "amount", "level", "total"]),
    draft.pick(["value", "change", "quantity", "n"]),
  ];
  const [put, take] = draft.pick([
    ["deposit", "withdraw"],
    ["add", "drain"],
    ["add", "take"],
  ] as const);
  const refuse = draft.either(
    () => `raise ValueError(${draft.string("Invalid")})`,
    () => `print(${draft.string("Invalid")})\nreturn ${draft.pick(["False", "None"])}`,
    () => "return False",
  );
  return {
    code: code`
      class ${className}:
          ${draft.classDocstring(`Keeps the ${balance}`)}
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
          ${draft.maybe(0.3, () => `\ndef report(self):\n    ${printBetween(draft, `${balance} of`, `self.${owner}`)}\n    print(self.${balance})`)}
    `,
    usage: [
      `${instance} = ${className}(${person(draft)}, ${factor(draft)}0)`,
      `${instance}.${put}(${factor(draft)}0)`,
      `${instance}.${take}(${factor(draft)})`,
      `print(${instance}.${balance})`,
    ].join("\n"),
  };
}

function shapes(draft: Draft): Definition {
  const [first, second] = draft.pick([
    ["width", "height"],
    ["length", "width"],
    ["a", "b"],
    ["x", "y"],
  ] as const);
  const className = draft.define(draft.pick(["Rectangle", "Rectangle", "Shape"]));
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
          ${draft.maybe(0.4, () => `\ndef swap(self):\n    self.${first}, self.${second} = self.${second}, self.${first}`)}
          ${draft.maybe(0.3, () => `\ndef scale(self, n):\n    self.${first} *= n\n    self.${second} *= n`)}
    `,
    usage: `${instance} = ${className}(${factor(draft)}, ${factor(draft)})\nsize = ${instance}.area()\n${printBetween(draft, "area", "size")}`,
  };
}

/** A class and one or two that inherit from it. */
function family(draft: Draft): Definition {
  const [base, children, verb, messages] = draft.pick([
    ["Person", ["Student", "Player", "User"], "greet", ["hello", "good morning", "yes"]],
    ["Shape", ["Circle", "Rectangle", "Point"], "show", ["large", "red", "small"]],
    ["Product", ["Book", "Car", "Player"], "describe", ["new", "old", "best"]],
  ] as const);
  const scope = draft.scope();
  const field = draft.pick(["name", "name", "owner", "label", "color"]);
  scope.claim(field);
  const extra = scope.name([...numberAttributes, ...textAttributes]);
  const parent = draft.define(base);
  const count = draft.between(1, 2);
  const chosen = draft.sample([0, 1, 2], count).map((index) => ({
    name: draft.define(children[index]!),
    message: messages[index]!,
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
                () => "return None",
                () => `print(self.${field})`,
              )}

      ${chosen
        .map(
          (child, index) => code`

          class ${child.name}(${parent}):
              ${withInit && index === 0 ? initializer : ""}
              def ${verb}(self):
                  ${draft.either(
                    () => printBetween(draft, child.message, `self.${field}`),
                    () => `return ${draft.string(child.message)}`,
                    () => `print(${draft.string(child.message)})`,
                  )}
        `,
        )
        .join("\n\n")}
    `,
    usage: `${instanceName(first.name)} = ${first.name}(${person(draft)}${withInit ? `, ${number(draft)}` : ""})\n${instanceName(first.name)}.${verb}()`,
  };
}

export const classFamilies = [
  record,
  record,
  record,
  record,
  collection,
  account,
  stack,
  chain,
  shapes,
  family,
] as const;

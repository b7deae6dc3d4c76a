import { code } from "./code.js";
import { flagTest } from "./conditions.js";
import { chain, collection, stack } from "./containers.js";
import { capital, type Definition, type Draft } from "./draft.js";
import { printBetween, printNotice, printValue } from "./printing.js";
import { instanceName, record } from "./records.js";
import { factor, number, person, text, word } from "./values.js";
import { accumulators, numberAttributes, textAttributes } from "./words.js";

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

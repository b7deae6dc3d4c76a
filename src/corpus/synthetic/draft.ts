import type { Random } from "../../random.js";
import { Scope } from "./scope.js";
import { type Noun, numberNouns, recordNouns, stringTopics, stringWords, textNouns } from "./words.js";

/** The types of the values that a generated function takes and returns. */
export type Type = "int" | "str" | "bool" | "ints" | "strs" | "grid" | "counts" | "none";

/** A function, or a class, of a program under construction. */
export interface Definition {
  /** Its text, without blank lines around it. */
  readonly code: string;
  /** How a program calls it, when it can be called with literals alone. */
  readonly call?: Call;
  /** Statements that show it in use, when there is more to it than one call; every name in them is its own. */
  readonly usage?: string;
}

export interface Call {
  readonly name: string;
  readonly parameters: readonly Type[];
  readonly returns: Type;
  /** Arguments and the result they give, for assertions. */
  readonly example?: readonly [argumentsText: string, result: string];
  /** What a variable that holds the result may be called. */
  readonly result?: string;
}

/** How a message and a value are printed together. */
export type PrintStyle = "f-string" | "arguments";

const hints: Record<Type, string> = {
  int: "int",
  str: "str",
  bool: "bool",
  ints: "list",
  strs: "list",
  grid: "list",
  counts: "dict",
  none: "None",
};

/** One program under construction: its random stream, its habits of style, its theme and the names it has given away. */
export class Draft {
  readonly quote: string;
  readonly printStyle: PrintStyle;
  readonly hinted: boolean;
  /** Names of functions and classes. */
  readonly definitions = new Set<string>();
  readonly imports = new Set<string>();
  private readonly documented: number;
  private readonly commented: number;
  private readonly spaced: boolean;
  private readonly theme: { readonly text: Noun; readonly number: Noun; readonly record: Noun };
  private readonly topic: readonly string[];

  constructor(readonly random: Random) {
    this.quote = random.chance(0.5) ? '"' : "'";
    this.printStyle = random.choice(["f-string", "arguments"] as const);
    this.documented = random.choice([0, 0, 0.3, 0.9]);
    this.commented = random.choice([0, 0, 0.1, 0.4]);
    this.spaced = random.chance(0.5);
    this.hinted = random.chance(0.08);
    this.theme = {
      text: random.choice(textNouns),
      number: random.choice(numberNouns),
      record: random.choice(recordNouns),
    };
    this.topic = random.choice(stringTopics);
  }

  chance(probability: number): boolean {
    return this.random.chance(probability);
  }

  pick<T>(items: readonly T[]): T {
    return this.random.choice(items);
  }

  weighted<T>(options: readonly (readonly [weight: number, value: T])[]): T {
    let total = 0;
    for (const [weight] of options) total += weight;
    let left = this.random.next() * total;
    for (const [weight, value] of options) {
      left -= weight;
      if (left < 0) return value;
    }
    return options[options.length - 1]![1];
  }

  /** The text of one of several ways to write something, each equally likely. */
  either(...ways: readonly (() => string)[]): string {
    return this.random.choice(ways)();
  }

  /** What `write` gives, with the given probability, else nothing. */
  maybe(probability: number, write: () => string): string {
    return this.random.chance(probability) ? write() : "";
  }

  /** A whole number from `low` to `high`. */
  between(low: number, high: number): number {
    return low + this.random.integer(high - low + 1);
  }

  /** `count` different items, in random order. */
  sample<T>(items: readonly T[], count: number): T[] {
    const chosen = new Set<T>();
    while (chosen.size < Math.min(count, items.length)) chosen.add(this.random.choice(items));
    return [...chosen];
  }

  /** The names of a new function, or of the program's own level. */
  scope(): Scope {
    return new Scope(this);
  }

  noun(kind: "text" | "number" | "record"): Noun {
    if (this.random.chance(0.5)) return this.theme[kind];
    return this.random.choice({ text: textNouns, number: numberNouns, record: recordNouns }[kind]);
  }

  /** A word as programs have them in strings. */
  stringWord(): string {
    return this.random.choice(this.random.chance(0.85) ? this.topic : stringWords);
  }

  /** Different ones, of one topic. */
  stringWords(count: number): string[] {
    const topic = this.random.chance(0.85) ? this.topic : this.random.choice(stringTopics);
    return this.sample(topic, count);
  }

  /** Claims the name of a function or class, with a number behind it when the program has it already. */
  define(name: string): string {
    let free = name;
    for (let number = 2; this.definitions.has(free); number++) free = `${name}${number}`;
    this.definitions.add(free);
    return free;
  }

  import(statement: string): void {
    this.imports.add(statement);
  }

  /** A string literal, with the quote of this program. */
  string(content: string): string {
    return this.quote + content + this.quote;
  }

  docstring(sentence: string): string {
    return this.random.chance(this.documented) ? `"""${sentence}"""` : "";
  }

  /** The docstring of a class, which many programs separate from what follows by a blank line. */
  classDocstring(sentence: string): string {
    const docstring = this.docstring(sentence);
    return docstring && this.spaced ? `${docstring}\n` : docstring;
  }

  comment(text: string): string {
    return this.random.chance(this.commented) ? `# ${capital(text)}` : "";
  }

  /** A parameter, with its type where the program hints at types. */
  parameter(name: string, type: Type): string {
    return this.hinted ? `${name}: ${hints[type]}` : name;
  }

  /** What stands between `)` and `:` in the head of a function. */
  returns(type: Type): string {
    return this.hinted ? ` -> ${hints[type]}` : "";
  }
}

/** An identifier's words, as they are said. */
export function spoken(identifier: string): string {
  return identifier.replaceAll("_", " ");
}

export function capital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}

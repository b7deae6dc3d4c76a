import { roundNumbers, smallNumbers } from "../corpus/synthetic/words.js";
import type { Random } from "../random.js";
import type { TemplateSet } from "./task.js";
import { type Noun, type Words, wordsOf } from "./words.js";

/** Choices of which `standard` prompts know one part and `unseen` prompts the other. */
export interface Forms<T> {
  readonly standard: readonly T[];
  readonly unseen: readonly T[];
}

/** Where the lines that come next stand. */
export type Place = "script" | "function" | "method";
const PLACES: readonly Place[] = ["script", "function", "method"];

/**
 * A variable that the task's own lines use. A function has it as a parameter, a script sets it to `value`; one that is
 * `local` is set in both; `self.x` is what a method's object was made with.
 */
export interface Variable {
  readonly name: string;
  readonly value: string;
  readonly local?: boolean;
}

/** The beginning of a small program, as far as the prompt of a task goes. */
export class Sketch {
  readonly words: Words;
  /** What is written so far: whole lines. */
  text = "";
  /** Of the lines that come next. */
  indent = "";
  /** Variables in scope that hold numbers. */
  readonly numbers: string[] = [];
  /** Variables in scope that hold lists of numbers, with the name of one element. */
  readonly lists: Noun[] = [];
  /** That of the strings in this program, as far as the task has no other plans. */
  readonly quote: string;
  readonly #blank: readonly string[];
  readonly #used = new Set<string>();

  constructor(
    readonly random: Random,
    readonly templates: TemplateSet,
  ) {
    this.words = wordsOf(templates);
    this.quote = random.choice(['"', "'"]);
    this.#blank = random.choice([[""], ["", ""]]);
  }

  choose<T>(forms: Forms<T>): T {
    return this.random.choice(forms[this.templates]);
  }

  /** Writes a line, or several, at the current indentation. */
  write(...lines: readonly string[]): void {
    for (const line of lines) this.text += line === "" ? "\n" : `${this.indent}${line}\n`;
  }

  /** Writes a line that opens a block, and goes inside. */
  enter(line: string): void {
    this.write(line);
    this.indent += "    ";
  }

  leave(): void {
    this.indent = this.indent.slice(4);
  }

  /** A word that this program does not use yet. */
  fresh(pool: readonly string[]): string {
    const unused = pool.filter((word) => !this.#used.has(word));
    const word = this.random.choice(unused.length > 0 ? unused : pool);
    this.#used.add(word);
    return word;
  }

  /** A noun of which this program uses neither form yet. */
  freshNoun(pool: readonly Noun[]): Noun {
    const unused = pool.filter(({ one, many }) => !this.#used.has(one) && !this.#used.has(many));
    const noun = this.random.choice(unused.length > 0 ? unused : pool);
    this.#used.add(noun.one).add(noun.many);
    return noun;
  }

  integer(from: number, to: number): number {
    return from + this.random.integer(to - from + 1);
  }

  /** A number, as a program would write it: a variable in scope other than `not`, or a literal. */
  number(not?: string): string {
    const others = this.numbers.filter((name) => name !== not);
    if (others.length > 0 && this.random.chance(0.5)) return this.random.choice(others);
    return this.literal();
  }

  /** A literal number, from those that programs are full of. */
  literal(): string {
    return String(this.random.choice(this.random.chance(0.8) ? smallNumbers : roundNumbers));
  }

  /** A list of literal numbers. */
  literals(): string {
    return `[${Array.from({ length: this.integer(2, 5) }, () => this.literal()).join(", ")}]`;
  }

  string(content: string): string {
    return this.quote + content + this.quote;
  }

  /** Words in quotes, as a list. */
  strings(): string {
    const words = Array.from({ length: this.integer(2, 4) }, () => this.fresh(this.words.stringWords));
    return `[${words.map((word) => this.string(word)).join(", ")}]`;
  }

  /** A number that the task's lines use. */
  freshNumber(pool: readonly string[] = this.words.counters): Variable {
    return { name: this.fresh(pool), value: this.literal() };
  }

  freshFlag(pool: readonly string[] = this.words.flags): Variable {
    return { name: this.fresh(pool), value: this.random.choice(["True", "False"]) };
  }

  /** A list that the task's lines append to. */
  freshAccumulator(): Variable {
    return { name: this.fresh(this.words.accumulators), value: "[]", local: true };
  }

  /** A list in scope; without one, a new one is made. */
  list(): Noun {
    if (this.lists.length === 0) this.defineList();
    return this.random.choice(this.lists);
  }

  condition(): string {
    const left = this.numbers.length > 0 ? this.random.choice(this.numbers) : this.defineNumber();
    return `${left} ${this.random.choice([">", "<", "=="])} ${this.number(left)}`;
  }

  defineNumber(): string {
    const name = this.fresh(this.words.counters);
    this.write(`${name} = ${this.number()}`);
    this.numbers.push(name);
    return name;
  }

  defineList(): Noun {
    const noun = this.freshNoun(this.words.numberNouns);
    this.write(`${noun.many} = ${this.literals()}`);
    this.lists.push(noun);
    return noun;
  }

  functionName(): string {
    const { functionVerbs, functionNames, numberNouns, recordNouns } = this.words;
    if (this.random.chance(0.2)) return this.fresh(functionNames.filter((name) => name.length > 1));
    const noun = this.random.choice([...numberNouns, ...recordNouns]);
    return `${this.random.choice(functionVerbs)}_${this.random.chance(0.5) ? noun.one : noun.many}`;
  }

  place(places: readonly Place[] = PLACES): Place {
    return this.random.choice(places);
  }

  /**
   * The program up to where the task's own lines begin: perhaps an import or a helper, what is around them, the variables
   * that they use, and at most so many statements before them.
   */
  begin({ place = this.place(), uses = [] as readonly Variable[], most = 3 } = {}): Place {
    if (this.random.chance(0.5)) this.preamble();
    if (place === "script") this.#openScript();
    else if (place === "function") this.#openFunction(uses);
    else this.#openMethod(uses);
    for (const { name, value, local } of uses)
      if (place === "script" || local) this.write(`${name} = ${value}`);
    const [least, limit] = { script: [uses.length > 0 ? 0 : 1, 3], function: [0, 3], method: [0, 2] }[place];
    this.statements(this.integer(least, Math.max(least, Math.min(most, limit))));
    return place;
  }

  /** What stands before a function or a class of a module: nothing, an import, another function or class. */
  before(): void {
    const block = (place: Place) => {
      this.begin({ place, most: 2 });
      this.write(`return ${this.number()}`);
      this.indent = "";
      this.write(...this.#blank);
      this.numbers.length = this.lists.length = 0;
    };
    this.choose<() => void>({
      standard: [() => {}, () => this.preamble(), () => block("function"), () => block("method")],
      unseen: [() => this.preamble(), () => block("function"), () => block("method")],
    })();
  }

  /** Statements that have nothing to do with what comes. */
  statements(count: number): void {
    for (let written = 0; written < count; ) {
      const before = this.text;
      this.#statement();
      // Programs do not say the same thing twice.
      if (before.endsWith(this.text.slice(before.length))) this.text = before;
      else written++;
    }
  }

  /** Sometimes goes one block deeper. */
  deepen(): void {
    this.choose<() => void>({
      standard: [
        () => {},
        () => {
          const { many, one } = this.list();
          this.enter(`for ${one} in ${many}:`);
          this.numbers.push(one);
        },
        () => this.enter(`if ${this.condition()}:`),
      ],
      unseen: [
        () => this.enter(`while ${this.condition()}:`),
        () => {
          const condition = this.condition();
          this.write(`if ${condition}:`, `    print(${this.number()})`);
          this.enter("else:");
        },
      ],
    })();
  }

  /** What modules have before their functions and classes, and the blank lines after it. */
  preamble(): void {
    const { random, words } = this;
    this.choose<() => void>({
      standard: [
        () => this.write(`import ${random.choice(words.modules)}`, ...this.#blank),
        () => {
          const [a, b] = [this.fresh(words.shortNames), this.fresh(words.shortNames)];
          const result = random.choice([`${a} + ${b}`, `${a} * ${b}`, `${a} - ${this.integer(1, 9)}`]);
          this.write(`def ${this.functionName()}(${a}, ${b}):`, `    return ${result}`, ...this.#blank);
        },
      ],
      unseen: [
        () => this.write(`"""${random.choice(words.notices)}."""`, ...this.#blank),
        () => {
          const name = this.fresh(words.shortNames);
          const [one, other] = [this.integer(0, 9), this.integer(10, 20)];
          this.write(`def ${this.functionName()}(${name}):`);
          this.write(
            `    if ${name} > ${one}:`,
            `        return ${other}`,
            `    return ${name}`,
            ...this.#blank,
          );
        },
      ],
    })();
  }

  #openScript(): void {
    this.choose<() => void>({
      standard: [() => {}, () => void this.defineList(), () => void this.defineNumber()],
      unseen: [
        () => {
          this.enter("def main():");
          this.defineNumber();
        },
        () => this.write(`print(${this.number()})`),
      ],
    })();
  }

  #openFunction(uses: readonly Variable[]): void {
    const parameters = this.#parameters(uses);
    this.enter(`def ${this.functionName()}(${parameters.join(", ")}):`);
    if (this.templates === "unseen") this.write(`"""${this.random.choice(this.words.notices)}."""`);
  }

  #openMethod(uses: readonly Variable[]): void {
    const { random, words } = this;
    const own = uses.filter(({ name }) => name.startsWith("self.")).map(({ name }) => name.slice(5));
    const attributes = [...own, this.fresh(words.numberAttributes)];
    this.enter(`class ${random.choice(words.classNames)}:`);
    if (this.templates === "unseen") this.write(`"""${random.choice(words.notices)}."""`, "");
    this.enter(`def __init__(self, ${attributes.join(", ")}):`);
    this.write(...attributes.map((attribute) => `self.${attribute} = ${attribute}`), "");
    this.leave();
    const parameters = ["self", ...this.#parameters(uses)];
    this.enter(`def ${random.choice(words.methodVerbs)}(${parameters.join(", ")}):`);
  }

  #parameters(uses: readonly Variable[]): string[] {
    const given = uses.filter(({ name, local }) => !local && !name.startsWith("self."));
    const parameters = given.map(({ name }) => name);
    if (parameters.length > 2) return parameters;
    if (this.random.chance(0.7)) {
      const noun = this.freshNoun(this.words.numberNouns);
      this.lists.push(noun);
      parameters.push(noun.many);
    }
    if (this.random.chance(0.6)) {
      const name = this.fresh(this.words.counters);
      this.numbers.push(name);
      parameters.push(name);
    }
    return this.random.shuffle(parameters);
  }

  #statement(): void {
    const { random } = this;
    this.choose<() => void>({
      standard: [
        () => this.defineNumber(),
        () => {
          const { many } = this.list();
          const name = this.fresh(this.words.counters);
          this.write(`${name} = ${random.choice(["len", "sum"])}(${many})`);
          this.numbers.push(name);
        },
        () => this.write(`${this.list().many}.append(${this.number()})`),
        () =>
          this.write(`print(${this.numbers.length > 0 ? random.choice(this.numbers) : this.list().many})`),
        () => {
          const condition = this.condition();
          const name = random.choice(this.numbers);
          this.write(`if ${condition}:`, `    ${name} = ${this.number(name)}`);
        },
      ],
      unseen: [
        () => {
          const { many } = this.list();
          const name = this.fresh(this.words.counters);
          this.write(`${name} = ${random.choice(["max", "min"])}(${many})`);
          this.numbers.push(name);
        },
        () => {
          const name = this.numbers.length > 0 ? random.choice(this.numbers) : this.defineNumber();
          this.write(`${name} ${random.choice(["+=", "-="])} ${this.number(name)}`);
        },
        () => this.write(`${this.list().many}.sort()`),
        () => {
          const { many, one } = this.list();
          this.write(`for ${one} in ${many}:`, `    print(${one})`);
        },
      ],
    })();
  }
}

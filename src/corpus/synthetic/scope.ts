import type { Draft } from "./draft.js";
import type { Noun } from "./words.js";

/** The variables of one function, or of the program's own level: no name is given away twice. */
export class Scope {
  private readonly taken = new Set<string>();

  constructor(private readonly draft: Draft) {}

  /** Takes `name` if it is free. */
  claim(name: string): boolean {
    if (this.taken.has(name) || this.draft.definitions.has(name)) return false;
    this.taken.add(name);
    return true;
  }

  has(name: string): boolean {
    return this.taken.has(name);
  }

  /** A free name from `pool`. */
  name(pool: readonly string[]): string {
    for (let attempt = 0; attempt < 20; attempt++) {
      const name = this.draft.pick(pool);
      if (this.claim(name)) return name;
    }
    return this.numbered(this.draft.pick(pool));
  }

  /** `name`, with a number behind it when it is taken. */
  numbered(name: string): string {
    let free = name;
    for (let number = 2; !this.claim(free); number++) free = `${name}${number}`;
    return free;
  }

  names(pool: readonly string[], count: number): string[] {
    return Array.from({ length: count }, () => this.name(pool));
  }

  /** A noun of which both names are free. */
  noun(kind: "text" | "number" | "record"): Noun {
    for (;;) {
      const noun = this.draft.noun(kind);
      if (this.isFree(noun.one) && this.isFree(noun.many) && this.claim(noun.one)) {
        this.claim(noun.many);
        return noun;
      }
    }
  }

  /** Two free names that belong together. */
  pair(pairs: readonly (readonly [string, string])[]): readonly [string, string] {
    for (let attempt = 0; attempt < 20; attempt++) {
      const pair = this.draft.pick(pairs);
      if (this.isFree(pair[0]) && this.isFree(pair[1]) && this.claim(pair[0])) {
        this.claim(pair[1]);
        return pair;
      }
    }
    const [first, second] = this.draft.pick(pairs);
    return [this.numbered(first), this.numbered(second)];
  }

  private isFree(name: string): boolean {
    return !this.taken.has(name) && !this.draft.definitions.has(name);
  }
}

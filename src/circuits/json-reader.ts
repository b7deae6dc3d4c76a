import { SparseLensError } from "../errors.js";

export type JsonRecord = Readonly<Record<string, unknown>>;

/** Reads the keys of a JSON object one by one, and complains in a person's words about those that are wrong. */
export class JsonReader {
  readonly #known = new Set<string>();

  /** @param location for messages: the file, and the key of an object within it */
  constructor(
    private readonly json: JsonRecord,
    private readonly location: string,
  ) {}

  text(key: string): string {
    return this.#take(key, (value) => typeof value === "string", "a text") as string;
  }

  /** null, or missing: null. */
  optionalText(key: string): string | null {
    return this.#isAbsent(key) ? null : this.text(key);
  }

  number(key: string): number {
    return this.#take(key, (value) => typeof value === "number", "a number") as number;
  }

  optionalNumber(key: string): number | null {
    return this.#isAbsent(key) ? null : this.number(key);
  }

  flag(key: string): boolean {
    return this.#take(key, (value) => typeof value === "boolean", "true or false") as boolean;
  }

  choice<T extends string>(key: string, options: readonly T[]): T {
    return this.#take(key, (value) => options.includes(value as T), options.join(" or ")) as T;
  }

  object(key: string): JsonReader {
    return new JsonReader(
      this.#take(key, isObject, "an object") as JsonRecord,
      `${this.location}: ${JSON.stringify(key)}`,
    );
  }

  optionalObject(key: string): JsonReader | null {
    return this.#isAbsent(key) ? null : this.object(key);
  }

  array<T>(key: string, isItem: (value: unknown) => value is T, what: string): T[] {
    const items = this.#take(key, Array.isArray, "a list") as unknown[];
    const wrong = items.findIndex((item) => !isItem(item));
    if (wrong >= 0) this.#fail(key, `has ${quote(items[wrong])} as item ${wrong}, which is not ${what}`);
    return items as T[];
  }

  optionalArray<T>(key: string, isItem: (value: unknown) => value is T, what: string): T[] | null {
    return this.#isAbsent(key) ? null : this.array(key, isItem, what);
  }

  record<T>(key: string, isItem: (value: unknown) => value is T, what: string): Record<string, T> {
    const record = this.#take(key, isObject, "an object") as JsonRecord;
    for (const [name, value] of Object.entries(record)) {
      if (!isItem(value)) this.#fail(key, `has ${quote(value)} as ${quote(name)}, which is not ${what}`);
    }
    return record as Record<string, T>;
  }

  /** @throws SparseLensError when there are keys that nobody asked for */
  refuseOthers(): void {
    const other = Object.keys(this.json).find((key) => !this.#known.has(key));
    if (other !== undefined)
      throw new SparseLensError(`${this.location} has the unknown key ${quote(other)}.`);
  }

  #isAbsent(key: string): boolean {
    this.#known.add(key);
    return this.json[key] === undefined || this.json[key] === null;
  }

  #take(key: string, isRight: (value: unknown) => boolean, what: string): unknown {
    this.#known.add(key);
    const value = Object.hasOwn(this.json, key) ? this.json[key] : undefined;
    if (value === undefined) return this.#fail(key, "is missing");
    return isRight(value) ? value : this.#fail(key, `must be ${what}, not ${quote(value)}`);
  }

  #fail(key: string, problem: string): never {
    throw new SparseLensError(`${this.location}: ${quote(key)} ${problem}.`);
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

import { SparseLensError } from "../errors.js";

/** A value in a JSON document together with its place, so that errors name the file and the key. */
export class Field {
  constructor(
    readonly value: unknown,
    /** The document, for errors. */
    readonly location: string,
    /** Path of the value in the document, such as `model.merges[3]`; empty for the whole. */
    readonly path = "",
  ) {}

  get place(): string {
    return this.path === "" ? this.location : `${this.location}: ${this.path}`;
  }

  fail(message: string): never {
    throw new SparseLensError(`${this.place}: ${message}`);
  }

  /** Null or missing. */
  get isAbsent(): boolean {
    return this.value === undefined || this.value === null;
  }

  get(key: string): Field {
    const object = this.object();
    const path = this.path === "" ? key : `${this.path}.${key}`;
    return new Field(Object.hasOwn(object, key) ? object[key] : undefined, this.location, path);
  }

  object(): Record<string, unknown> {
    if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value)) {
      this.fail(`expected an object, got ${describe(this.value)}.`);
    }
    return this.value as Record<string, unknown>;
  }

  array(): Field[] {
    if (!Array.isArray(this.value)) this.fail(`expected a list, got ${describe(this.value)}.`);
    return this.value.map((item, index) => new Field(item, this.location, `${this.path}[${index}]`));
  }

  string(): string {
    if (typeof this.value !== "string") this.fail(`expected a string, got ${describe(this.value)}.`);
    return this.value;
  }

  boolean(missing: boolean): boolean {
    if (this.isAbsent) return missing;
    if (typeof this.value !== "boolean") this.fail(`expected true or false, got ${describe(this.value)}.`);
    return this.value;
  }

  /** A token id. */
  id(): number {
    if (!Number.isInteger(this.value) || (this.value as number) < 0 || (this.value as number) > 0x7fffffff) {
      this.fail(`expected a token id (an integer from 0), got ${describe(this.value)}.`);
    }
    return this.value as number;
  }

  /** How many there are of something. */
  count(): number {
    if (!Number.isSafeInteger(this.value) || (this.value as number) < 0) {
      this.fail(`expected an integer from 0, got ${describe(this.value)}.`);
    }
    return this.value as number;
  }

  /** Refuses keys outside `known`, unless they are off (null, false, 0 or empty): what is not implemented is not ignored. */
  allowKeys(known: readonly string[]): void {
    for (const [key, value] of Object.entries(this.object())) {
      if (!known.includes(key) && value !== null && value !== false && value !== 0 && value !== "") {
        this.get(key).fail(`${describe(value)} is not supported by this byte-level tokenizer.`);
      }
    }
  }
}

function describe(value: unknown): string {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

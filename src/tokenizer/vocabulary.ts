import type { AddedToken } from "./added-tokens.js";
import { byteCharacters, unspellBytes } from "./byte-alphabet.js";
import type { Merge } from "./byte-pair-merges.js";
import type { Field } from "./definition.js";

/** Tokens, their ids and the bytes that they spell. */
export class Vocabulary {
  /** Tokens as the vocabulary spells them, by id; ids without a token are holes. */
  readonly tokens: (string | undefined)[] = [];
  /** Ids of the tokens of the byte-pair model, without added ones. */
  readonly modelIds = new Map<string, number>();
  /** Id of each single byte, -1 where the vocabulary has none: `[256]` */
  readonly byteIds: Int32Array;
  /** Added tokens by id. */
  readonly added = new Map<number, AddedToken>();
  private readonly ids: Map<string, number>;
  private readonly bytesById: (Uint8Array | undefined)[] = [];

  /**
   * @param model The object that maps tokens to ids.
   * @param added Each added token with its place in the definition, for errors.
   */
  constructor(model: Field, added: readonly { token: AddedToken; field: Field }[]) {
    for (const token of Object.keys(model.object())) {
      const field = model.get(token);
      const id = field.id();
      if (this.tokens[id] !== undefined) {
        field.fail(`id ${id} belongs to ${JSON.stringify(this.tokens[id])} already.`);
      }
      this.tokens[id] = token;
      this.modelIds.set(token, id);
    }
    this.ids = new Map(this.modelIds);
    for (const { token, field } of added) {
      const known = this.ids.get(token.content);
      if (known !== undefined && known !== token.id) {
        field.fail(
          `${JSON.stringify(token.content)} has id ${token.id} here and ${known} in the vocabulary.`,
        );
      }
      const holder = this.tokens[token.id];
      if (holder !== undefined && holder !== token.content) {
        field.fail(`id ${token.id} belongs to ${JSON.stringify(holder)} already.`);
      }
      this.tokens[token.id] = token.content;
      this.ids.set(token.content, token.id);
      this.added.set(token.id, token);
    }
    this.byteIds = Int32Array.from(byteCharacters, (character) => this.modelIds.get(character) ?? -1);
  }

  id(token: string): number | undefined {
    return this.ids.get(token);
  }

  /** The bytes that a token spells; undefined for an id without a token. */
  bytes(id: number): Uint8Array | undefined {
    const known = this.bytesById[id];
    if (known !== undefined) return known;
    const token = this.tokens[id];
    if (token === undefined) return undefined;
    const spelled = this.added.has(id) ? undefined : unspellBytes(token);
    const bytes = spelled ?? new TextEncoder().encode(token);
    this.bytesById[id] = bytes;
    return bytes;
  }

  /** Looks up the rules of a list of merges: each "left right", or a pair. */
  merges(list: Field): Merge[] {
    return list.array().map((field) => {
      const [left, right] = pair(field);
      const id = (token: string) =>
        this.modelIds.get(token) ??
        field.fail(`the token ${JSON.stringify(token)} is not in the vocabulary.`);
      return { left: id(left), right: id(right), merged: id(left + right) };
    });
  }
}

function pair(field: Field): string[] {
  const parts =
    typeof field.value === "string" ? field.value.split(" ") : field.array().map((part) => part.string());
  if (parts.length !== 2 || parts.includes("")) field.fail("a merge names two tokens.");
  return parts;
}

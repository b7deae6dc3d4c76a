import { SparseLensError } from "../errors.js";
import { type AddedToken, AddedTokenFinder, parseAddedToken } from "./added-tokens.js";
import { AlignedText } from "./aligned-text.js";
import { spellBytes } from "./byte-alphabet.js";
import { BytePairMerges } from "./byte-pair-merges.js";
import { Field } from "./definition.js";
import { type Normalizer, parseNormalizer } from "./normalizer.js";
import { PieceCache } from "./piece-cache.js";
import { type Frame, parsePostProcessor } from "./post-processor.js";
import { type PreTokenizer, parsePreTokenizer } from "./pre-tokenizer.js";
import { END_OF_TEXT } from "./tinypython.js";
import { bytePairTokenizerJson, parseMerges } from "./tokenizer-json.js";
import { splitUtf8, toWellFormed, utf8Length, utf8Positions } from "./utf8.js";
import { Vocabulary } from "./vocabulary.js";

export { GPT2_PATTERN } from "./pre-tokenizer.js";
export { TINYPYTHON_PATTERN } from "./tinypython.js";

export interface EncodeOptions {
  /** Whether special tokens are recognised in the text (true unless given) or are text like any other. */
  recognizeSpecialTokens?: boolean;
  /** Whether the tokens that `post_processor` puts around a text are added (true unless given). */
  addSpecialTokens?: boolean;
}

export interface DecodeOptions {
  /** Leave out special tokens (false unless given). */
  skipSpecialTokens?: boolean;
}

/** A half-open range: start, and one past the end. */
export type Range = readonly [start: number, end: number];

export interface Encoding {
  readonly ids: number[];
  /** The tokens as the vocabulary spells them. */
  readonly tokens: string[];
  /** Range of each token in the text's bytes (UTF-8 for a string). Tokens that stand for nothing in it are empty. */
  readonly byteOffsets: Range[];
  /**
   * Range of the characters that each token touches, in UTF-16 code units of the text (for bytes: of the text that they
   * decode to). A character that several tokens share is in the range of each.
   */
  readonly characterOffsets: Range[];
}

/** The files of the blob layout: `encoder.json` (or `vocab.json`) and `vocab.bpe` (or `merges.txt`). */
export interface VocabularyFiles {
  readonly vocabulary: Readonly<Record<string, number>>;
  /** Content of the merges file. */
  readonly merges: string;
  /** What text is cut with first; {@link TINYPYTHON_PATTERN} unless given. */
  readonly pattern?: string;
  /** Special tokens with their ids; `<|endoftext|>` unless given, if the vocabulary holds it. */
  readonly specialTokens?: Readonly<Record<string, number>>;
}

export interface TokenizerOptions {
  /** The token that ends a text; `<|endoftext|>` unless given. */
  endOfText?: string;
}

interface Model {
  readonly definition: Readonly<Record<string, unknown>>;
  readonly location: string;
  readonly vocabulary: Vocabulary;
  readonly merges: BytePairMerges;
  readonly ignoreMerges: boolean;
  readonly normalizer: Normalizer | undefined;
  readonly preTokenizer: PreTokenizer;
  readonly frame: Frame;
}

/** A stretch of the input: valid text, or one maximal part of it that is not UTF-8. */
interface Stretch {
  readonly text: string;
  /** The bytes, where they are not UTF-8; `text` is then U+FFFD. */
  readonly invalid?: Uint8Array;
  /** Position in the input, in UTF-16 code units and in bytes. */
  readonly unit: number;
  readonly byte: number;
}

/** Something that becomes tokens by itself: an added token, a piece of text, or bytes that are not UTF-8. */
interface Segment {
  readonly stretch: Stretch;
  readonly text: AlignedText;
  readonly token?: AddedToken;
}

/**
 * Byte-level byte-pair encoding: text is cut into pieces by a regular expression, and the bytes of each piece are merged
 * to tokens. Any sequence of bytes has an encoding, and decoding gives it back (unless the tokenizer normalises its
 * input), provided that the vocabulary holds all 256 bytes.
 *
 * Ids equal those of the Hugging Face `tokenizers` library. A lone surrogate in a string is encoded as U+FFFD. Bytes that
 * are not UTF-8 are encoded one maximal invalid part at a time, each on its own.
 */
export class Tokenizer {
  /** One more than the largest id. */
  readonly vocabularySize: number;
  /** Id of the token that ends a text, if there is one. */
  readonly endOfText: number | undefined;
  private readonly pieces = new PieceCache<readonly number[]>(1 << 15, 64);
  private readonly finders = new Map<string, AddedTokenFinder>();
  private symbols = new Int32Array(64);

  private constructor(
    private readonly model: Model,
    options: TokenizerOptions,
  ) {
    const { vocabulary, location } = model;
    this.vocabularySize = vocabulary.tokens.length;
    this.endOfText = vocabulary.id(options.endOfText ?? END_OF_TEXT);
    if (options.endOfText !== undefined && this.endOfText === undefined) {
      throw new SparseLensError(
        `${location}: the end-of-text token ${JSON.stringify(options.endOfText)} is not in the vocabulary.`,
      );
    }
  }

  /**
   * Reads a Hugging Face `tokenizer.json` with a byte-level BPE model. `truncation` and `padding` do not apply to a single
   * text and are left aside, as `transformers` does.
   *
   * @param json The parsed file.
   * @param location Names the file in errors.
   * @throws SparseLensError naming the key of anything that is malformed or not supported.
   */
  static fromTokenizerJson(
    json: unknown,
    location = "tokenizer.json",
    options: TokenizerOptions = {},
  ): Tokenizer {
    const root = new Field(json, location);
    root.allowKeys([
      "version",
      "truncation",
      "padding",
      "added_tokens",
      "normalizer",
      "pre_tokenizer",
      "post_processor",
      "decoder",
      "model",
    ]);
    checkDecoder(root.get("decoder"));
    const model = root.get("model");
    model.allowKeys(["type", "vocab", "merges", "ignore_merges", "unk_token", "fuse_unk"]);
    // Early files name no type.
    if (!model.get("type").isAbsent && model.get("type").value !== "BPE") {
      model
        .get("type")
        .fail(`${JSON.stringify(model.get("type").value)} is not supported; supported is BPE.`);
    }
    // An unknown token never occurs: a byte without a token is an error.
    const added = root.get("added_tokens");
    const vocabulary = new Vocabulary(
      model.get("vocab"),
      added.isAbsent ? [] : added.array().map((field) => ({ field, token: parseAddedToken(field) })),
    );
    return new Tokenizer(
      {
        definition: root.object(),
        location,
        vocabulary,
        merges: new BytePairMerges(vocabulary.merges(model.get("merges"))),
        ignoreMerges: model.get("ignore_merges").boolean(false),
        normalizer: parseNormalizer(root.get("normalizer")),
        preTokenizer: parsePreTokenizer(root.get("pre_tokenizer")),
        frame: parsePostProcessor(root.get("post_processor")),
      },
      options,
    );
  }

  /**
   * Reads a vocabulary in the layout that GPT-2 was published in, which `tinypython_2k` uses.
   *
   * @param location Names the files in errors.
   * @throws SparseLensError naming what is malformed, such as a merge of tokens that are not in the vocabulary.
   */
  static fromVocabulary(
    files: VocabularyFiles,
    location = "vocabulary",
    options: TokenizerOptions = {},
  ): Tokenizer {
    const endOfText = new Field(files.vocabulary, location, "vocabulary").get(END_OF_TEXT);
    const specialTokens =
      files.specialTokens ?? (endOfText.isAbsent ? {} : { [END_OF_TEXT]: endOfText.id() });
    const definition = bytePairTokenizerJson({
      vocabulary: files.vocabulary,
      merges: parseMerges(files.merges, location),
      specialTokens,
      pattern: files.pattern,
    });
    return Tokenizer.fromTokenizerJson(definition, location, options);
  }

  /** The definition as the content of a `tokenizer.json`. */
  toTokenizerJson(): Record<string, unknown> {
    return structuredClone(this.model.definition) as Record<string, unknown>;
  }

  /** A token as the vocabulary spells it; undefined for an id without one. */
  token(id: number): string | undefined {
    return this.model.vocabulary.tokens[id];
  }

  /** The id of a token as the vocabulary spells it. */
  id(token: string): number | undefined {
    return this.model.vocabulary.id(token);
  }

  /** Whether an id is that of a special token. */
  isSpecial(id: number): boolean {
    return this.model.vocabulary.added.get(id)?.special ?? false;
  }

  /**
   * The ids of a text, or of bytes.
   * @throws SparseLensError when the vocabulary lacks a byte of the text.
   */
  encode(text: string | Uint8Array, options: EncodeOptions = {}): number[] {
    const { before, after } = this.frame(options);
    const ids = [...before];
    for (const segment of this.segments(stretches(text), options)) this.encodeSegment(segment, ids);
    for (const id of after) ids.push(id);
    return ids;
  }

  /**
   * The ids of a text, or of bytes, and where each token is in it.
   * @throws SparseLensError when the vocabulary lacks a byte of the text.
   */
  encodeWithOffsets(text: string | Uint8Array, options: EncodeOptions = {}): Encoding {
    const { before, after } = this.frame(options);
    const encoding: Encoding = { ids: [], tokens: [], byteOffsets: [], characterOffsets: [] };
    const add = (id: number, bytes: Range, characters: Range) => {
      encoding.ids.push(id);
      encoding.tokens.push(this.token(id)!);
      encoding.byteOffsets.push(bytes);
      encoding.characterOffsets.push(characters);
    };
    for (const id of before) add(id, [0, 0], [0, 0]);
    let stretch: Stretch | undefined;
    let positions: Uint32Array = new Uint32Array(1);
    const ids: number[] = [];
    const input = stretches(text);
    for (const segment of this.segments(input, options)) {
      if (segment.stretch !== stretch) {
        stretch = segment.stretch;
        positions = utf8Positions(stretch.text);
      }
      ids.length = 0;
      this.encodeSegment(segment, ids);
      const { byte, unit } = stretch;
      if (segment.token) {
        const start = segment.text.start(0);
        const end = segment.text.end(segment.text.text.length - 1);
        add(ids[0], [byte + positions[start], byte + positions[end]], [unit + start, unit + end]);
        continue;
      }
      const origins = stretch.invalid
        ? invalidOrigins(stretch.invalid)
        : byteOrigins(segment.text, stretch.text, positions);
      let first = 0;
      for (const id of ids) {
        const last = first + this.model.vocabulary.bytes(id)!.length - 1;
        add(
          id,
          [byte + origins.byteStarts[first], byte + origins.byteEnds[last]],
          [unit + origins.unitStarts[first], unit + origins.unitEnds[last]],
        );
        first = last + 1;
      }
    }
    if (after.length > 0) {
      const last = input.at(-1);
      const bytes = typeof text === "string" ? encoder.encode(text).length : text.length;
      const units = last ? last.unit + last.text.length : 0;
      for (const id of after) add(id, [bytes, bytes], [units, units]);
    }
    return encoding;
  }

  /**
   * The text of some tokens. Bytes that are not UTF-8 become U+FFFD. An id without a token (a model's vocabulary may be
   * larger than the tokenizer's) stands for nothing, as in `transformers`.
   */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.decodeBytes(ids, options));
  }

  /** The bytes of some tokens; ids without a token stand for nothing. */
  decodeBytes(ids: Iterable<number>, options: DecodeOptions = {}): Uint8Array<ArrayBuffer> {
    const parts = Array.from(ids, (id) => this.tokenBytes(id, options));
    const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let position = 0;
    for (const part of parts) {
      bytes.set(part, position);
      position += part.length;
    }
    return bytes;
  }

  /**
   * The bytes of one token: not a copy, so not to be changed.
   * @throws SparseLensError when `id` is not an integer from 0.
   */
  tokenBytes(id: number, options: DecodeOptions = {}): Uint8Array {
    if (!Number.isInteger(id) || id < 0) {
      throw new SparseLensError(`${id} is not a token id: ids are integers from 0.`);
    }
    if (options.skipSpecialTokens && this.isSpecial(id)) return NOTHING;
    return this.model.vocabulary.bytes(id) ?? NOTHING;
  }

  private frame(options: EncodeOptions): Frame {
    return (options.addSpecialTokens ?? true) ? this.model.frame : { before: [], after: [] };
  }

  private *segments(input: readonly Stretch[], options: EncodeOptions): Generator<Segment> {
    const recognizeSpecial = options.recognizeSpecialTokens ?? true;
    for (const stretch of input) {
      const whole = AlignedText.unchanged(stretch.text, 0);
      if (stretch.invalid) {
        yield { stretch, text: whole };
        continue;
      }
      for (const part of this.finder(false, recognizeSpecial).split(stretch.text)) {
        const text = whole.slice(part.start, part.end);
        if (part.token) {
          yield { stretch, text, token: part.token };
          continue;
        }
        const normalized = this.model.normalizer?.(text) ?? text;
        for (const inner of this.finder(true, recognizeSpecial).split(normalized.text)) {
          const section = normalized.slice(inner.start, inner.end);
          if (inner.token) yield { stretch, text: section, token: inner.token };
          else for (const piece of this.model.preTokenizer(section)) yield { stretch, text: piece };
        }
      }
    }
  }

  /** Finds the added tokens that are recognised in the original or in the normalised text. */
  private finder(normalized: boolean, recognizeSpecial: boolean): AddedTokenFinder {
    const key = `${normalized} ${recognizeSpecial}`;
    let finder = this.finders.get(key);
    if (!finder) {
      const { vocabulary, normalizer } = this.model;
      const tokens = new Map<string, AddedToken>();
      for (const token of vocabulary.added.values()) {
        if (token.normalized !== normalized || (token.special && !recognizeSpecial)) continue;
        const content = normalized ? normalizer?.(AlignedText.unchanged(token.content, 0)).text : undefined;
        tokens.set(content ?? token.content, token);
      }
      finder = new AddedTokenFinder(tokens);
      this.finders.set(key, finder);
    }
    return finder;
  }

  private encodeSegment(segment: Segment, output: number[]): void {
    if (segment.token) {
      output.push(segment.token.id);
    } else if (segment.stretch.invalid) {
      this.encodeBytes(segment.stretch.invalid, output);
    } else {
      let ids = this.pieces.get(segment.text.text);
      if (!ids) {
        const fresh: number[] = [];
        this.encodeBytes(encoder.encode(segment.text.text), fresh);
        this.pieces.set(segment.text.text, fresh);
        ids = fresh;
      }
      for (const id of ids) output.push(id);
    }
  }

  private encodeBytes(bytes: Uint8Array, output: number[]): void {
    const { vocabulary, merges, ignoreMerges, location } = this.model;
    if (ignoreMerges) {
      const id = vocabulary.modelIds.get(spellBytes(bytes));
      if (id !== undefined) {
        output.push(id);
        return;
      }
    }
    if (this.symbols.length < bytes.length) this.symbols = new Int32Array(2 * bytes.length);
    for (let index = 0; index < bytes.length; index++) {
      const id = vocabulary.byteIds[bytes[index]];
      if (id < 0) {
        const name = `0x${bytes[index].toString(16).padStart(2, "0")}`;
        throw new SparseLensError(
          `${location}: the vocabulary has no token for byte ${name}, which occurs in ` +
            `${JSON.stringify(new TextDecoder().decode(bytes.subarray(0, 64)))}. Such text cannot be encoded.`,
        );
      }
      this.symbols[index] = id;
    }
    merges.merge(this.symbols, bytes.length, output);
  }
}

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

function stretches(input: string | Uint8Array): Stretch[] {
  if (typeof input === "string") return [{ text: toWellFormed(input), unit: 0, byte: 0 }];
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let unit = 0;
  return splitUtf8(input).map(({ valid, start, end }) => {
    const bytes = input.subarray(start, end);
    const text = valid ? decoder.decode(bytes) : "\ufffd";
    const stretch = { text, invalid: valid ? undefined : bytes, unit, byte: start };
    unit += text.length;
    return stretch;
  });
}

/** For each byte of a piece: the bytes and the characters of the input that it comes from. */
interface Origins {
  readonly byteStarts: Uint32Array;
  readonly byteEnds: Uint32Array;
  readonly unitStarts: Uint32Array;
  readonly unitEnds: Uint32Array;
}

function emptyOrigins(length: number): Origins {
  return {
    byteStarts: new Uint32Array(length),
    byteEnds: new Uint32Array(length),
    unitStarts: new Uint32Array(length),
    unitEnds: new Uint32Array(length),
  };
}

/** Bytes that are not UTF-8 stand for themselves, and share one U+FFFD. */
function invalidOrigins(bytes: Uint8Array): Origins {
  const origins = emptyOrigins(bytes.length);
  for (let index = 0; index < bytes.length; index++) {
    origins.byteStarts[index] = index;
    origins.byteEnds[index] = index + 1;
    origins.unitEnds[index] = 1;
  }
  return origins;
}

/** @param positions Byte position of each code unit of `original`. */
function byteOrigins(piece: AlignedText, original: string, positions: Uint32Array): Origins {
  const { text } = piece;
  const origins = emptyOrigins(3 * text.length);
  let byte = 0;
  for (let unit = 0; unit < text.length; ) {
    const codePoint = text.codePointAt(unit)!;
    const units = codePoint > 0xffff ? 2 : 1;
    const length = utf8Length(codePoint);
    const start = piece.start(unit);
    const end = piece.end(unit + units - 1);
    // A character that normalisation changed has no bytes of its own in the input: all of its bytes stand for them all.
    const unchanged = end - start === units && original.codePointAt(start) === codePoint;
    for (let index = 0; index < length; index++, byte++) {
      origins.byteStarts[byte] = positions[start] + (unchanged ? index : 0);
      origins.byteEnds[byte] = unchanged ? positions[start] + index + 1 : positions[end];
      origins.unitStarts[byte] = start;
      origins.unitEnds[byte] = end;
    }
    unit += units;
  }
  return origins;
}

function checkDecoder(field: Field): void {
  if (field.isAbsent) field.fail("missing: a byte-level tokenizer has a ByteLevel decoder.");
  const type = field.get("type");
  if (type.value === "Sequence") field.get("decoders").array().forEach(checkDecoder);
  else if (type.value !== "ByteLevel") {
    type.fail(`${JSON.stringify(type.value)} is not supported; supported is ByteLevel.`);
  }
}

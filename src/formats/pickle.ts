import { SparseLensError } from "../errors.js";
import { quote } from "./quote.js";

/**
 * Values of a pickle: None → null; int → number, or bigint beyond 2^53; bytes → Uint8Array; list and tuple → array;
 * set and frozenset → Set; dict and OrderedDict → Map (a tuple as key is found by identity only). `T` is what
 * persistent ids and the caller's globals make.
 */
export type PickleValue<T> =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue<T>[]
  | Set<PickleValue<T>>
  | Map<PickleValue<T>, PickleValue<T>>
  | T;

export interface UnpickleOptions<T> {
  /** For messages. */
  name: string;
  /** What the globals other than plain containers stand for, by `module.name`; called with the arguments. */
  functions: Map<string, (args: PickleValue<T>[]) => PickleValue<T>>;
  /** Globals that are values and are not called (storage types). */
  constants: Map<string, T>;
  persistentLoad(id: PickleValue<T>): T;
}

class Global<T> {
  constructor(
    readonly name: string,
    readonly call: (args: PickleValue<T>[]) => PickleValue<T>,
  ) {}
}

const mark = Symbol("mark");

/** Approximate bytes that a container takes in memory. */
const containerCost = 64;
const mapCost = 256;
const memoCost = 48;

/**
 * Reads a pickle (protocols 2 to 5) that holds plain containers and what `options` knows. Never calls anything that
 * the pickle names beyond those; a pickle that names something else is refused. Memory is bounded by a small multiple
 * of the length of the pickle, and nothing recurses.
 *
 * @throws SparseLensError
 */
export function unpickle<T extends object>(bytes: Uint8Array, options: UnpickleOptions<T>): PickleValue<T> {
  try {
    return new Unpickler(bytes, options).run();
  } catch (cause) {
    // A Map or an array has a largest size.
    if (!(cause instanceof RangeError)) throw cause;
    throw new SparseLensError(`${options.name} cannot be read as a pickle: it is too large.`, { cause });
  }
}

class Unpickler<T extends object> {
  private readonly view: DataView;
  private readonly decoder = new TextDecoder("utf-8", { fatal: true });
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();
  private readonly globals = new Map<string, Global<T> | T>();
  private position = 0;
  private opcodeAt = 0;
  private budget: number;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly options: UnpickleOptions<T>,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.budget = 64 * 2 ** 20 + 16 * bytes.byteLength;
  }

  run(): PickleValue<T> {
    if (this.bytes[0] !== 0x80) {
      this.fail("it does not start like a pickle of protocol 2 or later");
    }
    for (;;) {
      this.opcodeAt = this.position;
      const opcode = this.bytes[this.take(1)];
      if (opcode === 0x2e /* STOP */) {
        const value = this.popValue();
        if (this.stack.length) this.fail("it ends with values left over");
        if (this.isGlobal(value)) this.fail("its value is a function, not data");
        return value as PickleValue<T>;
      }
      this.step(opcode);
    }
  }

  private step(opcode: number): void {
    const { stack, view } = this;
    switch (opcode) {
      case 0x80 /* PROTO */:
        {
          const protocol = this.bytes[this.take(1)];
          if (protocol < 2 || protocol > 5) this.fail(`it has protocol ${protocol}; 2 to 5 can be read`);
          return;
        }
      case 0x95 /* FRAME */:
        this.take(8);
        return;
      case 0x4e /* NONE */:
        stack.push(null);
        return;
      case 0x88 /* NEWTRUE */:
        stack.push(true);
        return;
      case 0x89 /* NEWFALSE */:
        stack.push(false);
        return;
      case 0x4b /* BININT1 */:
        stack.push(this.bytes[this.take(1)]);
        return;
      case 0x4d /* BININT2 */:
        stack.push(view.getUint16(this.take(2), true));
        return;
      case 0x4a /* BININT */:
        stack.push(view.getInt32(this.take(4), true));
        return;
      case 0x8a /* LONG1 */:
        stack.push(this.long(this.bytes[this.take(1)]));
        return;
      case 0x8b /* LONG4 */:
        stack.push(this.long(view.getInt32(this.take(4), true)));
        return;
      case 0x47 /* BINFLOAT */:
        stack.push(view.getFloat64(this.take(8), false));
        return;
      case 0x8c /* SHORT_BINUNICODE */:
        stack.push(this.text(this.bytes[this.take(1)]));
        return;
      case 0x58 /* BINUNICODE */:
        stack.push(this.text(view.getUint32(this.take(4), true)));
        return;
      case 0x8d /* BINUNICODE8 */:
        stack.push(this.text(this.length64()));
        return;
      case 0x43 /* SHORT_BINBYTES */:
        stack.push(this.slice(this.bytes[this.take(1)]));
        return;
      case 0x42 /* BINBYTES */:
        stack.push(this.slice(view.getUint32(this.take(4), true)));
        return;
      case 0x8e /* BINBYTES8 */:
      case 0x96 /* BYTEARRAY8 */:
        stack.push(this.slice(this.length64()));
        return;
      case 0x28 /* MARK */:
        stack.push(mark);
        return;
      case 0x30 /* POP */:
        if (stack.length === 0) this.fail("its stack is empty");
        stack.pop();
        return;
      case 0x31 /* POP_MARK */:
        this.popToMark();
        return;
      case 0x32 /* DUP */:
        stack.push(this.top());
        return;

      case 0x5d /* EMPTY_LIST */:
      case 0x29 /* EMPTY_TUPLE */:
        this.spend(containerCost);
        stack.push([]);
        return;
      case 0x6c /* LIST */:
      case 0x74 /* TUPLE */:
        stack.push(this.popToMark());
        return;
      case 0x85 /* TUPLE1 */:
      case 0x86 /* TUPLE2 */:
      case 0x87 /* TUPLE3 */:
        {
          this.spend(containerCost);
          const items = Array.from({ length: opcode - 0x84 }, () => this.popValue());
          stack.push(items.reverse());
          return;
        }
      case 0x61 /* APPEND */:
        {
          const item = this.popValue();
          this.topArray().push(item);
          return;
        }
      case 0x65 /* APPENDS */:
        {
          const items = this.popToMark();
          const list = this.topArray();
          for (const item of items) list.push(item);
          return;
        }
      case 0x7d /* EMPTY_DICT */:
        this.spend(mapCost);
        stack.push(new Map());
        return;
      case 0x64 /* DICT */:
        {
          const items = this.popToMark();
          this.spend(mapCost);
          stack.push(new Map());
          this.setItems(items);
          return;
        }
      case 0x73 /* SETITEM */:
        {
          const value = this.popValue();
          const key = this.popValue();
          this.setItems([key, value]);
          return;
        }
      case 0x75 /* SETITEMS */:
        this.setItems(this.popToMark());
        return;
      case 0x8f /* EMPTY_SET */:
        this.spend(mapCost);
        stack.push(new Set());
        return;
      case 0x90 /* ADDITEMS */:
        {
          const items = this.popToMark();
          const set = this.top();
          if (!(set instanceof Set)) this.fail("it adds items to something that is not a set");
          for (const item of items) set.add(item);
          return;
        }
      case 0x91 /* FROZENSET */:
        {
          const items = this.popToMark();
          this.spend(mapCost);
          stack.push(new Set(items));
          return;
        }

      case 0x71 /* BINPUT */:
        this.memorize(this.bytes[this.take(1)]);
        return;
      case 0x72 /* LONG_BINPUT */:
        this.memorize(view.getUint32(this.take(4), true));
        return;
      case 0x94 /* MEMOIZE */:
        this.memorize(this.memo.size);
        return;
      case 0x68 /* BINGET */:
        stack.push(this.recall(this.bytes[this.take(1)]));
        return;
      case 0x6a /* LONG_BINGET */:
        stack.push(this.recall(view.getUint32(this.take(4), true)));
        return;

      case 0x63 /* GLOBAL */:
        {
          const module = this.line();
          stack.push(this.global(`${module}.${this.line()}`));
          return;
        }
      case 0x93 /* STACK_GLOBAL */:
        {
          const name = this.popValue();
          const module = this.popValue();
          if (typeof name !== "string" || typeof module !== "string")
            this.fail("it names a global without a name");
          stack.push(this.global(`${module}.${name}`));
          return;
        }
      case 0x52 /* REDUCE */:
      case 0x81 /* NEWOBJ */:
        {
          const args = this.popValue();
          const callee = this.popValue();
          if (!(callee instanceof Global) || !Array.isArray(args))
            this.fail("it calls something that is not a function");
          stack.push(callee.call(args as PickleValue<T>[]));
          return;
        }
      case 0x62 /* BUILD */:
        {
          // A state_dict() carries its modules' version numbers as an attribute of the OrderedDict. Attributes of
          // containers are not part of their value here.
          const state = this.popValue();
          const target = this.top();
          if (!(target instanceof Map) || !(state instanceof Map)) {
            this.fail("it sets attributes of something that is not an OrderedDict");
          }
          return;
        }
      case 0x51 /* BINPERSID */:
        this.spend(containerCost);
        stack.push(this.options.persistentLoad(this.popValue() as PickleValue<T>));
        return;
      default:
        this.fail(`its opcode 0x${opcode.toString(16).padStart(2, "0")} is not one that plain data needs`);
    }
  }

  private fail(problem: string): never {
    throw new SparseLensError(
      `${this.options.name} cannot be read as a pickle: ${problem} (byte ${this.opcodeAt}).`,
    );
  }

  private spend(cost: number): void {
    this.budget -= cost;
    if (this.budget < 0) this.fail("it makes far more objects than a checkpoint of its size has");
  }

  /** Moves on by `length` bytes and returns where they start. */
  private take(length: number): number {
    const start = this.position;
    if (length > this.bytes.byteLength - start) this.fail("it is truncated");
    this.position = start + length;
    return start;
  }

  private length64(): number {
    const length = this.view.getBigUint64(this.take(8), true);
    if (length > BigInt(this.bytes.byteLength)) this.fail("it is truncated");
    return Number(length);
  }

  private slice(length: number): Uint8Array {
    this.spend(containerCost);
    const start = this.take(length);
    return new Uint8Array(this.bytes.subarray(start, start + length));
  }

  private text(length: number): string {
    const start = this.take(length);
    try {
      return this.decoder.decode(this.bytes.subarray(start, start + length));
    } catch {
      this.fail("a string is not UTF-8");
    }
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) this.fail("it is truncated");
    const text = this.text(end - this.position);
    this.position = end + 1;
    return text;
  }

  /** A two's complement integer of `length` bytes. */
  private long(length: number): number | bigint {
    if (length < 0 || length > 1024) this.fail(`an integer has ${length} bytes`);
    const start = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[start + i]);
    if (length) value = BigInt.asIntN(8 * length, value);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : value;
  }

  private popValue(): unknown {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  private top(): unknown {
    const value = this.stack.at(-1);
    if (this.stack.length === 0 || value === mark) this.fail("its stack is empty");
    return value;
  }

  private topArray(): unknown[] {
    const list = this.top();
    if (!Array.isArray(list)) this.fail("it appends to something that is not a list");
    return list;
  }

  private popToMark(): unknown[] {
    const start = this.stack.lastIndexOf(mark);
    if (start < 0) this.fail("it has no mark");
    this.spend(containerCost);
    const items = this.stack.splice(start);
    items.shift();
    return items;
  }

  private setItems(items: unknown[]): void {
    const target = this.top();
    if (!(target instanceof Map) || items.length % 2)
      this.fail("it sets items of something that is not a dict");
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  }

  private memorize(index: number): void {
    if (!this.memo.has(index)) this.spend(memoCost);
    this.memo.set(index, this.top());
  }

  private recall(index: number): unknown {
    const value = this.memo.get(index);
    if (value === undefined) this.fail(`it recalls value ${index}, which was never stored`);
    return value;
  }

  private isGlobal(value: unknown): boolean {
    return value instanceof Global;
  }

  private global(name: string): Global<T> | T {
    const known = this.globals.get(name);
    if (known) return known;
    const found = this.options.constants.get(name) ?? this.callable(name);
    this.globals.set(name, found);
    return found;
  }

  private callable(name: string): Global<T> {
    const call = this.options.functions.get(name) ?? this.container(name);
    if (call) return new Global(name, call);
    const allowed = [...containerNames, ...this.options.functions.keys(), ...this.options.constants.keys()];
    throw new SparseLensError(
      `${this.options.name} refers to the Python object ${quote(name)} (byte ${this.opcodeAt}), and reading it would mean ` +
        `running code. Only these are built: ${allowed.join(", ")}. Save the file again with plain containers and tensors.`,
    );
  }

  private container(name: string): ((args: PickleValue<T>[]) => PickleValue<T>) | undefined {
    switch (name) {
      case "collections.OrderedDict":
        return (args) => {
          this.spend(mapCost);
          const map = new Map();
          for (const pair of this.items(args, 1)) {
            if (!Array.isArray(pair) || pair.length !== 2)
              this.fail("an OrderedDict has an item that is not a pair");
            map.set(pair[0], pair[1]);
          }
          return map;
        };
      case "builtins.set":
      case "builtins.frozenset":
      case "__builtin__.set":
      case "__builtin__.frozenset":
        return (args) => {
          const items = this.items(args, 1);
          this.spend(mapCost + 16 * items.length);
          return new Set(items);
        };
      case "builtins.bytes":
      case "__builtin__.bytes":
        return (args) => {
          if (args.length) this.fail("it makes bytes in an unknown way");
          return new Uint8Array(0);
        };
      case "_codecs.encode":
        // How protocol 2 writes bytes (none: a call of bytes()).
        return ([text, encoding]) => {
          if (typeof text !== "string" || encoding !== "latin1")
            this.fail("it encodes text in an unknown way");
          this.spend(containerCost + text.length);
          return Uint8Array.from(text, (character) => character.charCodeAt(0));
        };
      default:
        return undefined;
    }
  }

  /** The items of the optional list that a container is made from. */
  private items(args: PickleValue<T>[], limit: number): PickleValue<T>[] {
    const [items = []] = args;
    if (args.length > limit || !Array.isArray(items))
      this.fail("a container is made from something that is not a list");
    this.spend(16 * items.length);
    return items;
  }
}

const containerNames = [
  "collections.OrderedDict",
  "builtins.set",
  "builtins.frozenset",
  "__builtin__.set",
  "__builtin__.frozenset",
  "builtins.bytes",
  "__builtin__.bytes",
  "_codecs.encode",
];

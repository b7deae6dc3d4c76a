import { MaskPrograms } from "../circuits/mask-program.js";
import { instantiateKernels } from "../engine/kernels.js";
import { Arena, EngineMemory } from "../engine/memory.js";
import type { HookReply, HookRequest } from "../engine/operations.js";
import { profiled } from "../engine/profile.js";
import { requestAbort, requestFinish, resetControl, Stopped, Thread } from "../engine/thread.js";
import { SparseLensError } from "../errors.js";
import { openCheckpoint } from "../formats/checkpoint.js";
import type { ResolvedSource } from "../io/source.js";
import { parseConfig } from "../model/config.js";
import { shuffledWeights } from "../model/shuffled-weights.js";
import { placeModel } from "../model/weights.js";
import { TrainingSession } from "../training/train-program.js";
import { forwardProgram } from "./forward-program.js";
import { generateProgram } from "./generate-program.js";
import { measureProgram } from "./measure-program.js";
import { createMemory } from "./memory.js";
import type {
  Call,
  CallResult,
  Events,
  FromThread,
  LoadedModel,
  Port,
  ThreadError,
  ToThread,
} from "./protocol.js";
import { sumsProgram } from "./sums-program.js";
import { readWeights } from "./weights-program.js";

/** One engine thread: takes messages, runs programs. */
export class ThreadHost {
  readonly #port: Port<ToThread, FromThread>;
  #thread!: Thread;
  #shared = false;
  readonly #kernelMilliseconds: Record<string, number> = {};
  #model!: LoadedModel;
  #training!: TrainingSession;
  #masks: MaskPrograms | null = null;
  #onReply: ((reply: HookReply | null) => void) | null = null;

  constructor(port: Port<ToThread, FromThread>) {
    this.#port = port;
    port.onMessage((message) => {
      this.#handle(message).catch((error) =>
        this.#port.post({ type: "failed", error: describeError(error) }),
      );
    });
  }

  async #handle(message: ToThread): Promise<void> {
    switch (message.type) {
      case "start": {
        const { index, count, kernels, floatBytes, profile } = message;
        this.#shared = message.memory !== undefined;
        const wasm = message.memory ?? createMemory(false);
        const instance = instantiateKernels(kernels, wasm, floatBytes);
        const used = profile ? profiled(instance, this.#kernelMilliseconds) : instance;
        this.#thread = new Thread(index, count, used, new EngineMemory(wasm, floatBytes));
        this.#port.post({ type: "ready" });
        return;
      }
      case "load":
        return this.#load(message.source, message.shuffleWeights);
      case "model":
        this.#model = message.model;
        return;
      case "call":
        return this.#call(message.call);
      case "reply":
        this.#onReply?.(message.reply);
        return;
      case "abort":
        requestAbort(this.#thread.memory.words);
        return;
      case "finish":
        requestFinish(this.#thread.memory.words);
    }
  }

  async #load(source: ResolvedSource, shuffleWeights?: number): Promise<void> {
    const { memory, count } = this.#thread;
    const checkpoint = await openCheckpoint(source);
    try {
      const config = parseConfig(checkpoint.config, checkpoint.configFile);
      const arena = new Arena(undefined, memory.floatBytes);
      const total = checkpoint.tensors.size;
      let done = 0;
      const tensors =
        shuffleWeights === undefined
          ? checkpoint.tensors
          : shuffledWeights(checkpoint.tensors, config, shuffleWeights);
      const weights = await placeModel(config, tensors, checkpoint.location, {
        memory,
        arena,
        threads: count,
        onTensor: (tensor) => this.#port.post({ type: "progress", tensor, done: ++done, total }),
      });
      this.#model = { weights, end: arena.end };
    } finally {
      await checkpoint.close();
    }
    this.#port.post({ type: "loaded", model: this.#model, memoryBytes: memory.byteLength });
  }

  async #call(call: Call): Promise<void> {
    const thread = this.#thread;
    if (!this.#shared) resetControl(thread.memory.words);
    try {
      const result = await this.#run(this.#program(call));
      const mine = thread.index === 0 ? result : null;
      this.#port.post({ type: "done", result: mine, memoryBytes: thread.memory.byteLength }, buffersOf(mine));
    } catch (error) {
      thread.stopOthers();
      throw error;
    }
  }

  *#program(call: Call): Events<CallResult> {
    if (call.type === "start-training") {
      this.#training = new TrainingSession(this.#thread, call);
      return this.#training.state({ type: "training-state", parts: "none" });
    }
    if (call.type === "train") return yield* this.#training.train(call);
    if (call.type === "training-state") return this.#training.state(call);
    const { weights } = this.#model;
    if (call.type === "evaluate-masks" || call.type === "mask-gradient" || call.type === "train-masks") {
      this.#masks ??= new MaskPrograms(this.#thread, weights, this.#model.end);
      return yield* this.#masks.run(call);
    }
    if (call.type === "weights") return readWeights(this.#thread, weights, call);
    const end = this.#masks?.end ?? this.#model.end;
    if (call.type === "sums") return yield* sumsProgram(this.#thread, weights, end, call);
    if (call.type === "forward") return yield* forwardProgram(this.#thread, weights, end, call);
    if (call.type === "generate") return yield* generateProgram(this.#thread, weights, end, call);
    const milliseconds = { ...this.#kernelMilliseconds };
    for (const name in milliseconds) this.#kernelMilliseconds[name] = 0;
    return yield* measureProgram(this.#thread, weights, end, milliseconds);
  }

  async #run(program: Events<CallResult>): Promise<CallResult> {
    const outbox = new TokenOutbox(this.#port);
    try {
      let step = program.next();
      while (!step.done) {
        const event = step.value;
        if (event.type === "hook") {
          outbox.flush();
          step = program.next(await this.#ask(event));
        } else {
          if (event.type === "token") outbox.add(event.token);
          if (event.type === "step") this.#port.post(event);
          // Without shared memory an abort arrives as a message, and messages need a turn.
          if (!this.#shared) await nextTurn();
          step = program.next([]);
        }
      }
      return step.value;
    } finally {
      outbox.flush();
    }
  }

  async #ask(request: HookRequest): Promise<HookReply> {
    const reply = new Promise<HookReply | null>((resolve) => {
      this.#onReply = resolve;
    });
    this.#port.post(
      request,
      request.values.map(({ data }) => data.buffer),
    );
    const value = await reply;
    this.#onReply = null;
    if (value === null) throw new Stopped();
    return value;
  }
}

/** Milliseconds that a token may wait for others: posting a message takes as long as a small model's token. */
const PATIENCE = 5;

/** Tokens on their way to the caller, a few in one message. */
class TokenOutbox {
  #tokens: number[] = [];
  #posted = 0;

  constructor(private readonly port: Port<ToThread, FromThread>) {}

  add(token: number): void {
    this.#tokens.push(token);
    if (performance.now() - this.#posted > PATIENCE) this.flush();
  }

  flush(): void {
    if (this.#tokens.length === 0) return;
    this.port.post({ type: "tokens", tokens: this.#tokens });
    this.#tokens = [];
    this.#posted = performance.now();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

function buffersOf(result: CallResult | null): ArrayBuffer[] {
  if (result === null || "bandwidth" in result || "steps" in result || "tau" in result) return [];
  if ("candidateLogits" in result) return result.candidateLogits.map(({ buffer }) => buffer);
  if ("matrices" in result || "sums" in result) return [];
  if ("tensors" in result) return [...result.tensors.values()].map(({ buffer }) => buffer);
  const arrays = [...result.activations.values()].flat();
  if ("logits" in result) arrays.push(...result.logits, ...result.losses);
  return arrays.map(({ buffer }) => buffer);
}

function describeError(error: unknown): ThreadError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return {
    message,
    stack,
    isForPeople: error instanceof SparseLensError,
    isEcho: error instanceof Stopped,
  };
}

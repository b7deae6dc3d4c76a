import { availableCores, canShareMemory, startThread } from "#platform";
import { type CompiledKernels, compileKernels, type KernelChoice } from "../engine/kernels.js";
import { CONTROL } from "../engine/memory.js";
import type { HookReply, HookRequest } from "../engine/operations.js";
import { requestAbort, requestFinish, resetControl } from "../engine/thread.js";
import { SparseLensError } from "../errors.js";
import type { ResolvedSource } from "../io/source.js";
import { createMemory } from "./memory.js";
import type {
  Call,
  CallResult,
  FromThread,
  LoadedModel,
  ThreadError,
  ThreadHandle,
  ToThread,
} from "./protocol.js";

export interface ThreadPoolOptions {
  /** Default: all cores up to two, all but one of more. One where memory cannot be shared. */
  readonly threads?: number;
  readonly kernels?: KernelChoice;
  /** float64 runs the plain kernels: slow, for checking. */
  readonly precision?: "float32" | "float64";
  /** Measure the time spent in each kernel: for benchmarks, see Model.measure. */
  readonly profile?: boolean;
}

export interface CallHandlers {
  onToken?(token: number): void;
  onStep?(done: number, total: number): void;
  onHook?(request: HookRequest): Promise<HookReply>;
  readonly signal?: AbortSignal;
  /** Ends the call with the result of what was done so far. */
  readonly finishSignal?: AbortSignal;
}

/** More threads than this only wait for each other. */
const MOST_THREADS = 16;

/** The engine's threads, seen from the caller's: runs one call at a time, first in, first out. */
export class ThreadPool {
  /** Bytes of the engine's memory. */
  memoryBytes = 0;
  readonly kernels: CompiledKernels["name"];
  /** Number of threads. */
  readonly count: number;
  #threads: readonly ThreadHandle[];
  #memory: WebAssembly.Memory | null;
  #handler: ((thread: number, message: FromThread) => void) | null = null;
  #crash: ((error: Error) => void) | null = null;
  #dead: Error | null = null;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(
    threads: readonly ThreadHandle[],
    memory: WebAssembly.Memory | null,
    kernels: CompiledKernels,
  ) {
    this.#threads = threads;
    this.count = threads.length;
    this.#memory = memory;
    this.kernels = kernels.name;
    threads.forEach((thread, index) => {
      thread.onMessage((message) => this.#handler?.(index, message));
      thread.onCrash((error) => {
        this.#dead ??= new SparseLensError(`An engine thread died: ${error.message}.`, { cause: error });
        this.#crash?.(this.#dead);
      });
    });
  }

  /** @throws SparseLensError when the options ask for what this runtime does not have */
  static async start({
    threads,
    kernels = "auto",
    precision = "float32",
    profile = false,
  }: ThreadPoolOptions): Promise<ThreadPool> {
    const shareable = canShareMemory();
    const cores = availableCores();
    const count = threads ?? (shareable ? Math.min(cores <= 2 ? cores : cores - 1, MOST_THREADS) : 1);
    if (!Number.isInteger(count) || count < 1 || count > 256) {
      throw new SparseLensError(`threads: must be between 1 and 256, not ${threads}.`);
    }
    if (count > 1 && !shareable) {
      throw new SparseLensError(
        `threads: ${count} need shared memory, which a page has only when it is cross-origin isolated (headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp). Ask for one thread, or for none in particular.`,
      );
    }
    if (precision === "float64" && kernels !== "plain" && kernels !== "auto") {
      throw new SparseLensError(`precision: "float64" needs kernels: "plain", not "${kernels}".`);
    }
    const floatBytes = precision === "float64" ? 8 : 4;
    const compiled = await compileKernels(floatBytes === 8 ? "plain" : kernels, shareable);
    const memory = shareable ? createMemory(true) : null;
    const pool = new ThreadPool(Array.from({ length: count }, startThread), memory, compiled);
    const started = pool.#exclusive(async () => {
      const ready = pool.#collect((message) => message.type === "ready");
      pool.#threads.forEach((thread, index) => {
        const start: ToThread = { type: "start", index, count, kernels: compiled, floatBytes, profile };
        thread.post(memory ? { ...start, memory } : start);
      });
      await ready;
    });
    try {
      await started;
    } catch (error) {
      await pool.dispose();
      throw error;
    }
    return pool;
  }

  /**
   * Thread 0 reads the model, and the others are told where it lies.
   * @param shuffleWeights seed of what trained weights are to be replaced by
   */
  load(
    source: ResolvedSource,
    onTensor?: (tensor: string, done: number, total: number) => void,
    shuffleWeights?: number,
  ): Promise<LoadedModel> {
    return this.#exclusive(
      () =>
        new Promise<LoadedModel>((resolve, reject) => {
          this.#crash = reject;
          this.#handler = (_, message) => {
            if (message.type === "progress") onTensor?.(message.tensor, message.done, message.total);
            else if (message.type === "failed") reject(revive(message.error));
            else if (message.type === "loaded") {
              this.memoryBytes = message.memoryBytes;
              for (const thread of this.#threads.slice(1))
                thread.post({ type: "model", model: message.model });
              resolve(message.model);
            }
          };
          this.#threads[0].post({ type: "load", source, shuffleWeights });
        }),
    );
  }

  /** Runs a call on all threads. @throws the signal's reason, what a hook function threw, or the threads' own error */
  call(call: Call, handlers: CallHandlers): Promise<CallResult> {
    const { signal } = handlers;
    let waiting = true;
    const run = this.#exclusive(() => {
      waiting = false;
      return this.#run(call, handlers);
    });
    if (!signal) return run;
    // A call that still waits for its turn need not wait to be aborted.
    return new Promise((resolve, reject) => {
      const abort = () => {
        if (waiting) reject(signal.reason);
      };
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort);
      run.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    });
  }

  async #run(
    call: Call,
    { onToken, onStep, onHook, signal, finishSignal }: CallHandlers,
  ): Promise<CallResult> {
    signal?.throwIfAborted();
    let hookError: unknown;
    const abort = () => {
      if (this.#memory) requestAbort(this.#words(this.#memory));
      else this.#threads[0].post({ type: "abort" });
    };
    const finish = () => {
      if (this.#memory) requestFinish(this.#words(this.#memory));
      else this.#threads[0].post({ type: "finish" });
    };
    if (this.#memory) resetControl(this.#words(this.#memory));
    const finished = this.#collect((message) => {
      if (message.type === "tokens") for (const token of message.tokens) onToken?.(token);
      else if (message.type === "step") onStep?.(message.done, message.total);
      else if (message.type === "hook") {
        onHook!(message).then(
          (reply) => this.#threads[0].post({ type: "reply", reply }),
          (error) => {
            hookError = { error };
            this.#threads[0].post({ type: "reply", reply: null });
          },
        );
      }
      return message.type === "done";
    });
    signal?.addEventListener("abort", abort);
    finishSignal?.addEventListener("abort", finish);
    for (const thread of this.#threads) thread.post({ type: "call", call });
    try {
      const [first] = await finished;
      // Without shared memory a forward pass learns of it only when it is over.
      signal?.throwIfAborted();
      if (first.type !== "done" || first.result === null) throw new Error("thread 0 returned no result");
      this.memoryBytes = first.memoryBytes;
      return first.result;
    } catch (error) {
      if (hookError) throw (hookError as { error: unknown }).error;
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
      finishSignal?.removeEventListener("abort", finish);
    }
  }

  async dispose(): Promise<void> {
    this.#dead ??= new SparseLensError("The model has been disposed of.");
    this.#crash?.(this.#dead);
    // Browsers let a busy worker go on for seconds.
    if (this.#memory) requestAbort(this.#words(this.#memory));
    const threads = this.#threads;
    // Whoever still holds the model shall not hold its memory.
    this.#threads = [];
    this.#memory = null;
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  #words(memory: WebAssembly.Memory): Int32Array {
    return new Int32Array(memory.buffer, 0, (CONTROL + 64) >> 2);
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#queue.then(async () => {
      if (this.#dead) throw this.#dead;
      for (const thread of this.#threads) thread.keepAlive(true);
      try {
        return await work();
      } finally {
        this.#handler = null;
        this.#crash = null;
        for (const thread of this.#threads) thread.keepAlive(false);
      }
    });
    this.#queue = run.catch(() => {});
    return run;
  }

  /** The last message of every thread; rejects, when all have answered, with the first failure that is no echo. */
  #collect(isLast: (message: FromThread) => boolean): Promise<FromThread[]> {
    return new Promise((resolve, reject) => {
      const last: FromThread[] = [];
      let missing = this.#threads.length;
      this.#crash = reject;
      this.#handler = (index, message) => {
        if (message.type !== "failed" && !isLast(message)) return;
        last[index] = message;
        if (--missing > 0) return;
        const errors = last.flatMap((one) => (one.type === "failed" ? [one.error] : []));
        const error = errors.find(({ isEcho }) => !isEcho) ?? errors[0];
        if (error) reject(revive(error));
        else resolve(last);
      };
    });
  }
}

function revive({ message, stack, isForPeople }: ThreadError): Error {
  if (isForPeople) return new SparseLensError(message);
  const error = new Error(message);
  error.stack = stack;
  return error;
}

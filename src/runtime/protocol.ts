import type {
  EvaluateMasksCall,
  EvaluateMasksResult,
  MaskCall,
  MaskCallResult,
  MaskGradientCall,
  MaskGradientResult,
  TrainMasksCall,
  TrainMasksResult,
} from "../circuits/mask-program.js";
import type { BatchResult } from "../engine/batch.js";
import type { CompiledKernels } from "../engine/kernels.js";
import type { HookReply, HookRequest } from "../engine/operations.js";
import type { ResolvedSource } from "../io/source.js";
import type { ModelWeights } from "../model/weights.js";
import type {
  StartTrainingCall,
  TrainCall,
  TrainingStateCall,
  TrainingStateResult,
  TrainResult,
} from "../training/train-program.js";
import type { ForwardCall } from "./forward-program.js";
import type { GenerateCall, GenerateResult } from "./generate-program.js";
import type { MeasureCall, Measurement } from "./measure-program.js";
import type { SumsCall, SumsResult } from "./sums-program.js";
import type { WeightsCall, WeightsResult } from "./weights-program.js";

/** What runs in the threads. */
export type Call =
  | ForwardCall
  | GenerateCall
  | MeasureCall
  | MaskCall
  | WeightsCall
  | SumsCall
  | StartTrainingCall
  | TrainCall
  | TrainingStateCall;
export type CallResult =
  | BatchResult
  | GenerateResult
  | Measurement
  | MaskCallResult
  | WeightsResult
  | SumsResult
  | TrainResult
  | TrainingStateResult;

/** What a call returns. */
export type ResultOf<C extends Call> = C extends ForwardCall
  ? BatchResult
  : C extends EvaluateMasksCall
    ? EvaluateMasksResult
    : C extends MaskGradientCall
      ? MaskGradientResult
      : C extends TrainMasksCall
        ? TrainMasksResult
        : C extends WeightsCall
          ? WeightsResult
          : C extends SumsCall
            ? SumsResult
            : CallResult;

/** A model in the engine's memory, and where free memory begins. */
export interface LoadedModel {
  readonly weights: ModelWeights;
  readonly end: number;
}

/** Sent to a thread. */
export type ToThread =
  | {
      type: "start";
      index: number;
      count: number;
      kernels: CompiledKernels;
      floatBytes: 4 | 8;
      /** Measure the time spent in each kernel. */
      profile: boolean;
      /** Absent: the thread makes its own, which is not shared. */
      memory?: WebAssembly.Memory;
    }
  | { type: "load"; source: ResolvedSource; shuffleWeights?: number }
  | { type: "model"; model: LoadedModel }
  | { type: "call"; call: Call }
  | { type: "reply"; reply: HookReply | null }
  | { type: "abort" }
  | { type: "finish" };

/** Sent by a thread. */
export type FromThread =
  | { type: "ready" }
  | { type: "progress"; tensor: string; done: number; total: number }
  | { type: "loaded"; model: LoadedModel; memoryBytes: number }
  | HookRequest
  | { type: "tokens"; tokens: readonly number[] }
  | { type: "step"; done: number; total: number }
  | { type: "done"; result: CallResult | null; memoryBytes: number }
  | { type: "failed"; error: ThreadError };

/** A token was generated. */
interface TokenEvent {
  readonly type: "token";
  readonly token: number;
}

/** The next pass over a part of a batch begins: time to look whether the caller has aborted. */
interface PassEvent {
  readonly type: "pass";
}

/** So many steps are done. */
interface StepEvent {
  readonly type: "step";
  readonly done: number;
  readonly total: number;
}

/** A program that runs on every thread alike. Tokens, steps and hooks are thread 0's to report. */
export type Events<T = void> = Generator<HookRequest | TokenEvent | PassEvent | StepEvent, T, HookReply>;

/** An error on its way between threads. */
export interface ThreadError {
  readonly message: string;
  readonly stack?: string;
  /** A SparseLensError: made for people. */
  readonly isForPeople: boolean;
  /** Only an echo of another thread's failure, or of an abort. */
  readonly isEcho: boolean;
}

/** Either end of the connection to a thread, in Node and in browsers alike. */
export interface Port<Incoming, Outgoing> {
  post(message: Outgoing, transfer?: Transferable[]): void;
  onMessage(handler: (message: Incoming) => void): void;
}

/** The caller's end. */
export interface ThreadHandle extends Port<FromThread, ToThread> {
  /** The thread died: it could not be started, or ran out of memory. */
  onCrash(handler: (error: Error) => void): void;
  /** Whether the program must wait for this thread before it ends by itself. */
  keepAlive(needed: boolean): void;
  terminate(): Promise<void>;
}

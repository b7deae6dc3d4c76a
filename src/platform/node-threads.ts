import { availableParallelism } from "node:os";
import { parentPort, Worker } from "node:worker_threads";
import type { FromThread, Port, ThreadHandle, ToThread } from "../runtime/protocol.js";

/** Whether memory can be shared between threads. */
export function canShareMemory(): boolean {
  return true;
}

export function availableCores(): number {
  return availableParallelism();
}

export function startThread(): ThreadHandle {
  const worker = new Worker(new URL("./worker.js", import.meta.url));
  // A model that is still loaded must not keep a finished program alive.
  worker.unref();
  return {
    post: (message, transfer) => worker.postMessage(message, transfer as never),
    onMessage: (handler) => worker.on("message", handler),
    onCrash: (handler) => {
      worker.on("error", handler);
      worker.on("exit", (code) => handler(new Error(`the thread ended with code ${code}`)));
    },
    keepAlive: (needed) => (needed ? worker.ref() : worker.unref()),
    terminate: async () => {
      await worker.terminate();
    },
  };
}

/** A thread's end of the connection. */
export function connectToCaller(): Port<ToThread, FromThread> {
  const port = parentPort!;
  return {
    post: (message, transfer) => port.postMessage(message, transfer as never),
    onMessage: (handler) => port.on("message", handler),
  };
}

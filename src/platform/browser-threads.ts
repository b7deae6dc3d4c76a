import type { FromThread, Port, ThreadHandle, ToThread } from "../runtime/protocol.js";

/** Whether memory can be shared between threads: only on a page that is cross-origin isolated. */
export function canShareMemory(): boolean {
  return globalThis.crossOriginIsolated === true;
}

export function availableCores(): number {
  return navigator.hardwareConcurrency || 1;
}

export function startThread(): ThreadHandle {
  // This literal form is what bundlers recognise.
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  return {
    post: (message, transfer) => worker.postMessage(message, transfer ?? []),
    onMessage: (handler) => {
      worker.onmessage = (event: MessageEvent<FromThread>) => handler(event.data);
    },
    onCrash: (handler) => {
      worker.onerror = (event) => handler(new Error(event.message || "the worker could not be started"));
    },
    keepAlive: () => {},
    terminate: async () => worker.terminate(),
  };
}

/** A thread's end of the connection. */
export function connectToCaller(): Port<ToThread, FromThread> {
  const scope = globalThis as unknown as DedicatedWorkerScope;
  return {
    post: (message, transfer) => scope.postMessage(message, transfer ?? []),
    onMessage: (handler) => {
      scope.onmessage = (event) => handler(event.data);
    },
  };
}

interface DedicatedWorkerScope {
  postMessage(message: FromThread, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToThread>) => void) | null;
}

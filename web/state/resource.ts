import { effect, type ReadonlySignal, signal } from "@preact/signals";

/** Something that is loaded or computed, and is made anew when what it depends on changes. */
export interface Loaded<T> {
  /** The latest that is known: while the next one is being made, the one before. */
  readonly value: T | null;
  readonly pending: boolean;
  /** What went wrong, for people. */
  readonly error: string | null;
}

export interface ResourceOptions {
  /**
   * One is finished before the next begins, and those that came in between are passed over: what follows a slider keeps
   * moving. Otherwise the one that is being made is aborted.
   */
  readonly coalesce?: boolean;
}

/** Resources that are being made: for tests and measurements, which wait until what is on the screen is up to date. */
export const pendingCount = signal(0);

/**
 * @param key what it depends on, compared by its parts; null: there is nothing to make
 */
export function resource<K extends readonly unknown[], T>(
  key: () => K | null,
  make: (key: K, signal: AbortSignal) => Promise<T>,
  { coalesce = false }: ResourceOptions = {},
): ReadonlySignal<Loaded<T>> {
  const state = signal<Loaded<T>>({ value: null, pending: false, error: null });
  let last: K | null = null;
  let running: AbortController | null = null;
  let waiting = false;
  let wasPending = false;
  effect(() => {
    const { pending } = state.value;
    if (pending !== wasPending) pendingCount.value = pendingCount.peek() + (pending ? 1 : -1);
    wasPending = pending;
  });

  const start = async (wanted: K) => {
    const controller = new AbortController();
    running = controller;
    state.value = { ...state.peek(), pending: true };
    try {
      const value = await make(wanted, controller.signal);
      if (running === controller) state.value = { value, pending: waiting, error: null };
    } catch (error) {
      if (running === controller) state.value = { value: null, pending: waiting, error: messageOf(error) };
    }
    if (running !== controller) return;
    running = null;
    if (waiting && last) {
      waiting = false;
      start(last);
    }
  };

  effect(() => {
    const wanted = key();
    if (isSame(wanted, last)) return;
    last = wanted;
    if (wanted === null) {
      running?.abort();
      running = null;
      waiting = false;
      state.value = { value: null, pending: false, error: null };
      return;
    }
    if (running && coalesce) {
      waiting = true;
      return;
    }
    running?.abort();
    start(wanted);
  });
  return state;
}

function isSame(a: readonly unknown[] | null, b: readonly unknown[] | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((part, i) => Object.is(part, b[i]));
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Runs in the page: what the tests ask for, with the bundle that is shipped.
import { availableKernels, type LoadOptions, loadModel, type Model } from "../../dist/browser/index.js";
import { Golden } from "../support/golden.js";
import { checkParity } from "../support/parity.js";

/** Addresses of files to fetch and hand over as `File`s, the files that were picked in the page, or an address. */
export type Source = { files: string[] } | { picked: true } | { url: string };

async function open(source: Source, options: LoadOptions = {}): Promise<Model> {
  if ("url" in source) return await loadModel(new URL(source.url, location.href).href, options);
  if ("files" in source) return await loadModel(await Promise.all(source.files.map(fetchFile)), options);
  const input = document.querySelector("input")!;
  return await loadModel([...input.files!], options);
}

async function fetchFile(address: string): Promise<File> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: status ${response.status}`);
  return new File([await response.blob()], address.slice(address.lastIndexOf("/") + 1));
}

async function using<T>(model: Model, work: (model: Model) => Promise<T>): Promise<T> {
  try {
    return await work(model);
  } finally {
    await model.dispose();
  }
}

/** What `work` throws. */
async function thrownBy(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

export async function environment() {
  return {
    isolated: crossOriginIsolated,
    secure: isSecureContext,
    kernels: availableKernels(),
  };
}

/** Compares with the golden data at `directory`. */
export async function parity(directory: string, source: Source, options: LoadOptions) {
  const json = await (await fetchFile(`${directory}/golden.json`)).text();
  const data = await (await fetchFile(`${directory}/golden.bin`)).arrayBuffer();
  return await using(await open(source, options), async (model) => {
    await checkParity(model, new Golden(json, new Uint8Array(data)));
    return { threads: model.threads, kernels: model.kernels };
  });
}

/** Logits, and tokens drawn at random, to compare bit for bit with those of other runtimes. */
export async function numbers(source: Source, tokens: number[], options: LoadOptions) {
  return await using(await open(source, options), async (model) => {
    const { logits } = await model.forward(tokens);
    const generated = await model.generate(tokens, { maxNewTokens: 40, doSample: true, seed: 3 });
    return { logits: [...logits.data], tokens: generated.tokens };
  });
}

/** How responsive the page is while the model works. */
export async function responsiveness(source: Source, work: "generate" | "forward") {
  return await using(await open(source, { kernels: "plain" }), async (model) => {
    const times: number[] = [performance.now()];
    const timer = setInterval(() => times.push(performance.now()), 1);
    if (work === "generate") await model.generate([1, 2, 3], { maxNewTokens: 400 });
    else await model.forward(Array.from({ length: 400 }, (_, i) => [i % 60, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    clearInterval(timer);
    times.push(performance.now());
    const longestPause = Math.max(...times.slice(1).map((time, i) => time - times[i]));
    return { ticks: times.length - 2, longestPause, total: times[times.length - 1] - times[0] };
  });
}

/** Aborts a call when it has begun; then computes something else. */
export async function abortion(source: Source, work: "generate" | "forward" | "hook") {
  return await using(await open(source, { kernels: "plain" }), async (model) => {
    const before = await model.forward([1, 2, 3]);
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error("enough");
    const error = await thrownBy(async () => {
      if (work === "hook") {
        const interventions = { final_resid: () => controller.abort(reason) };
        return await model.generate([1], { maxNewTokens: 1_000_000, interventions, signal } as never);
      }
      setTimeout(() => controller.abort(reason), 20);
      if (work === "generate") return await model.generate([1], { maxNewTokens: 1_000_000, signal });
      return await model.forward(
        Array.from({ length: 1000 }, () => [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        { signal, logits: "none" },
      );
    });
    const already = await thrownBy(() => model.generate([1], { signal }));
    const after = await model.forward([1, 2, 3]);
    return {
      reason: error === reason,
      already: already === reason,
      same: after.logits.data.every((value, i) => value === before.logits.data[i]),
      error: String(error),
    };
  });
}

/** Leaves the loop over a stream that would go on for minutes. */
export async function leaveStream(source: Source) {
  return await using(await open(source), async (model) => {
    const pieces: string[] = [];
    for await (const piece of model.stream([1, 2, 3], { maxNewTokens: 1_000_000 })) {
      pieces.push(piece);
      if (pieces.length === 3) break;
    }
    const began = performance.now();
    const { tokens } = await model.generate([1, 2, 3], { maxNewTokens: 2 });
    return { pieces, tokens: tokens.length, milliseconds: performance.now() - began };
  });
}

export async function loadAndKeep(source: Source) {
  const model = await open(source);
  return Object.assign(globalThis, { kept: model }).kept.threads;
}

/** Disposes of the model that was kept, while a call runs and another one waits. */
export async function disposeKept() {
  const { kept } = globalThis as unknown as { kept: Model };
  const calls = [kept.generate([1], { maxNewTokens: 1_000_000 }), kept.forward([1])];
  const settled = Promise.allSettled(calls);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await kept.dispose();
  await kept.dispose();
  const later = await thrownBy(() => kept.forward([1]));
  return [...(await settled).map((one) => ("reason" in one ? one.reason : one)), later].map(String);
}

/** What a person gets to read when it goes wrong. */
export async function failure(source: Source, options: LoadOptions = {}) {
  return String(await thrownBy(() => open(source, options)));
}

/** The same for files that are damaged: the last one loses its end. */
export async function failureWhenTruncated(files: string[]) {
  const whole = await Promise.all(files.map(fetchFile));
  const last = whole.pop()!;
  const damaged = new File([last.slice(0, last.size - 1000)], last.name);
  return String(await thrownBy(() => loadModel([...whole, damaged])));
}

export async function failingCalls(source: Source) {
  return await using(await open(source), async (model) => [
    String(await thrownBy(() => model.forward([1, 9999]))),
    String(
      await thrownBy(() =>
        model.forward([1], {
          interventions: {
            final_resid: () => {
              throw new Error("of my own");
            },
          },
        }),
      ),
    ),
    String((await model.forward([1])).logits.shape),
  ]);
}

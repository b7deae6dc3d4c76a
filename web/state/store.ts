import { batch, computed, effect, signal } from "@preact/signals";
import { type CatalogueModel, parseCatalogue } from "../../src/server/catalogue.js";
import { fetchJson } from "../engine/fetch.js";
import { type Address, formatAddress, parseAddress } from "./address.js";
import { resource } from "./resource.js";

export const address = signal<Address>(parseAddress(location.hash));

/** Steps that a reader would want to go back over get an entry of the history. */
const STEPS: readonly (keyof Address)[] = ["view", "model", "circuit", "other", "node", "step"];

export function go(change: Partial<Address>): void {
  const before = address.peek();
  const after = { ...before, ...change };
  address.value = after;
  write(STEPS.some((key) => before[key] !== after[key]));
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Browsers refuse more than about a hundred entries in half a minute: what a slider passes by is not written. */
function write(isStep: boolean): void {
  clearTimeout(timer);
  const put = () => {
    const hash = formatAddress(address.peek());
    if (hash !== location.hash) history[isStep ? "pushState" : "replaceState"](null, "", hash);
  };
  if (isStep) put();
  else timer = setTimeout(put, 200);
}

addEventListener("popstate", () => {
  address.value = parseAddress(location.hash);
});
addEventListener("hashchange", () => {
  address.value = parseAddress(location.hash);
});

/** A part of the address as a signal of its own: what reads it is not disturbed by the others. */
export function part<K extends keyof Address>(key: K) {
  return computed(() => address.value[key]);
}

export const view = part("view");

export const catalogue = resource(
  () => ["catalogue.json"] as const,
  async ([url], abort) => parseCatalogue(await fetchJson(url, abort), url),
);

/** The model that is looked at. null: there is none yet. */
export const entry = computed<CatalogueModel | null>(() => {
  const models = catalogue.value.value?.models ?? [];
  return models.find(({ id }) => id === address.value.model) ?? models[0] ?? null;
});

/** Another model: nothing of what was looked at is in it. */
export function chooseModel(id: string): void {
  const { view: at, temperature, topP, seed, length, sample, kernels } = address.peek();
  const kept = { view: at, temperature, topP, seed, length, sample, kernels };
  batch(() => go({ ...parseAddress(""), ...kept, model: id }));
}

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];
const storedTheme = (() => {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
})();
export const theme = signal<Theme>(storedTheme === "light" || storedTheme === "dark" ? storedTheme : "auto");
effect(() => {
  document.documentElement.dataset.theme = theme.value;
  try {
    localStorage.setItem("theme", theme.value);
  } catch {
    // It is forgotten, then.
  }
});

/** What went wrong, and is not told where it happened. */
export const failure = signal<string | null>(null);

import {
  accumulators,
  classNames,
  counters,
  fileExtensions,
  flags,
  functionNames,
  functionVerbs,
  handles,
  indexNames,
  methodVerbs,
  modules,
  type Noun,
  namePairs,
  notices,
  numberAttributes,
  numberNouns,
  pathSuffixes,
  readFiles,
  recordNouns,
  shortNames,
  stringWords,
  textAttributes,
  textNouns,
  writeFiles,
} from "../corpus/synthetic/words.js";
import { hashText } from "./hash.js";
import type { TemplateSet } from "./task.js";

export type { Noun };

const wordPools = {
  ...{ accumulators, counters, flags, indexNames, shortNames, textAttributes, numberAttributes, stringWords },
  ...{ functionVerbs, functionNames, classNames, methodVerbs, modules, notices },
  ...{ readFiles, writeFiles, pathSuffixes, fileExtensions, handles },
};
const nounPools = { textNouns, numberNouns, recordNouns };

/** The words of the corpus, of which `standard` and `unseen` prompts have one half each. */
export type Words = Readonly<
  Record<keyof typeof wordPools, readonly string[]> & Record<keyof typeof nounPools, readonly Noun[]>
> & { readonly namePairs: typeof namePairs };

const halves = new Map<TemplateSet, Words>();

export function wordsOf(templates: TemplateSet): Words {
  let words = halves.get(templates);
  if (!words) {
    words = half(templates);
    halves.set(templates, words);
  }
  return words;
}

function half(templates: TemplateSet): Words {
  const family = families();
  const isIn = (word: string) => (hashText(family(word)) % 2 === 0) === (templates === "standard");
  const each = <K extends string, T>(pools: Record<K, readonly T[]>, word: (item: T) => string) => {
    const kept = {} as Record<K, readonly T[]>;
    for (const name in pools) kept[name] = pools[name].filter((item) => isIn(word(item)));
    return kept;
  };
  return {
    ...each(wordPools, (word) => word),
    ...each(nounPools, ({ one }) => one),
    namePairs: namePairs.filter(([first]) => isIn(first)),
  };
}

/** What belongs together stays together: a noun and its plural, the names of a pair. A family goes by its least word. */
function families(): (word: string) => string {
  const parents = new Map<string, string>();
  const family = (word: string): string => {
    const parent = parents.get(word);
    return parent === undefined ? word : family(parent);
  };
  const nouns = Object.values(nounPools).flat();
  for (const [a, b] of [...nouns.map(({ one, many }) => [one, many]), ...namePairs]) {
    const [least, other] = [family(a), family(b)].sort();
    if (least !== other) parents.set(other, least);
  }
  return family;
}

import { describe, expect, it } from "vitest";
import { generateProgram } from "../../../src/corpus/synthetic/index.js";
import * as words from "../../../src/corpus/synthetic/words.js";
import { Random } from "../../../src/random.js";
import { syntaxErrors, undefinedNames } from "../../support/python.js";
import { behaviours } from "./behaviours.js";

const seeds = [0, 1, 2 ** 40, 12345];
const programs = seeds.flatMap((seed) => {
  const random = new Random(seed);
  return Array.from({ length: 500 }, () => generateProgram(random));
});

describe("generateProgram", () => {
  it("depends on the random stream alone", () => {
    const random = new Random(seeds[0]!);
    expect(Array.from({ length: 500 }, () => generateProgram(random))).toEqual(programs.slice(0, 500));
  });

  it("writes text that ends in one newline, without trailing spaces or tabs", () => {
    for (const program of programs) {
      expect(program).toMatch(/\S\n$/);
      expect(program).not.toMatch(/[ \t]\n|\t|\n{4}|^\n/);
    }
  });

  it("writes programs that parse", async () => {
    const errors = await syntaxErrors(programs);
    expect(programs.filter((_, index) => errors[index] !== null)).toEqual([]);
  });

  it("writes programs that define the names they use", async () => {
    const names = await undefinedNames(programs);
    expect(names.flat()).toEqual([]);
  });

  it("keeps one quote in a program", () => {
    for (const program of programs) {
      const strings = program.replaceAll('"""', "");
      expect(strings.includes('"') && strings.includes("'"), program).toBe(false);
    }
  });

  it("makes all parameters behind the first optional, or none", () => {
    for (const program of programs) {
      for (const [, list] of program.matchAll(/def \w+\((?:self, )?(.*?)\)/g)) {
        const optional = list!.split(", ").map((parameter) => parameter.includes("=None"));
        expect(new Set(optional.slice(1)).size, list).toBeLessThan(2);
        expect(optional[0]! && optional[1] === false, list).toBe(false);
      }
    }
  });

  it("opens a file in the mode that its name tells", () => {
    const modes = new Map<string, Set<string>>();
    for (const program of programs)
      for (const [, stem, mode] of program.matchAll(
        /open\(["']?(?:[a-z]+_)?([a-z]+)(?:\.|_)\w+["']?, ["']([rw])["']\)/g,
      ))
        modes.set(stem!, (modes.get(stem!) ?? new Set()).add(mode!));
    for (const stem of words.readFiles) expect([...(modes.get(stem) ?? [])], stem).toEqual(["r"]);
    for (const stem of words.writeFiles) expect([...(modes.get(stem) ?? [])], stem).toEqual(["w"]);
  });

  it("hardly ever repeats itself", () => {
    expect(new Set(programs).size).toBeGreaterThan(0.99 * programs.length);
  });

  it("writes programs of many lengths, most of them some hundreds of characters long", () => {
    const lengths = programs.map((program) => program.length).sort((a, b) => a - b);
    const median = lengths[lengths.length / 2]!;
    expect(median).toBeGreaterThan(400);
    expect(median).toBeLessThan(800);
    expect(lengths[Math.floor(0.99 * lengths.length)]).toBeGreaterThan(1200);
  });

  it.each(Object.keys(behaviours))("shows %s often", (task) => {
    for (const pattern of behaviours[task]!) {
      const shown = programs.filter((program) => pattern.test(program)).length;
      expect(shown / programs.length, String(pattern)).toBeGreaterThan(0.03);
    }
  });

  it("uses nearly all words of the pools", () => {
    const used = new Set(programs.flatMap((program) => program.match(/[A-Za-z_]\w*/g) ?? []));
    const all = Object.values(words).flatMap((pool) =>
      (pool as readonly unknown[]).flatMap((entry) =>
        typeof entry === "object" && entry !== null ? Object.values(entry) : [entry],
      ),
    );
    const identifiers = [...new Set(all)].filter((word) => /^[A-Za-z_]\w*$/.test(String(word)));
    const unused = identifiers.filter((word) => !used.has(String(word)));
    expect(unused.length, unused.join(" ")).toBeLessThan(0.06 * identifiers.length);
  });
});

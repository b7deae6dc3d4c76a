import { code } from "./code.js";
import { textTest } from "./conditions.js";
import type { Definition, Draft } from "./draft.js";
import { printNotice, printValue } from "./printing.js";
import type { Scope } from "./scope.js";
import { text } from "./values.js";
import {
  accumulators,
  counters,
  fileExtensions,
  handles,
  indexNames,
  pathSuffixes,
  readFiles,
  readHandles,
  textNouns,
  writeFiles,
  writeHandles,
} from "./words.js";

/** How a program opens a file: for reading or for writing, which its name tells. */
type Mode = "r" | "w";

/** The names that a file open in a mode may have. */
export const handlesOf: Record<Mode, readonly string[]> = {
  r: [...handles, ...handles, ...readHandles],
  w: [...handles, ...handles, ...writeHandles],
};

/** The name of a file, as a literal. */
export function fileName(draft: Draft, mode: Mode): string {
  const stem = draft.pick(mode === "r" ? readFiles : writeFiles);
  const prefix = draft.chance(0.15) ? `${draft.pick(textNouns).one}_` : "";
  return draft.string(`${prefix}${stem}.${draft.pick(fileExtensions)}`);
}

/** The name of a variable that holds the name of a file. */
export function fileVariable(draft: Draft, scope: Scope, mode: Mode): string {
  const stem = draft.pick(mode === "r" ? readFiles : writeFiles);
  return scope.numbered(draft.chance(0.1) ? "path" : `${stem}_${draft.pick(pathSuffixes)}`);
}

/** A call of `open`; where the name is literal, mostly with the mode. */
export function opened(draft: Draft, name: string, mode: Mode): string {
  const explicit = /^["']/.test(name) ? 0.8 : 0.35;
  return mode === "r" && !draft.chance(explicit) ? `open(${name})` : `open(${name}, ${draft.string(mode)})`;
}

/** A file that a function names itself, or gets as a parameter. */
function fileOf(
  draft: Draft,
  scope: Scope,
  mode: Mode,
): { readonly parameter: string; readonly name: string; readonly argument: string } {
  if (draft.chance(0.5)) return { parameter: "", name: fileName(draft, mode), argument: "" };
  const variable = fileVariable(draft, scope, mode);
  return { parameter: variable, name: variable, argument: fileName(draft, mode) };
}

function reading(draft: Draft): Definition {
  const scope = draft.scope();
  const file = fileOf(draft, scope, "r");
  const f = scope.name(handlesOf.r);
  const line = scope.name(["line", "line", "row", "entry", "text"]);
  const result = scope.name(accumulators);
  const count = scope.name(counters);
  const i = scope.name(indexNames);
  const content = scope.name(["content", "text", "data"]);
  const [name, body] = draft.pick<() => readonly [string, string]>([
    () => [
      "read_lines",
      code`
        ${result} = []
        with ${opened(draft, file.name, "r")} as ${f}:
            for ${line} in ${f}:
                ${draft.pick([`${result}.append(${line}.strip())`, `${line} = ${line}.strip()\n${result}.append(${line})`, `${result}.append(${line})`])}
        return ${result}
      `,
    ],
    () => [
      "count_lines",
      code`
        ${count} = 0
        with ${opened(draft, file.name, "r")} as ${f}:
            for ${line} in ${f}:
                ${draft.maybe(0.5, () => `if ${textTest(draft, line)}:\n    continue`)}
                ${count} += 1
        return ${count}
      `,
    ],
    () => [
      "load_text",
      code`
        with ${opened(draft, file.name, "r")} as ${f}:
            ${draft.chance(0.5) ? `return ${f}.read()` : `${content} = ${f}.read()\nreturn ${content}`}
      `,
    ],
    () => [
      "load_words",
      code`
        ${result} = set()
        with ${opened(draft, file.name, "r")} as ${f}:
            for ${line} in ${f}:
                ${line} = ${line}.strip()
                ${result}.add(${line})
        return ${result}
      `,
    ],
    () => [
      "show_file",
      code`
        with ${opened(draft, file.name, "r")} as ${f}:
            for ${i}, ${line} in enumerate(${f}):
                print(${i}, ${line})
      `,
    ],
    () => [
      "read_file",
      code`
        ${f} = ${opened(draft, file.name, "r")}
        ${content} = ${f}.read()
        ${f}.close()
        return ${content}
      `,
    ],
    () => [
      "show_lines",
      code`
        ${f} = ${opened(draft, file.name, "r")}
        ${line} = ${f}.readline()
        while ${line}:
            print(${line})
            ${line} = ${f}.readline()
        ${f}.close()
      `,
    ],
    () => [
      "load_numbers",
      code`
        try:
            with ${opened(draft, file.name, "r")} as ${f}:
                return [int(${line}) for ${line} in ${f}]
        except FileNotFoundError:
            ${draft.chance(0.5) ? `print(${draft.string("Missing")})\nreturn []` : "return []"}
      `,
    ],
  ])();
  const defined = draft.define(draft.pick([name, name, "load", "read_data", "get_lines"]));
  return {
    code: code`
      def ${defined}(${file.parameter}):
          ${draft.docstring(draft.pick(["Read a file", "Return the data"]))}
          ${body}
    `,
    usage: draft.either(
      () => `print(${defined}(${file.argument}))`,
      () => `loaded = ${defined}(${file.argument})`,
      () => `loaded = ${defined}(${file.argument})`,
      () => `loaded = ${defined}(${file.argument})\nprint(loaded)`,
      () => `loaded = ${defined}(${file.argument})\nprint(loaded)`,
    ),
  };
}

function writing(draft: Draft): Definition {
  const scope = draft.scope();
  const noun = scope.noun(draft.chance(0.6) ? "text" : "number");
  const file = fileOf(draft, scope, "w");
  const f = scope.name(handlesOf.w);
  const i = scope.name(indexNames);
  const content = scope.name(accumulators);
  const line = draft.pick([
    `${f}.write(str(${noun.one}) + ${draft.string("\\n")})`,
    `${f}.write(f${draft.string(`{${noun.one}}\\n`)})`,
    `print(${noun.one}, file=${f})`,
  ]);
  const name = draft.define(
    draft.pick([`save_${noun.many}`, `write_${noun.many}`, "save", "write_file", "write_all"]),
  );
  const body = draft.either(
    () => code`
      with ${opened(draft, file.name, "w")} as ${f}:
          for ${noun.one} in ${noun.many}:
              ${line}
    `,
    () => code`
      ${content} = ${draft.string("")}
      for ${noun.one} in ${noun.many}:
          ${content} += str(${noun.one}) + ${draft.string("\\n")}
      with ${opened(draft, file.name, "w")} as ${f}:
          ${f}.write(${content})
    `,
    () => code`
      with ${opened(draft, file.name, "w")} as ${f}:
          for ${i}, ${noun.one} in enumerate(${noun.many}):
              print(${i}, ${noun.one}, file=${f})
    `,
    () => code`
      ${f} = ${opened(draft, file.name, "w")}
      for ${noun.one} in ${noun.many}:
          ${line}
      ${f}.close()
    `,
  );
  return {
    code: code`
      def ${name}(${[noun.many, file.parameter].filter((each) => each !== "").join(", ")}):
          ${draft.docstring(`Write the ${noun.many}`)}
          ${body}
          ${draft.maybe(0.3, () => printNotice(draft))}
    `,
    usage: `${name}([${text(draft)}, ${text(draft)}]${file.argument && `, ${file.argument}`})`,
  };
}

/** Reads one file and writes another. */
function copying(draft: Draft): Definition {
  const scope = draft.scope();
  const [source, target] = [fileOf(draft, scope, "r"), fileOf(draft, scope, "w")];
  const [infile, outfile] = draft.pick([
    ["infile", "outfile"],
    ["f", "g"],
    ["source", "target"],
    ["reader", "writer"],
  ] as const);
  const line = scope.name(["line", "row", "entry"]);
  const lines = scope.name(["lines", "rows", "entries", "kept"]);
  const count = scope.name(counters);
  const change = draft.pick([
    "",
    `${line} = ${line}.upper()`,
    `${line} = ${line}.lower()`,
    `${line} = ${line}.replace(${draft.string(",")}, ${draft.string(" ")})`,
  ]);
  const name = draft.define(draft.pick(["copy_file", "convert_file", "process_file"]));
  const parameters = [source.parameter, target.parameter].filter((each) => each !== "").join(", ");
  const argumentsText = [source.argument, target.argument].filter((each) => each !== "").join(", ");
  return {
    code: draft.chance(0.5)
      ? code`
          def ${name}(${parameters}):
              with ${opened(draft, source.name, "r")} as ${infile}:
                  with ${opened(draft, target.name, "w")} as ${outfile}:
                      for ${line} in ${infile}:
                          ${draft.maybe(0.5, () => `if ${textTest(draft, line)}:\n    continue`)}
                          ${change}
                          ${outfile}.write(${line})
        `
      : code`
          def ${name}(${parameters}):
              ${draft.docstring("Read and write lines")}
              with ${opened(draft, source.name, "r")} as ${infile}:
                  ${lines} = ${infile}.readlines()
              ${draft.maybe(0.4, () => `${count} = len(${lines})\n${printValue(draft, count, count)}`)}
              with ${opened(draft, target.name, "w")} as ${outfile}:
                  for ${line} in ${lines}:
                      ${change}
                      ${outfile}.write(${line})
        `,
    usage: `${name}(${argumentsText})`,
  };
}

/** Statements that open files at the program's own level. */
export function fileStatements(draft: Draft, scope: Scope): string {
  const noun = scope.noun("text");
  const result = scope.name(accumulators);
  /** A literal name, or a variable that is set to one first. */
  const file = (mode: Mode): { readonly first: string; readonly name: string; readonly f: string } => {
    const f = scope.name(handlesOf[mode]);
    if (draft.chance(0.6)) return { first: "", name: fileName(draft, mode), f };
    const name = fileVariable(draft, scope, mode);
    return { first: `${name} = ${fileName(draft, mode)}`, name, f };
  };
  const read = (): string => {
    const { first, name, f } = file("r");
    const isSet = draft.chance(0.5);
    return draft.either(
      () => code`
        ${first}
        with ${opened(draft, name, "r")} as ${f}:
            ${result} = ${f}.read()
        print(${result})
      `,
      () => code`
        ${first}
        ${f} = ${opened(draft, name, "r")}
        ${result} = ${f}.read()
        ${f}.close()
        print(${result})
      `,
      () => code`
        ${first}
        ${f} = ${opened(draft, name, "r")}
        for ${noun.one} in ${f}:
            print(${noun.one})
        ${f}.close()
      `,
      () => code`
        ${first}
        with ${opened(draft, name, "r")} as ${f}:
            for ${noun.one} in ${f}:
                ${noun.one} = ${noun.one}.strip()
                print(${noun.one})
      `,
      () => code`
        ${first}
        ${result} = ${isSet ? "set()" : draft.string("")}
        with ${opened(draft, name, "r")} as ${f}:
            for ${noun.one} in ${f}:
                ${isSet ? `${result}.add(${noun.one})` : `${result} += ${noun.one}`}
      `,
    );
  };
  const write = (): string => {
    const { first, name, f } = file("w");
    return draft.either(
      () => code`
        ${first}
        with ${opened(draft, name, "w")} as ${f}:
            ${f}.write(${text(draft)})
      `,
      () => code`
        ${first}
        ${f} = ${opened(draft, name, "w")}
        ${f}.write(${text(draft)})
        ${f}.close()
      `,
      () => code`
        ${first}
        with ${opened(draft, name, "w")} as ${f}:
            for ${noun.one} in [${text(draft)}, ${text(draft)}]:
                ${f}.write(${noun.one})
      `,
    );
  };
  return draft.either(
    read,
    write,
    () => `${read()}\n${write()}`,
    () => `${read()}\n${write()}`,
  );
}

export const fileFamilies = [reading, reading, writing, copying] as const;

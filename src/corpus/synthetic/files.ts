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
  readFiles,
  textNouns,
  writeFiles,
} from "./words.js";

/** How a program opens a file: for reading or for writing, which its name tells. */
type Mode = "r" | "w";

/** The name of a file, as a literal. */
export function fileName(draft: Draft, mode: Mode): string {
  const stem = draft.pick(mode === "r" ? readFiles : writeFiles);
  const prefix = draft.chance(0.15) ? `${draft.pick(textNouns).one}_` : "";
  return draft.string(`${prefix}${stem}.${draft.pick(fileExtensions)}`);
}

/** The name of a variable that holds the name of a file. */
function fileVariable(draft: Draft, scope: Scope, mode: Mode): string {
  const stem = draft.pick(mode === "r" ? readFiles : writeFiles);
  return scope.numbered(`${stem}_${draft.pick(["file", "path", "name"])}`);
}

export function opened(draft: Draft, name: string, mode: Mode, explicit = 0.6): string {
  return mode === "r" && !draft.chance(explicit) ? `open(${name})` : `open(${name}, ${draft.string(mode)})`;
}

/** A file that a function names itself, or gets as a parameter. */
function fileOf(
  draft: Draft,
  scope: Scope,
  mode: Mode,
): { readonly parameter: string; readonly name: string; readonly argument: string } {
  if (draft.chance(0.6)) return { parameter: "", name: fileName(draft, mode), argument: "" };
  const variable = fileVariable(draft, scope, mode);
  return { parameter: variable, name: variable, argument: fileName(draft, mode) };
}

function reading(draft: Draft): Definition {
  const scope = draft.scope();
  const file = fileOf(draft, scope, "r");
  const f = scope.name(handles);
  const line = scope.name(["line", "line", "row", "entry", "text"]);
  const result = scope.name(accumulators);
  const count = scope.name(counters);
  const i = scope.name(indexNames);
  const content = scope.name(["content", "text_read", "body", "everything", "source_text"]);
  const [name, body] = draft.pick<() => readonly [string, string]>([
    () => [
      "read_lines",
      code`
        ${result} = []
        with ${opened(draft, file.name, "r")} as ${f}:
            for ${line} in ${f}:
                ${result}.append(${line}.strip())
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
                ${result}.add(${line}.strip())
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
      "print_lines",
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
            ${draft.chance(0.5) ? `print(${draft.string("File not found")})\nreturn []` : "return []"}
      `,
    ],
  ])();
  const defined = draft.define(draft.pick([name, name, "load", "read_data", "get_lines"]));
  return {
    code: code`
      def ${defined}(${file.parameter}):
          ${draft.docstring("Read a file.")}
          ${body}
    `,
    usage: draft.chance(0.4)
      ? `print(${defined}(${file.argument}))`
      : `loaded = ${defined}(${file.argument})`,
  };
}

function writing(draft: Draft): Definition {
  const scope = draft.scope();
  const noun = scope.noun(draft.chance(0.6) ? "text" : "number");
  const file = fileOf(draft, scope, "w");
  const f = scope.name(handles);
  const i = scope.name(indexNames);
  const content = scope.name(accumulators);
  const line = draft.pick([
    `${f}.write(str(${noun.one}) + ${draft.string("\\n")})`,
    `${f}.write(f${draft.string(`{${noun.one}}\\n`)})`,
    `print(${noun.one}, file=${f})`,
  ]);
  const name = draft.define(
    draft.pick([`save_${noun.many}`, `write_${noun.many}`, "save", "write_file", "export", "store"]),
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
              ${f}.write(f${draft.string(`{${i}} {${noun.one}}\\n`)})
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
          ${draft.docstring(`Write the ${noun.many} to a file.`)}
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
  const change = draft.pick([
    line,
    `${line}.upper()`,
    `${line}.lower()`,
    `${line}.replace(${draft.string(",")}, ${draft.string(" ")})`,
  ]);
  const name = draft.define(
    draft.pick(["copy_file", "convert_file", "clean_file", "filter_file", "process_file", "transform"]),
  );
  const parameters = [source.parameter, target.parameter].filter((each) => each !== "").join(", ");
  const argumentsText = [source.argument, target.argument].filter((each) => each !== "").join(", ");
  return {
    code: draft.chance(0.5)
      ? code`
          def ${name}(${parameters}):
              with ${opened(draft, source.name, "r", 1)} as ${infile}:
                  with ${opened(draft, target.name, "w")} as ${outfile}:
                      for ${line} in ${infile}:
                          ${draft.maybe(0.5, () => `if ${textTest(draft, line)}:\n    continue`)}
                          ${outfile}.write(${change})
        `
      : code`
          def ${name}(${parameters}):
              ${draft.docstring("Read one file and write another.")}
              with ${opened(draft, source.name, "r", 1)} as ${infile}:
                  ${lines} = ${infile}.readlines()
              ${draft.maybe(0.4, () => printValue(draft, lines, `len(${lines})`))}
              with ${opened(draft, target.name, "w")} as ${outfile}:
                  for ${line} in ${lines}:
                      ${outfile}.write(${change})
        `,
    usage: `${name}(${argumentsText})`,
  };
}

/** Statements that open files at the program's own level. */
export function fileStatements(draft: Draft, scope: Scope): string {
  const f = scope.name(handles);
  const noun = scope.noun("text");
  const result = scope.name(accumulators);
  const read = (): string =>
    draft.either(
      () =>
        `with ${opened(draft, fileName(draft, "r"), "r", 0.65)} as ${f}:\n    ${result} = ${f}.read()\nprint(${result})`,
      () =>
        `${f} = ${opened(draft, fileName(draft, "r"), "r", 0.65)}\n${result} = ${f}.read()\n${f}.close()\nprint(${result})`,
      () =>
        `with ${opened(draft, fileName(draft, "r"), "r", 0.65)} as ${f}:\n    for ${noun.one} in ${f}:\n        print(${noun.one}.strip())`,
      () => {
        const isSet = draft.chance(0.5);
        return code`
          ${result} = ${isSet ? "set()" : draft.string("")}
          with ${opened(draft, fileName(draft, "r"), "r", 0.65)} as ${f}:
              for ${noun.one} in ${f}:
                  ${isSet ? `${result}.add(${noun.one})` : `${result} += ${noun.one}`}
        `;
      },
    );
  const write = (): string =>
    draft.either(
      () => `with ${opened(draft, fileName(draft, "w"), "w")} as ${f}:\n    ${f}.write(${text(draft)})`,
      () => `${f} = ${opened(draft, fileName(draft, "w"), "w")}\n${f}.write(${text(draft)})\n${f}.close()`,
      () =>
        `with ${opened(draft, fileName(draft, "w"), "w")} as ${f}:\n    for ${noun.one} in [${text(draft)}, ${text(draft)}]:\n        ${f}.write(${noun.one})`,
    );
  return draft.either(read, write, () => `${read()}\n${write()}`);
}

export const fileFamilies = [reading, reading, writing, writing, copying] as const;

import { type Command, Option } from "commander";
import { SparseLensError } from "../errors.js";
import { readTokenizer } from "../load-model.js";
import type { Range, Tokenizer } from "../tokenizer/tokenizer.js";
import { interpretEscapes, MODEL_ARGUMENT, parseIds } from "./arguments.js";
import { formatTable, formatToken } from "./format.js";
import { readInput, withCheckpoint } from "./open.js";
import { print, printJson } from "./output.js";

interface Options {
  readonly file?: string;
  readonly decode?: number[];
  readonly escapes?: boolean;
  readonly json?: boolean;
}

export function addTokenize(program: Command, signal: AbortSignal): void {
  const command = program
    .command("tokenize")
    .description("Show the tokens of a text and where they are in it, or the text of some tokens.")
    .argument(...MODEL_ARGUMENT)
    .argument("[text]", "text to encode")
    .addOption(new Option("--file <file>", "encode a file, - for stdin").conflicts("decode"))
    .option("--decode <ids>", "print the text of token ids: 1,2,3", parseIds)
    .option("-e, --escapes", "interpret \\n, \\t, \\xHH … in the text")
    .option("--json", "print one object")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens tokenize default "def square_sum(xs):"
  $ sparselens tokenize default --decode 1,2,3`,
    )
    .action(async (argument: string, text: string | undefined, options: Options) => {
      const { file, decode, escapes, json } = options;
      if ([text, file, decode].filter((given) => given !== undefined).length !== 1) {
        command.error("error: give one of TEXT, --file and --decode");
      }
      await withCheckpoint(argument, options, signal, async (checkpoint) => {
        const tokenizer = readTokenizer(checkpoint);
        if (!tokenizer) throw new SparseLensError(`${checkpoint.location} came without a tokenizer.`);
        if (decode) printDecoded(tokenizer, decode, json);
        else if (file !== undefined) printEncoded(tokenizer, await readInput(file), json);
        else printEncoded(tokenizer, escapes ? interpretEscapes(text!) : text!, json);
      });
    });
}

function printDecoded(tokenizer: Tokenizer, ids: readonly number[], json = false): void {
  const missing = ids.find((id) => tokenizer.token(id) === undefined);
  if (missing !== undefined) {
    throw new SparseLensError(
      `--decode: there is no token ${missing}; ids go from 0 to ${tokenizer.vocabularySize - 1}.`,
    );
  }
  if (json) printJson({ ids, tokens: ids.map((id) => tokenizer.token(id)), text: tokenizer.decode(ids) });
  else process.stdout.write(tokenizer.decodeBytes(ids));
  if (!json && process.stdout.isTTY) print("\n");
}

function printEncoded(tokenizer: Tokenizer, text: string | Uint8Array, json = false): void {
  const encoding = tokenizer.encodeWithOffsets(text);
  if (json) {
    printJson(encoding);
    return;
  }
  const range = ([start, end]: Range) => `${start}-${end}`;
  const rows = encoding.ids.map((id, index) => [
    String(index),
    String(id),
    range(encoding.byteOffsets[index]),
    range(encoding.characterOffsets[index]),
    formatToken(tokenizer.tokenBytes(id)),
  ]);
  print(formatTable([["", "id", "bytes", "characters", "token"], ...rows], "rrrrl"));
}

import type { Command } from "commander";
import { streamEndOf, type Trace, type TracedLink, type TraceLinks, trace } from "../circuits/trace.js";
import { type RowWeight, WeightGraph } from "../circuits/weight-graph.js";
import { readTokenizer } from "../load-model.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { MODEL_ARGUMENT, parseInteger } from "./arguments.js";
import { formatCount, formatToken, formatWeight } from "./format.js";
import { withCheckpoint } from "./open.js";
import { faint, print, printJson } from "./output.js";

interface Options {
  readonly up: number;
  readonly down: number;
  readonly top: number;
  readonly json?: boolean;
}

export function addTrace(program: Command, signal: AbortSignal): void {
  program
    .command("trace")
    .description("Show which nodes feed a node and which it feeds, through the weights alone.")
    .argument(...MODEL_ARGUMENT)
    .argument("<node>", "a location and a channel, such as 1.mlp.post_act:3")
    .option("--up <steps>", "steps towards the embedding", (text) => parseInteger(text, 0), 2)
    .option("--down <steps>", "steps towards the unembedding", (text) => parseInteger(text, 0), 2)
    .option(
      "--top <number>",
      "links that are followed from each node, and tokens that are named: those of the largest |weight|",
      (text) => parseInteger(text, 1),
      5,
    )
    .option("--json", "print one object")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens trace default 1.mlp.post_act:26 --top 3`,
    )
    .action(async (argument: string, node: string, options: Options) => {
      await withCheckpoint(argument, options, signal, async (checkpoint) => {
        const tokenizer = readTokenizer(checkpoint);
        const traced = await trace(new WeightGraph(checkpoint), node, options);
        if (options.json) printJson({ model: checkpoint.location, ...withTexts(traced, tokenizer) });
        else print(asText(traced, tokenizer));
      });
    });
}

/** The same with the texts of tokens. */
function withTexts(traced: Trace, tokenizer: Tokenizer | null): object {
  const ofLinks = ({ links, more }: TraceLinks): object => ({
    links: links.map(({ rows, repeated, ...link }) => ({
      ...{ name: link.name, weight: link.weight, through: link.through, bias: link.bias },
      ...(rows && {
        rows: {
          count: rows.count,
          top: rows.top.map(({ row, weight }) =>
            streamEndOf(link.name) === "position"
              ? { position: row, weight }
              : { token: row, weight, text: tokenizer?.decode([row]) ?? null },
          ),
        },
      }),
      repeated,
      ...ofLinks(link),
    })),
    more,
  });
  return { ...traced, up: ofLinks(traced.up), down: ofLinks(traced.down) };
}

function asText({ node, bias, partner, up, down }: Trace, tokenizer: Tokenizer | null): string {
  const facts = [
    ...(bias === 0 ? [] : [`bias ${formatWeight(bias)}`]),
    ...(partner === null ? [] : [`multiplied with ${partner}`]),
  ];
  const part = (title: string, links: TraceLinks) => [
    "",
    links.links.length === 0 ? `${title} nothing by a weight` : title,
    ...tree(links, "", tokenizer),
  ];
  return `${[[node, ...facts].join(", "), ...part("fed by", up), ...part("feeds", down)].join("\n")}\n`;
}

function tree({ links, more }: TraceLinks, indent: string, tokenizer: Tokenizer | null): string[] {
  const width = Math.max(0, ...links.map(({ name }) => name.length));
  const lines = links.flatMap((link, i) => {
    const isLast = i === links.length - 1 && more === 0;
    return [
      `${indent}${isLast ? "└─ " : "├─ "}${link.name.padEnd(width)}  ${describe(link, tokenizer)}`,
      ...tree(link, `${indent}${isLast ? "   " : "│  "}`, tokenizer),
    ];
  });
  return more === 0 ? lines : [...lines, `${indent}└─ ${faint(`${formatCount(more)} more`, process.stdout)}`];
}

function describe(link: TracedLink, tokenizer: Tokenizer | null): string {
  const { weight, bias, rows, repeated } = link;
  const notes = [
    ...(bias === 0 ? [] : [`bias ${formatWeight(bias)}`]),
    ...(repeated ? ["followed above"] : []),
  ];
  const named = rows?.top.map((row) => `${rowName(link.name, row, tokenizer)} ${formatWeight(row.weight)}`);
  const more = rows && rows.count > rows.top.length ? `, … of ${formatCount(rows.count)}` : "";
  return [
    formatWeight(weight),
    ...(notes.length > 0 ? [faint(`(${notes.join(", ")})`, process.stdout)] : []),
    ...(named ? [` ${named.join(", ")}${more}`] : []),
  ].join(" ");
}

function rowName(end: string, { row }: RowWeight, tokenizer: Tokenizer | null): string {
  return streamEndOf(end) === "position" || !tokenizer ? String(row) : formatToken(tokenizer.tokenBytes(row));
}

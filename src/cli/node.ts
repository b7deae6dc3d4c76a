import { type Command, Option } from "commander";
import {
  type ActivatingDocument,
  type ActivationView,
  type Sequences,
  viewActivations,
} from "../circuits/activation-view.js";
import type { HistogramBins } from "../circuits/histogram.js";
import { type NodeTokens, nodeTokens, type TokenWeights } from "../circuits/token-weights.js";
import { WeightGraph } from "../circuits/weight-graph.js";
import { SPLITS, type SplitName } from "../corpus/manifest.js";
import { spreadSequences } from "../corpus/sequences.js";
import { readTokenizer } from "../load-model.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { addEngineOptions, type EngineOptions, MODEL_ARGUMENT, parseInteger } from "./arguments.js";
import { formatCount, formatNumber, formatPercent, formatToken, formatWeight } from "./format.js";
import { withCheckpoint, withModel } from "./open.js";
import { openCorpusOf } from "./open-corpus.js";
import { faint, print, printJson } from "./output.js";
import { ProgressLine } from "./progress-line.js";

type Options = EngineOptions & {
  readonly corpus?: string;
  readonly split: SplitName;
  readonly tokens: number;
  readonly top: number;
  readonly json?: boolean;
};

export function addNode(program: Command, signal: AbortSignal): void {
  const command = program
    .command("node")
    .description(
      "Show what a node is about: its tokens by the weights, and the documents that it is active in.",
    )
    .argument(...MODEL_ARGUMENT)
    .argument("<node>", "a location and a channel, such as 1.mlp.post_act:3")
    .option("--corpus <directory>", "activations over the documents of this corpus, too")
    .addOption(new Option("--split <split>", "of the corpus").choices(SPLITS).default("validation"))
    .option("--tokens <number>", "how much of the corpus is run", (text) => parseInteger(text, 1), 100000)
    .option("--top <number>", "tokens of either sign that are named", (text) => parseInteger(text, 1), 8);
  addEngineOptions(command)
    .option("--json", "print one object")
    .addHelpText(
      "after",
      `
Example:
  $ sparselens node default 1.mlp.post_act:26 --corpus corpus`,
    )
    .action(async (argument: string, node: string, options: Options) => {
      const { json, corpus, split } = options;
      if (split !== "train" && split !== "validation") command.error("error: --split is train or validation");
      let source = "";
      let tokens: NodeTokens | undefined;
      let tokenizer: Tokenizer | null = null;
      await withCheckpoint(argument, options, signal, async (checkpoint) => {
        source = checkpoint.location;
        tokenizer = readTokenizer(checkpoint);
        tokens = await nodeTokens(new WeightGraph(checkpoint), node, options.top);
      });
      const view = corpus === undefined ? null : await activations(argument, node, corpus, options, signal);
      if (json) {
        printJson({
          ...{ model: source, node, tokens: withTexts(tokens!, tokenizer) },
          ...(view && { corpus, split, activations: viewAsJson(view) }),
        });
      } else {
        print(`${node}\n\n${tokensAsText(tokens!, tokenizer)}`);
        if (view) print(`\n${viewAsText(view, corpus!, split, tokenizer!)}`);
      }
    });
}

async function activations(
  argument: string,
  node: string,
  directory: string,
  options: Options,
  signal: AbortSignal,
): Promise<ActivationView> {
  let view: ActivationView | undefined;
  await withModel(argument, options, signal, async (model) => {
    const corpus = await openCorpusOf(model, directory);
    const text = await corpus.tokens(options.split);
    const { endOfText } = corpus.manifest.tokenizer;
    const ranges = spreadSequences(text, endOfText, model.config.block_size, options.tokens);
    const sequences: Sequences = {
      length: ranges.length,
      at: (index) => text.subarray(ranges[index].start, ranges[index].start + ranges[index].length),
    };
    const line = new ProgressLine(!options.json);
    try {
      const views = await viewActivations(model, [node], sequences, {
        signal,
        onProgress: ({ done, total }) => line.show(`document ${formatCount(done)} of ${formatCount(total)}`),
      });
      view = views.get(node);
    } finally {
      line.clear();
    }
  });
  return view!;
}

function withTexts({ embedding, unembedding }: NodeTokens, tokenizer: Tokenizer | null): object {
  const texts = (weights: TokenWeights | null) => {
    const named = (rows: TokenWeights["positive"]) =>
      rows.map(({ row, weight }) => ({ token: row, weight, text: tokenizer?.decode([row]) ?? null }));
    return (
      weights && {
        ...{ positive: named(weights.positive), negative: named(weights.negative), count: weights.count },
      }
    );
  };
  return { embedding: texts(embedding), unembedding: texts(unembedding) };
}

function viewAsJson({ quantiles, ...view }: ActivationView): object {
  const plain = (documents: readonly ActivatingDocument[]) =>
    documents.map(({ document, position, tokens, activations }) => ({
      ...{ document, position, tokens: [...tokens], activations: [...activations] },
    }));
  return {
    ...view,
    quantiles: quantiles.map(({ quantile, bottom, top }) => ({
      ...{ quantile, bottom: plain(bottom), top: plain(top) },
    })),
  };
}

function tokensAsText({ embedding, unembedding }: NodeTokens, tokenizer: Tokenizer | null): string {
  const lines = (title: string, weights: TokenWeights | null): string[] => {
    if (weights === null) return [`${title}  not connected directly`];
    const row = (rows: TokenWeights["positive"]) =>
      rows
        .map(({ row, weight }) => {
          const name = tokenizer ? formatToken(tokenizer.tokenBytes(row)) : String(row);
          return `${name} ${formatWeight(weight)}`;
        })
        .join("  ");
    const signs = [weights.positive, weights.negative].filter((rows) => rows.length > 0).map(row);
    return signs.map((text, i) => `${i === 0 ? title : " ".repeat(title.length)}  ${text}`);
  };
  return `${[...lines("embedding  ", embedding), ...lines("unembedding", unembedding)].join("\n")}\n`;
}

function viewAsText(view: ActivationView, corpus: string, split: string, tokenizer: Tokenizer): string {
  const { documents, tokens, zeros, mean, standardDeviation, minimum, maximum, histogram } = view;
  const facts = [
    `${corpus}, ${split}: ${formatCount(tokens)} tokens in ${formatCount(documents)} documents`,
    `zero at ${formatPercent(zeros / tokens)} of the tokens; mean ${formatNumber(mean)}, standard deviation ${formatNumber(standardDeviation)}, from ${formatNumber(minimum)} to ${formatNumber(maximum)}`,
    ...(histogram.counts.length > 0 ? [bars(histogram)] : []),
  ];
  const sides = (["top", "bottom"] as const).flatMap((side) =>
    view.quantiles.flatMap(({ quantile, [side]: list }) => [
      "",
      `${side} ${formatPercent(quantile)}`,
      ...list.map(
        (one) => `${formatWeight(one.activations[one.position]).padStart(9)}  ${snippet(one, tokenizer)}`,
      ),
    ]),
  );
  return `${[...facts, ...sides].join("\n")}\n`;
}

/** A row of bars, their heights by the logarithm: a few large activations are what a node is about. */
function bars({ width, first, counts }: HistogramBins): string {
  const highest = Math.log1p(Math.max(...counts));
  const heights = counts.map((count) =>
    count === 0 ? " " : "▁▂▃▄▅▆▇█"[Math.floor((7.999 * Math.log1p(count)) / highest)],
  );
  const [from, to] = [first, first + counts.length].map((bin) => formatNumber(bin * width));
  const note = `where not zero: logarithm of counts, in steps of ${formatNumber(width)}`;
  return `${from} ${heights.join("")} ${to}  ${faint(note, process.stdout)}`;
}

/** Characters before and behind the marked token. */
const BEFORE = 56;
const BEHIND = 24;

/** The text about the position, on one line, with its token marked. */
function snippet({ tokens, position }: ActivatingDocument, tokenizer: Tokenizer): string {
  const text = (from: number, to: number) =>
    tokenizer
      .decode(Array.from(tokens.subarray(from, to)))
      .replaceAll("\n", "⏎")
      .replaceAll("\t", "⇥");
  const before = text(0, position);
  const behind = text(position + 1, tokens.length);
  return [
    before.length > BEFORE ? `…${before.slice(-BEFORE)}` : before,
    `«${text(position, position + 1)}»`,
    behind.length > BEHIND ? `${behind.slice(0, BEHIND)}…` : behind,
  ].join("");
}

import type { Session } from "./session.js";

export interface MatrixUse {
  readonly name: string;
  readonly nonzeros: number;
  readonly total: number;
}

/** How many weights read a channel of the residual stream, and how many write it. */
export interface ChannelUse {
  readonly channel: number;
  readonly reads: number;
  readonly writes: number;
  /** Tokens whose embedding has it. */
  readonly embedding: number;
}

export interface WeightsOverview {
  readonly matrices: readonly MatrixUse[];
  readonly channels: readonly ChannelUse[];
}

/** Nonzeros of every matrix, and of every channel of the residual stream. */
export async function weightsOverview({ model }: Session): Promise<WeightsOverview> {
  const { d_model, tied_unembed } = model.config;
  const names = model.description.parameters
    .filter(
      ({ name, shape }) => shape.length === 2 && name !== "bigram_table" && !name.endsWith("wpe.weight"),
    )
    .map(({ name }) => name);
  const { matrices } = await model.run({ type: "weights", names });
  const reads = new Uint32Array(d_model);
  const writes = new Uint32Array(d_model);
  const embedding = new Uint32Array(d_model);
  const uses: MatrixUse[] = [];
  for (const [name, { rows, columns, rowPointers, columnIndices }] of matrices) {
    uses.push({
      name: name.replace("transformer.", ""),
      nonzeros: columnIndices.length,
      total: rows * columns,
    });
    const isWriter = name.endsWith("c_proj.weight");
    const isEmbedding = name.endsWith("wte.weight");
    for (let row = 0; row < rows; row++) {
      if (isWriter) writes[row] += rowPointers[row + 1] - rowPointers[row];
    }
    for (const column of isWriter ? [] : columnIndices) {
      if (column >= d_model) continue;
      if (isEmbedding) embedding[column]++;
      if (!isEmbedding || tied_unembed) reads[column]++;
    }
  }
  const channels = Array.from({ length: d_model }, (_, channel) => ({
    ...{ channel, reads: reads[channel], writes: writes[channel], embedding: embedding[channel] },
  }));
  return { matrices: uses, channels };
}

// Draws docs/picture.svg: every nonzero weight of the attention of the embedded model's first layer, read from its file as
// docs/formats.md describes it.
import { readFileSync, writeFileSync } from "node:fs";

const directory = new URL("../models/default/", import.meta.url);
const file = readFileSync(new URL("model.safetensors", directory));
const { d_model, n_head, d_head } = JSON.parse(readFileSync(new URL("config.json", directory), "utf8"));
const headerLength = Number(file.readBigUInt64LE(0));
const header = JSON.parse(file.subarray(8, 8 + headerLength).toString());

function array(name, Type) {
  const [start, end] = header[name].data_offsets;
  return new Type(new Uint8Array(file.subarray(8 + headerLength + start, 8 + headerLength + end)).buffer);
}

const inner = n_head * d_head;
const shapes = JSON.parse(header.__metadata__.sparse_shapes);
const matrices = [
  { name: "q", tensor: "attn.c_attn", from: 0, rows: inner },
  { name: "k", tensor: "attn.c_attn", from: inner, rows: inner },
  { name: "v", tensor: "attn.c_attn", from: 2 * inner, rows: inner },
  { name: "output", tensor: "attn.c_proj", from: 0, rows: d_model },
];
/** Pixels from one weight to the next; a weight is drawn larger than it is, to be seen. */
const STEP = 15 / 32;
const GAP = 24;
const TOP = 44;
const parts = [];
let x = GAP;
let total = 0;
let nonzeros = 0;
for (const { name, tensor, from, rows } of matrices) {
  const full = `transformer.h.0.${tensor}.weight`;
  // More than d_model where positions are concatenated.
  const [, columns] = shapes[full];
  const pointers = array(`${full}.row_pointers`, Uint32Array);
  const indices = array(`${full}.column_indices`, Uint16Array);
  const values = array(`${full}.values`, Float32Array);
  const paths = { positive: "", negative: "" };
  for (let row = 0; row < rows; row++) {
    for (let i = pointers[from + row]; i < pointers[from + row + 1]; i++) {
      paths[values[i] > 0 ? "positive" : "negative"] += `M${indices[i]} ${row}h1`;
    }
  }
  const count = pointers[from + rows] - pointers[from];
  total += rows * columns;
  nonzeros += count;
  parts.push(
    `<g transform="translate(${x} ${TOP})">` +
      `<text y="-20">${name}</text><text y="-7" class="note">${rows} × ${columns}, ${count.toLocaleString("en-US")} nonzeros</text>` +
      `<g transform="scale(${STEP})"><rect width="${columns}" height="${rows}"/>` +
      `<path class="positive" d="${paths.positive}"/><path class="negative" d="${paths.negative}"/></g></g>`,
  );
  x += columns * STEP + GAP;
}
const height = TOP + Math.max(inner, d_model) * STEP + 36;
const caption = `The attention of one layer of the embedded model: ${total.toLocaleString("en-US")} weights, ${nonzeros.toLocaleString("en-US")} of them not zero (blue: positive, orange: negative). All else is skipped.`;
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${x} ${height}" font-family="sans-serif" font-size="13">
<title>Every nonzero weight of the attention of one layer of the embedded model</title>
<style>rect{fill:#f6f7f9;stroke:#d0d4da}path{stroke-width:2}.positive{stroke:#1d6fb8}.negative{stroke:#d1611c}text{fill:#24292f}.note{font-size:10px;fill:#6b7280}</style>
<rect width="${x}" height="${height}" style="fill:#fff;stroke:none"/>
${parts.join("\n")}
<text x="${GAP}" y="${height - 13}">${caption}</text>
</svg>
`;
writeFileSync(new URL("../docs/picture.svg", import.meta.url), svg);

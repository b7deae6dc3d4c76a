// Draws docs/picture.svg: every nonzero weight of the embedded model's first layer, read from its file as
// docs/formats.md describes it.
import { readFileSync, writeFileSync } from "node:fs";

const file = readFileSync(new URL("../models/default/model.safetensors", import.meta.url));
const headerLength = Number(file.readBigUInt64LE(0));
const header = JSON.parse(file.subarray(8, 8 + headerLength).toString());

function array(name, Type) {
  const [start, end] = header[name].data_offsets;
  return new Type(new Uint8Array(file.subarray(8 + headerLength + start, 8 + headerLength + end)).buffer);
}

const matrices = [
  { name: "attn.c_attn", columns: 128 },
  { name: "attn.c_proj", columns: 128 },
  { name: "mlp.c_fc", columns: 128 },
  { name: "mlp.c_proj", columns: 512 },
];
const GAP = 28;
const TOP = 34;
const parts = [];
let x = GAP;
let total = 0;
let nonzeros = 0;
for (const { name, columns } of matrices) {
  const full = `transformer.h.0.${name}.weight`;
  const pointers = array(`${full}.row_pointers`, Uint32Array);
  const indices = array(`${full}.column_indices`, Uint16Array);
  const values = array(`${full}.values`, Float32Array);
  const rows = pointers.length - 1;
  const paths = { positive: "", negative: "" };
  for (let row = 0; row < rows; row++) {
    for (let i = pointers[row]; i < pointers[row + 1]; i++) {
      paths[values[i] > 0 ? "positive" : "negative"] += `M${indices[i]} ${row}h1`;
    }
  }
  total += rows * columns;
  nonzeros += values.length;
  parts.push(
    `<g transform="translate(${x} ${TOP})">` +
      `<text y="-18">${name}</text><text y="-6" class="note">${rows} × ${columns}, ${values.length.toLocaleString("en-US")} nonzeros</text>` +
      `<rect width="${columns}" height="${rows}"/>` +
      `<path class="positive" d="${paths.positive}"/><path class="negative" d="${paths.negative}"/></g>`,
  );
  x += Math.max(columns, 130) + GAP;
}
const height = TOP + 512 + 34;
const caption = `One layer of the embedded model: ${total.toLocaleString("en-US")} weights, ${nonzeros.toLocaleString("en-US")} of them not zero. All else is skipped.`;
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${x} ${height}" font-family="sans-serif" font-size="12">
<title>Every nonzero weight of one layer of the embedded model</title>
<style>rect{fill:#f6f7f9;stroke:#d0d4da;stroke-width:.5}path{stroke-width:1.6}.positive{stroke:#1d6fb8}.negative{stroke:#d1611c}text{fill:#24292f}.note{font-size:9px;fill:#6b7280}</style>
<rect width="${x}" height="${height}" style="fill:#fff;stroke:none"/>
${parts.join("\n")}
<text x="${GAP}" y="${height - 12}">${caption}</text>
</svg>
`;
writeFileSync(new URL("../docs/picture.svg", import.meta.url), svg);

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Fixture directories that are always there. */
export const committedFixtures = fileURLToPath(new URL("../fixtures", import.meta.url));

/** All fixture directories, where they are; null otherwise. */
export const allFixtures = (() => {
  const path =
    process.env.SPARSELENS_FIXTURES ?? fileURLToPath(new URL("../../../shared/fixtures", import.meta.url));
  return existsSync(path) ? path : null;
})();

/** A trained reference checkpoint in the released layouts, where it is; null otherwise. */
export const referenceModel = (() => {
  const path = allFixtures && `${allFixtures}/../models/tinypython-2l-128`;
  return path && existsSync(path) ? path : null;
})();

/** A deliberately plain reader of safetensors: name → type, shape, bytes. */
export function plainSafetensors(
  path: string,
): Map<string, { dtype: string; shape: number[]; bytes: Buffer }> {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__, ...header } = JSON.parse(file.toString("utf8", 8, start));
  return new Map(
    Object.entries<{ dtype: string; shape: number[]; data_offsets: [number, number] }>(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => [name, { dtype, shape, bytes: file.subarray(start + from, start + to) }],
    ),
  );
}

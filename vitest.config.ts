import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig({
  resolve: { alias: { "#platform": path("./src/platform/node.ts") } },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    // Of two cores vitest would use one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});

import { expect, test } from "vitest";
import { createPlainKernels } from "../../../src/engine/reference/kernels.js";
import { fast, plain } from "./sandbox.js";

test("there is a twin of every kernel", () => {
  const exported = Object.keys(fast[0].kernels).filter((name) => name !== "memory");
  expect(Object.keys(plain.kernels).sort()).toEqual(exported.sort());
});

test.each([false, true])("the twins follow a memory that grows (shared: %s)", (shared) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared });
  const kernels = createPlainKernels(memory);
  new Float32Array(memory.buffer).set([1, 2], 0);
  kernels.add(0, 0, 2);
  memory.grow(2);
  const far = 2 * 65536;
  kernels.copy(far, 0, 8);
  kernels.add(far, far, 2);
  expect([...new Float32Array(memory.buffer, far, 2)]).toEqual([4, 8]);
});

test("a pointer between two floats is refused", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  expect(() => createPlainKernels(memory).relu(6, 1)).toThrow("pointer 6 is not a multiple of 4");
  expect(() => createPlainKernels(memory, 8).relu(4, 1)).toThrow("pointer 4 is not a multiple of 8");
});

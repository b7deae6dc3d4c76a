/** A growing linear memory with enough address space for any model; only what is used is ever touched. */
export function createMemory(shared: boolean): WebAssembly.Memory {
  let last: unknown;
  // Some runtimes refuse to reserve the full 4 GiB of addresses.
  for (const maximum of [65536, 32768, 16384]) {
    try {
      return new WebAssembly.Memory({ initial: 32, maximum, shared });
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

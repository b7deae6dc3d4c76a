import { isMainThread } from "node:worker_threads";

// Loaded before the program: tests that are killed cannot end what they started.
if (isMainThread) {
  const end = () => process.exit(1);
  if (!process.connected) end();
  process.on("disconnect", end);
  // Waiting for that must not keep a program alive that is done.
  process.channel?.unref();
}

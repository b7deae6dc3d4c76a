#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { main } from "./main.js";

// Node 20 has relaxed SIMD behind a flag, which counts for whatever is compiled from here on, in threads too.
if (process.version.startsWith("v20.")) setFlagsFromString("--experimental-wasm-relaxed-simd");

process.exitCode = await main(process.argv.slice(2));

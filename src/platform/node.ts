export * from "./node-files.js";
export * from "./node-threads.js";

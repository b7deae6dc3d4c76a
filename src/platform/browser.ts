export * from "./browser-files.js";
export * from "./browser-threads.js";

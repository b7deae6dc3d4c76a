export * from "./browser-files.js";

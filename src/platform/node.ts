export * from "./node-files.js";

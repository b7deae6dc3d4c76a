import { Option } from "commander";
import { taskFromJsonLines } from "../tasks/json-lines.js";
import { findTask, tasks } from "../tasks/registry.js";
import { SPLITS, type Task } from "../tasks/task.js";
import { localFiles } from "./open.js";

/** Tasks by name, or from a file of pairs: whatever ends in .jsonl. */
export async function readTask(text: string): Promise<Task> {
  if (!text.endsWith(".jsonl")) return findTask(text);
  const files = localFiles();
  return taskFromJsonLines(await files.readText(text), files.baseName(text).slice(0, -".jsonl".length), text);
}

/** `all`, or names and files with commas between them. */
export async function readTasks(text: string): Promise<readonly Task[]> {
  if (text === "all") return tasks;
  const names = [...new Set(text.split(",").map((name) => name.trim()))];
  return Promise.all(names.map(readTask));
}

export function splitOption(split: string): Option {
  return new Option("--split <split>", "which prompts: no prompt is in two splits")
    .choices(SPLITS)
    .default(split);
}

/** The library's tasks, and those of files that a reader gave, which this browser keeps. */
import { signal } from "@preact/signals";
import { type Task, tasks } from "../../src/index.js";
import { taskFromJsonLines } from "../../src/tasks/json-lines.js";
import { keep, keysWith, recall } from "./storage.js";

const ENDING = /\.jsonl$/;
const KEPT = "task:";
const own = signal<ReadonlyMap<string, Task>>(new Map());

/** null: it is of a file that is not here. */
export function taskNamed(name: string): Task | null {
  return own.value.get(name) ?? tasks.find((task) => task.name === name) ?? null;
}

export const isTaskFile = (name: string) => ENDING.test(name);

/** The task of a file of pairs, named after the file. @throws SparseLensError that names the line that is wrong */
export async function addTask(file: string, text: string): Promise<Task> {
  const task = read(file, text);
  await keep(KEPT + file, text);
  return task;
}

function read(file: string, text: string): Task {
  const task = taskFromJsonLines(text, file.replace(ENDING, ""), file);
  own.value = new Map(own.peek()).set(task.name, task);
  return task;
}

async function readKept(): Promise<void> {
  for (const key of await keysWith(KEPT)) {
    const text = await recall<string>(key);
    if (text !== undefined) read(key.slice(KEPT.length), text);
  }
}
void readKept();

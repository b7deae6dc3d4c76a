import { SparseLensError } from "../errors.js";
import { bracketBrace } from "./suite/bracket-brace.js";
import { bracketCounting } from "./suite/bracket-counting.js";
import { classInit } from "./suite/class-init.js";
import { elseElif } from "./suite/else-elif.js";
import { enumerateRange } from "./suite/enumerate-range.js";
import { finalKwarg } from "./suite/final-kwarg.js";
import { forWhile } from "./suite/for-while.js";
import { fstringBrace } from "./suite/fstring-brace.js";
import { ifEquals } from "./suite/if-equals.js";
import { ifTernary } from "./suite/if-ternary.js";
import { indentFor } from "./suite/indent-for.js";
import { lambdaFunc } from "./suite/lambda-func.js";
import { setOrString, setOrStringFixedVarname } from "./suite/set-or-string.js";
import { singleDoubleQuote } from "./suite/single-double-quote.js";
import { varIf } from "./suite/var-if.js";
import { varSwap } from "./suite/var-swap.js";
import { whileReturnTrue } from "./suite/while-return-true.js";
import { withAs } from "./suite/with-as.js";
import { withOpen } from "./suite/with-open.js";
import type { Task } from "./task.js";

/** The twenty tasks, in the order of the paper's Table 1. */
export const tasks: readonly Task[] = [
  ...[singleDoubleQuote, bracketCounting, setOrString, setOrStringFixedVarname, forWhile, elseElif, withAs],
  ...[withOpen, bracketBrace, finalKwarg, classInit, fstringBrace, ifTernary, varSwap, indentFor, lambdaFunc],
  ...[ifEquals, enumerateRange, varIf, whileReturnTrue],
];

/** @throws SparseLensError that names similar tasks */
export function findTask(name: string): Task {
  const task = tasks.find((candidate) => candidate.name === name);
  if (task) return task;
  const near = tasks
    .map((candidate) => ({ name: candidate.name, distance: editDistance(name, candidate.name) }))
    .filter(({ name: known, distance }) => distance <= 3 || (name.length > 2 && known.includes(name)))
    .sort((a, b) => a.distance - b.distance)
    .map((candidate) => candidate.name);
  const advice =
    near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `Tasks: ${tasks.map((t) => t.name).join(", ")}.`;
  throw new SparseLensError(`There is no task ${JSON.stringify(name)}. ${advice}`);
}

/** Least number of characters to insert, delete or replace (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}

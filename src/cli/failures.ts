import { constants } from "node:os";
import type { CommanderError } from "commander";
import { SparseLensError } from "../errors.js";

/** The reason of a signal that Ctrl-C, or a request to terminate, aborted. */
export class Interrupted extends Error {
  /** 130 for SIGINT, by the shell's convention. */
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`Interrupted by ${signal}.`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** Commander has printed what was wrong with the usage, or the help that was asked for. */
export function exitCodeOf({ exitCode }: CommanderError): number {
  return exitCode === 0 ? 0 : 2;
}

/** Prints a failure for the person who reads it; the result is the exit code. */
export function report(failure: unknown): number {
  if (process.env.SPARSELENS_DEBUG === "1") {
    console.error(failure);
  } else if (failure instanceof SparseLensError) {
    console.error(`error: ${failure.message}`);
  } else {
    const message = failure instanceof Error ? failure.message : String(failure);
    console.error(
      `error: ${message.split("\n")[0]} (this is a fault of sparselens: run again with SPARSELENS_DEBUG=1 and report what it prints)`,
    );
  }
  return 1;
}

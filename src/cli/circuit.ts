import type { Command } from "commander";
import { addCircuitConvert } from "./circuit-convert.js";
import { addCircuitShow } from "./circuit-show.js";

export function addCircuit(program: Command, signal: AbortSignal): void {
  const circuit = program
    .command("circuit")
    .description("Show circuits, and convert them: show, convert.")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Example:
  $ sparselens circuit show circuit.json`,
    );
  addCircuitShow(circuit);
  addCircuitConvert(circuit, signal);
}

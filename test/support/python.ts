import { loadPyodide } from "pyodide";

/** What CPython's `ast.parse` says to each program: null, or the error. */
export async function syntaxErrors(programs: readonly string[]): Promise<(string | null)[]> {
  const python = await loadPyodide();
  python.globals.set("programs", JSON.stringify(programs));
  return JSON.parse(
    python.runPython(`
import ast, json
def error_of(program):
    try:
        ast.parse(program)
    except SyntaxError as error:
        return str(error)
json.dumps([error_of(program) for program in json.loads(programs)])`),
  );
}

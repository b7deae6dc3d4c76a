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

/** The names that each program uses but defines nowhere where the use could see it, by CPython's own symbol tables. */
export async function undefinedNames(programs: readonly string[]): Promise<string[][]> {
  const python = await loadPyodide();
  python.globals.set("programs", JSON.stringify(programs));
  return JSON.parse(
    python.runPython(`
import builtins, json, symtable
def undefined(table, outer):
    symbols = table.get_symbols()
    bound = {s.get_name() for s in symbols if s.is_assigned() or s.is_parameter() or s.is_imported() or s.is_namespace()}
    visible = outer | bound
    names = [s.get_name() for s in symbols if s.is_referenced() and s.get_name() not in visible]
    for child in table.get_children():
        names += undefined(child, outer if table.get_type() == "class" else visible)
    return names
# The compiler itself refers to two more: for super(), and where a class annotates its fields.
known = set(dir(builtins)) | {"__name__", "__class__", "__classdict__"}
json.dumps([undefined(symtable.symtable(program, "program", "exec"), known) for program in json.loads(programs)])`),
  );
}

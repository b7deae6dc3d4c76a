import { code } from "./code.js";
import { dictionary, number, numberList, wordList } from "./values.js";
import { anyOf, type Body, condition, numeric, textual, type Variable } from "./variables.js";
import { accumulators, recordNouns } from "./words.js";

/** A dict or a list, written out, of what is in scope and of literals. */
export function display(body: Body): string {
  return body.draft.chance(0.5) ? dict(body) : list(body);
}

function named(body: Body): Variable[] {
  return body.variables.filter(
    ({ kind, name }) => (kind === "number" || kind === "text") && !name.includes("."),
  );
}

function dict(body: Body): string {
  const { draft } = body;
  const known = draft.sample(named(body), draft.between(1, 3));
  const entries = draft.weighted<readonly string[]>([
    [3, known.map(({ name }) => `${draft.string(name)}: ${name}`)],
    [3, known.map(({ name }) => `${name}: ${draft.chance(0.7) ? number(draft) : textual(body, name)}`)],
    [2, []],
  ]);
  return entries.length > 0 ? `{${entries.join(", ")}}` : dictionary(draft, draft.between(1, 3));
}

function list(body: Body): string {
  const { draft } = body;
  const known = draft.sample(named(body), draft.between(2, 3)).map(({ name }) => name);
  if (known.length > 1 && draft.chance(0.7)) {
    if (draft.chance(0.3)) known[known.length - 1] = String(number(draft));
    return draft.chance(0.25) ? `[[${known.join(", ")}]]` : `[${known.join(", ")}]`;
  }
  return draft.chance(0.7) ? wordList(draft) : numberList(draft);
}

/** A statement with a dict or a list in it, in one of the places in which programs have them. */
export function displayed(body: Body): string | undefined {
  const { draft, scope } = body;
  const name = (): string => scope.name([...accumulators, ...recordNouns.map((noun) => noun.one)]);
  return draft.weighted<() => string | undefined>([
    [3, () => assigned(name(), dict(body))],
    [4, () => assigned(name(), list(body))],
    [1.5, () => `print(${display(body)})`],
    [
      1.5,
      () => {
        const many = scope.name([...accumulators, ...recordNouns.map((noun) => noun.many)]);
        return `${many} = []\n${many}.append(${display(body)})\nprint(${many})`;
      },
    ],
    [
      1,
      () => {
        const size = scope.name(["n", "size", "length", "count"]);
        return assigned(size, `len(${display(body)})`);
      },
    ],
    [
      1,
      () => {
        const known = anyOf(body, "dict");
        return known && !body.locked.includes(known.name) ? `${known.name}.update(${dict(body)})` : undefined;
      },
    ],
    [
      1.5,
      () => {
        const test = condition(body);
        if (test === undefined || body.place !== "function") return undefined;
        return `if ${test}:\n    return ${display(body)}`;
      },
    ],
    [
      1,
      () => {
        const element = scope.name(["x", "n", "item", "each", "value"]);
        return code`
          for ${element} in [${numeric(body)}, ${numeric(body)}]:
              print(${element})
        `;
      },
    ],
  ])();
}

function assigned(name: string, value: string): string {
  return `${name} = ${value}\nprint(${name})`;
}

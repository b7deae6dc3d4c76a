import type { Field } from "./definition.js";

/** Ids that go before and after the tokens of a text. */
export interface Frame {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/**
 * The post-processor of a `tokenizer.json`, as far as it adds tokens to a single text: null, ByteLevel,
 * TemplateProcessing, RobertaProcessing or a Sequence of them.
 * @throws SparseLensError for any other.
 */
export function parsePostProcessor(field: Field): Frame {
  if (field.isAbsent) return { before: [], after: [] };
  const type = field.get("type").string();
  switch (type) {
    case "ByteLevel":
      // Trims the offsets that the Rust library reports; the ids stay.
      return { before: [], after: [] };
    case "TemplateProcessing":
      return parseTemplate(field);
    case "RobertaProcessing":
      field.allowKeys(["type", "sep", "cls", "trim_offsets", "add_prefix_space"]);
      return { before: [pairId(field.get("cls"))], after: [pairId(field.get("sep"))] };
    case "Sequence":
      field.allowKeys(["type", "processors"]);
      return field
        .get("processors")
        .array()
        .map(parsePostProcessor)
        .reduce((inner, outer) => ({
          before: [...outer.before, ...inner.before],
          after: [...inner.after, ...outer.after],
        }));
    default:
      return field
        .get("type")
        .fail(
          `${type} is not supported; supported are ByteLevel, TemplateProcessing, RobertaProcessing and Sequence.`,
        );
  }
}

/** The id of a `[token, id]` pair. */
function pairId(field: Field): number {
  const [, id] = field.array();
  return (id ?? field.fail("expected a token and its id.")).id();
}

function parseTemplate(field: Field): Frame {
  // The template for pairs of texts does not concern us.
  field.allowKeys(["type", "single", "pair", "special_tokens"]);
  const frame = { before: [] as number[], after: [] as number[] };
  let side: number[] = frame.before;
  for (const piece of field.get("single").array()) {
    piece.allowKeys(["Sequence", "SpecialToken"]);
    const special = piece.get("SpecialToken");
    if (special.isAbsent) {
      if (side === frame.after || piece.get("Sequence").get("id").value !== "A") {
        piece.fail("a template for one text holds the sequence A once.");
      }
      side = frame.after;
    } else {
      const ids = field.get("special_tokens").get(special.get("id").string()).get("ids");
      side.push(...ids.array().map((id) => id.id()));
    }
  }
  if (side === frame.before) field.get("single").fail("the template does not hold the sequence A.");
  return frame;
}

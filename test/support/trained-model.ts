import { fileURLToPath } from "node:url";

/** A small trained model with its tokenizer: 2 layers, d_model 128, vocabulary 768, up to 128 tokens. */
export const trainedModel = fileURLToPath(new URL("../fixtures/tinypython-2l-128", import.meta.url));

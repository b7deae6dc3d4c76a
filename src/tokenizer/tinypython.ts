/** The pattern that the released models' tokenizer, `tinypython_2k`, cuts text with. */
export const TINYPYTHON_PATTERN =
  "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** The token that ends every document of a corpus. */
export const END_OF_TEXT = "<|endoftext|>";

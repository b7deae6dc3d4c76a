/** What a file of a site consists of. */
export type SiteContent =
  | { readonly file: string }
  /** Of a file that there is not. */
  | { readonly text: string };

/** A static site: its files by their paths relative to its root, with `/` between names. */
export type Site = ReadonlyMap<string, SiteContent>;

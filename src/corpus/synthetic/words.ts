/**
 * The words of the synthetic corpus, by the role in which a program uses them. A pool is a list without repetitions; a
 * word may be in several pools when programs use it in several roles.
 */

const words = (text: string): readonly string[] => text.trim().split(/\s+/);
const phrases = (text: string): readonly string[] => text.trim().split(/\s*\n\s*/);

/** A name of one thing and the name of a collection of them: `for word in words`. */
export interface Noun {
  readonly one: string;
  readonly many: string;
}

const nouns = (text: string): readonly Noun[] =>
  words(text).map((pair) => {
    const [one, many] = pair.split("/") as [string, string];
    return { one, many };
  });

/** Nouns whose values are strings. */
export const textNouns = nouns(`
  word/words line/lines char/chars name/names key/keys label/labels tag/tags message/messages city/cities color/colors
  animal/animals text/texts path/paths title/titles
`);

/** Nouns whose values are numbers. */
export const numberNouns = nouns(`
  number/numbers value/values score/scores price/prices amount/amounts height/heights weight/weights size/sizes
  point/points cost/costs item/items level/levels num/nums
`);

/** Nouns whose values are records: objects, or dicts with string keys. */
export const recordNouns = nouns(`
  user/users student/students order/orders product/products book/books task/tasks player/players record/records
  customer/customers file/files team/teams
`);

/** Variables that build up a value of any type: a set, a string, a list, a dict. The name does not tell the type. */
export const accumulators = words(`
  result output current collected found seen buffer answer merged final content res out temp selected data info log
  stack cache group pool left right first second target source
`);

/** Variables that count or add up numbers. */
export const counters = words(`
  count total counter hits errors matches steps attempts score points size length index position balance best highest
  lowest maximum minimum
`);

/** Variables that are true or false. */
export const flags = words(`
  found done running valid active ready finished changed visible is_valid is_ready is_empty
`);

/** Loop variables that count positions. */
export const indexNames = words("i j k idx index pos position row col step n");

/** One-letter and similarly short names. */
export const shortNames = words("a b c d f g h k m n p q s t x y z");

/** Pairs of names that belong together: coordinates, bounds, neighbours. Programs swap them. */
export const namePairs: readonly (readonly [string, string])[] = words(`
  a,b x,y left,right first,second low,high start,end old,new current,last width,height n,m p,q i,j source,target row,col
  total,count key,value
`).map((pair) => pair.split(",") as unknown as readonly [string, string]);

/** What an object or a record carries, as text. */
export const textAttributes = words(`
  name title author email city color brand model label status address message owner path
`);

/** What an object or a record carries, as a number. */
export const numberAttributes = words(`
  age price balance score size width height weight length speed level points year count amount radius total
`);

/** What an object carries as a list. */
export const listAttributes = words(`
  items values names tasks scores users orders books messages records tags points lines words
`);

/** Verbs that begin the name of a function. */
export const functionVerbs = words(`
  get find count make build create check select update merge format show load save read write add remove
`);

/** Whole names of functions, and of small helpers that a program passes around. */
export const functionNames = words(`
  f g h add square double half power area total average maximum minimum greet run main swap scale
`);

/** Names of classes of things. */
export const classNames = words(`
  Person Student Account Book Library Car Dog Product User Player Team Rectangle Circle Point Node Stack Counter
`);

/** Verbs that name methods. */
export const methodVerbs = words(`
  add remove get set update show reset clear start stop push pop insert find count total deposit withdraw is_empty
  area
`);

/** One-word contents of strings, by topic: the strings of a program are mostly about one. */
export const stringTopics: readonly (readonly string[])[] = [
  words("apple banana cherry orange lemon grape"),
  words("red green blue yellow black white"),
  words("cat dog bird fish horse mouse"),
  words("hello world python java rust"),
  words("alice bob carol emma dave"),
  words("alpha beta gamma one two three"),
  words("london paris tokyo berlin rome"),
  words("yes no on off up down"),
];
export const stringWords: readonly string[] = stringTopics.flat();

/** Names of people. */
export const people = words(`
  Alice Bob Carol Emma Frank Grace Henry Maria Tom
`);

/** Sentences and other contents of strings of several words. */
export const sentences = phrases(`
  hello world
  good morning
  the cat sat
  the bird sat
  one two three
  red green blue
  see you later
  python is fun
  up and down
`);

/** What a program says when it reports progress; a string without a value. */
export const notices = phrases(`
  Done
  Hello
  Starting
  Finished
  Ready
  Loading
  Saving
  Invalid
  Missing
  Try again
  Game over
  Goodbye
`);

/** Stems of the names of files that programs read, and of the variables that hold such names. */
export const readFiles = words(`
  input data config settings numbers words names users scores lines orders
`);

/** Stems of the names of files that programs write, and of the variables that hold such names. */
export const writeFiles = words(`
  output result results report log summary copy backup saved final
`);

/** What a variable that holds the name of a file has behind the stem. */
export const pathSuffixes = words("file path name filename location");

export const fileExtensions = words("txt csv json log dat md");

/** Names of open files that do not tell whether they are read or written. */
export const handles = words("f file handle fp stream opened");

/** Names of files that are read, and of files that are written. */
export const readHandles = words("infile reader source_file input_file");
export const writeHandles = words("outfile writer target_file output_file");

/** Exceptions that programs raise and catch. */
export const exceptions = words(`
  ValueError TypeError KeyError IndexError ZeroDivisionError FileNotFoundError RuntimeError AttributeError OSError
  Exception
`);

/** Modules of the standard library that programs import. */
export const modules = words("math random os sys json time");

/** The numbers that programs are full of. */
export const smallNumbers: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
export const roundNumbers: readonly number[] = [12, 15, 20, 25, 30, 50, 100];

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
  word/words line/lines char/chars letter/letters token/tokens name/names key/keys label/labels tag/tags title/titles
  string/strings sentence/sentences message/messages field/fields part/parts city/cities color/colors fruit/fruits
  country/countries animal/animals email/emails symbol/symbols prefix/prefixes code/codes topic/topics
  language/languages path/paths filename/filenames text/texts digit/digits command/commands argument/arguments
  option/options section/sections category/categories domain/domains comment/comments keyword/keywords
  column/columns header/headers pattern/patterns
`);

/** Nouns whose values are numbers. */
export const numberNouns = nouns(`
  number/numbers value/values score/scores price/prices grade/grades age/ages amount/amounts height/heights
  weight/weights size/sizes length/lengths point/points mark/marks cost/costs temperature/temperatures
  reading/readings sample/samples element/elements item/items distance/distances rate/rates salary/salaries
  level/levels measurement/measurements speed/speeds term/terms coin/coins digit/digits factor/factors
  limit/limits year/years payment/payments balance/balances quantity/quantities num/nums x/xs v/vs n/ns
  entry/entries delay/delays vote/votes rating/ratings profit/profits
`);

/** Nouns whose values are records: objects, or dicts with string keys. */
export const recordNouns = nouns(`
  user/users student/students order/orders product/products employee/employees book/books task/tasks player/players
  record/records item/items event/events person/people customer/customers file/files node/nodes team/teams
  account/accounts job/jobs song/songs movie/movies car/cars course/courses ticket/tickets device/devices
  recipe/recipes contact/contacts message/messages server/servers room/rooms pet/pets post/posts note/notes
  city/cities child/children member/members shape/shapes worker/workers request/requests review/reviews
  lesson/lessons photo/photos invoice/invoices package/packages route/routes
`);

/** Variables that build up a value of any type: a set, a string, a list, a dict. The name does not tell the type. */
export const accumulators = words(`
  result output current collected found seen buffer answer merged combined final state content acc res out temp store
  summary kept visited unique selected matches known cleaned filtered changes updates extra pending data info
  history log report response stack pieces chunk cache batch group pool used done left right first second
  target source base body text values items names words letters tokens keys labels tags lines parts
  everything remaining results outputs total work saved drawn shown chosen marked
`);

/** Variables that count or add up numbers. */
export const counters = words(`
  count total counter amount sum_values hits errors matches steps attempts score points size length number index
  position depth level round_number rounds balance product best highest lowest maximum minimum largest smallest
  passed failed changed skipped moves turns retries distance cost
`);

/** Variables that are true or false. */
export const flags = words(`
  found done running valid active ready finished success changed swapped enabled visible is_valid is_ready
  is_empty is_open is_done has_error has_next keep_going verbose debug ok matched stopped waiting loaded connected
  locked empty in_order
`);

/** Loop variables that count positions. */
export const indexNames = words("i j k idx index pos position row col step n round_number offset slot place");

/** One-letter and similarly short names. */
export const shortNames = words("a b c d e f g h k m n p q r s t u v w x y z");

/** Pairs of names that belong together: coordinates, bounds, neighbours. Programs swap them. */
export const namePairs: readonly (readonly [string, string])[] = words(`
  a,b x,y left,right first,second low,high start,end small,large old,new current,previous width,height n,m p,q i,j
  begin,finish top,bottom head,tail min_value,max_value lower,upper big,little source,target row,col u,v s,t
  player_one,player_two one,two alpha,beta red,blue front,back before,after cat,dog lo,hi fast,slow inner,outer
  this,that mine,yours sender,receiver buyer,seller parent,child total,count key,value now,later
`).map((pair) => pair.split(",") as unknown as readonly [string, string]);

/** What an object or a record carries, as text. */
export const textAttributes = words(`
  name title author email city color brand model label kind category status address phone message description owner
  country language username password host genre topic team role code path prefix suffix species breed department
  subject filename url note street symbol unit nickname surname currency region job
`);

/** What an object or a record carries, as a number. */
export const numberAttributes = words(`
  age price balance score size width height weight length speed level points year quantity count amount radius capacity
  salary rating duration distance health power stock pages grade limit rate cost total depth volume port timeout
  priority discount strength energy mileage floor rank offset step maximum minimum wins losses delay budget seats
`);

/** What an object carries as a list. */
export const listAttributes = words(`
  items values names tasks scores users orders books members students messages entries records tags points players
  children products songs events notes history data elements parts lines grades words nodes files
`);

/** Verbs that begin the name of a function. */
export const functionVerbs = words(`
  get find count compute calculate make build create collect check filter select update sort merge split join parse
  format show print load save read write add remove insert apply process handle convert reverse group sum list
  extract clean validate normalize combine choose describe report summarize scan test prepare store copy
`);

/** Whole names of functions, and of small helpers that a program passes around. */
export const functionNames = words(`
  f g h add square double triple half twice increment decrement negate power area total average mean median largest
  smallest maximum minimum difference product distance greet hello welcome run start stop step main helper transform
  compare swap clamp scale shift mix pick shuffle rotate repeat
`);

/** Names of classes of things. */
export const classNames = words(`
  Person Student Employee Account BankAccount Book Library Car Dog Cat Animal Product Order Customer User Player Team
  Item Task Rectangle Circle Square Triangle Point Vector Node Stack Queue Counter Timer Shape Vehicle Movie Song
  Playlist Room House City Course Teacher Inventory Cart Game Board Card Deck Robot Sensor Message Event Ticket Device
  Server Client Logger Parser Config Cache Store Warehouse Recipe Contact Matrix Polygon Bird Pet Box Lamp Phone
  Printer Wallet Garden Plant Ship Plane Train Invoice Report Note
`);

/** Verbs that name methods. */
export const methodVerbs = words(`
  add remove get set update show describe reset clear start stop move push pop insert find count total deposit withdraw
  rename increase decrease grow turn open close print save load is_empty area greet speak summary info display
`);

/** One-word contents of strings, by topic: the strings of a program are mostly about one. */
export const stringTopics: readonly (readonly string[])[] = [
  words("apple banana cherry orange lemon grape mango peach plum pear"),
  words("red green blue yellow black white purple pink"),
  words("cat dog bird fish horse rabbit tiger lion mouse bear"),
  words("hello world python code data test value key name user admin guest"),
  words("alice bob carol dave emma frank grace henry"),
  words("alpha beta gamma delta one two three four five six"),
  words("north south east west left right up down"),
  words("monday tuesday friday sunday january march june"),
  words("london paris tokyo berlin rome madrid"),
  words("small medium large new old first last"),
  words("yes no on off start stop open closed active done ready"),
  words("house tree river stone cloud rain sun moon star paper book table chair"),
];
export const stringWords: readonly string[] = stringTopics.flat();

/** Names of people. */
export const people = words(`
  Alice Bob Carol Dave Emma Frank Grace Henry Ivan Julia Karen Leo Maria Nina Oscar Paul Rosa Sam Tom Uma Victor Wendy
`);

/** Sentences and other contents of strings of several words. */
export const sentences = phrases(`
  hello world
  the quick brown fox
  good morning
  this is a test
  one two three
  the cat sat on the mat
  python is fun
  to be or not to be
  a long time ago
  we like simple code
  the end of the line
  red green blue
  see you later
  all is well
  it was a dark night
  keep it simple
  practice makes perfect
  open the door
  time to go
  never give up
  the sun is warm
  read the file again
`);

/** What a program says when it reports progress; a string without a value. */
export const notices = phrases(`
  Done
  Hello
  Starting
  Finished
  Ready
  Goodbye
  Loading data
  Saving file
  Please wait
  Invalid input
  Try again
  No results
  Not found
  Game over
  You win
  All tests passed
  Nothing to do
  Something went wrong
  Processing items
  Access denied
  Welcome back
  File not found
  Too many attempts
  Task complete
  Thank you
  Stopping now
  Connected
  List is empty
`);

/** Stems of the names of files that programs read, and of the variables that hold such names. */
export const readFiles = words(`
  input data config settings source numbers words names users students scores records prices items lines orders
  questions dictionary template samples book story cities emails measurements
`);

/** Stems of the names of files that programs write, and of the variables that hold such names. */
export const writeFiles = words(`
  output result results report log summary copy backup export saved errors history archive totals cleaned sorted
  filtered statistics final updated answers generated
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
export const modules = words(
  "math random os sys json time re string datetime collections itertools functools",
);

/** The numbers that programs are full of. */
export const smallNumbers: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
export const roundNumbers: readonly number[] = [12, 15, 20, 25, 30, 50, 100];

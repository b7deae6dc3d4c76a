const name = "[A-Za-z_]\\w*";

/** What a program must hold for a task to occur in it: both of the things that the task tells apart. */
export const behaviours: Readonly<Record<string, readonly RegExp[]>> = {
  single_double_quote: [/'\)\n/, /"\)\n/],
  bracket_counting: [/= \[[^[\]\n]*, [^[\]\n]*\]\n/, /\[\[.*\]\]\n/],
  set_or_string: [
    /^( *)([\w.]+) = set\(\)\n(?:.*\n){3,}? *\2\.add\(/m,
    /^( *)([\w.]+) = (?:""|'')\n(?:.*\n){3,}? *\2 \+= /m,
  ],
  for_while: [new RegExp(`\\bfor ${name} in`), new RegExp(`\\bwhile ${name}:\n`)],
  else_elif: [/\belse:\n/, /\belif /],
  with_as: [/with open\(.*\) as/, /= open\(/],
  with_open: [/open\(['"]\w+\.\w+['"], ['"]r/, /open\(['"]\w+\.\w+['"], ['"]w/],
  bracket_brace: [/\{['"]?\w+['"]?: /, /\[['"]?\w+['"]?, /],
  final_kwarg: [/def .*=None\):\n/, /def \w+\(\w+, [\w, ]*\):\n/],
  class_init: [new RegExp(`self\\.(${name}) = \\1\n`)],
  fstring_brace: [/\bf['"]\w[\w ]* \{/, /\(['"][a-z][a-z ]*['"]\)\n/],
  if_ternary: [/(?:=|return) .* if .* else /, /^ *if .*:\n/m],
  var_swap: [/^ *([\w.[\]-]+), ([\w.[\]-]+) = \2, \1\n/m],
  indent_for: [/^for .*:\n/m, /^ +for .*:\n/m],
  lambda_func: [new RegExp(`lambda ${name}:`), new RegExp(`def ${name}\\(`)],
  if_equals: [new RegExp(`\\bif ${name} ==`), new RegExp(`^ +${name} = `, "m")],
  enumerate_range: [new RegExp(`for ${name}, ${name} in enumerate`), new RegExp(`for ${name} in range`)],
  var_if: [/\bif [\w.]+ == (?:True|False):\n/, /= (?:True|False)\n/],
  while_return_true: [/while True:\n/, /return True\n/],
};

"""NN0xx: mistakes in how a file is written."""

from __future__ import annotations

from nndsl.diagnostics.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "NN001",
        "Something does not fit here",
        "The file cannot be read beyond this word or sign. The message says what could have stood in its place.",
        example="model Digits {\n  input image: [8, 8]\n  Flatten\n  Dense(10,, activation=relu)\n}\n",
        fix="model Digits {\n  input image: [8, 8]\n  Flatten\n  Dense(10, activation=relu)\n}\n",
    ),
    Code(
        "NN002",
        "A character without meaning",
        "Outside texts and comments a file holds names, numbers, brackets and the signs of the language. Names may"
        " use the letters of any script.",
        example="let price = $5\n",
        fix="let price = 5\n",
    ),
    Code(
        "NN003",
        "A text that is never closed",
        'A text begins and ends with `"` on one line.',
        example='data digits from builtin("digits) {\n  image = column("image")\n}\n',
        fix='data digits from builtin("digits") {\n  image = column("image")\n}\n',
    ),
    Code(
        "NN004",
        "A bracket that is never closed",
        "Every `(`, `[` and `{` has its partner. The place where this was noticed is usually later than the mistake;"
        " the message points at the opening bracket.",
        example="model Small {\n  input x: [4]\n  Dense(8, activation=relu\n  Dense(1)\n}\n",
        fix="model Small {\n  input x: [4]\n  Dense(8, activation=relu)\n  Dense(1)\n}\n",
    ),
    Code(
        "NN005",
        "A closing bracket without an opening one",
        "Either the bracket is one too many, or another kind was opened.",
        example="model Small {\n  input x: [4]\n  Dense(1))\n}\n",
        fix="model Small {\n  input x: [4]\n  Dense(1)\n}\n",
    ),
    Code(
        "NN006",
        "Nested too deeply",
        "Brackets, blocks and operators in a row may be nested 100 levels deep. `->` chains, lists and blocks may be"
        " as long as you like. Name a part of the expression, and go on with the name.",
        example=f"let total = {' + '.join(['1'] * 110)}\n",
        fix=f"let total = {' + '.join(['1'] * 20)}\n",
    ),
    Code(
        "NN007",
        "A number that is too large",
        "Whole numbers go up to 2^63 - 1, others up to about 1.8e308.",
        example="let steps = 1e999\n",
        fix="let steps = 1e9\n",
    ),
    Code(
        "NN008",
        "A name that begins with a digit",
        "Names begin with a letter or `_`. A product needs its `*`.",
        example="function double(x) = 2x\n",
        fix="function double(x) = 2 * x\n",
    ),
    Code(
        "NN009",
        "An escape that stands for nothing",
        'In a text, `\\n` is a new line, `\\t` a tab, `\\"` a quotation mark and `\\\\` a backslash. Paths may be'
        " written with `/` on every system.",
        example='let path = "C:\\data\\prices.csv"\n',
        fix='let path = "C:/data/prices.csv"\n',
    ),
    Code(
        "NN010",
        "A text in other quotation marks",
        "Texts stand in `\"`, not in `'` or in the quotation marks of a word processor.",
        example="let name = 'digits'\n",
        fix='let name = "digits"\n',
    ),
    Code(
        "NN011",
        "Python's `True`, `False` or `None`",
        "The values are written `true` and `false`. There is no `None`: leave the argument out, or name the choice"
        " that does nothing (`activation=linear`).",
        example="layer Plain(use_bias = True) {\n  input x: [d]\n  output x\n}\n",
        fix="layer Plain(use_bias = true) {\n  input x: [d]\n  output x\n}\n",
    ),
    Code(
        "NN012",
        "A sign of another language",
        "`^` is the power, `and`, `or` and `not` join conditions, `==` compares, and a name is given a new value by"
        " writing it again: `x = x + 1`.",
        example="function cube(x) = x ** 3\n",
        fix="function cube(x) = x ^ 3\n",
    ),
    Code(
        "NN013",
        "A list in round brackets",
        "Lists and shapes stand in `[` and `]`. Round brackets hold arguments and group operations; several names on"
        " the left of `=` have none.",
        example="model Images {\n  input image: (8, 8)\n  Flatten\n  Dense(10)\n}\n",
        fix="model Images {\n  input image: [8, 8]\n  Flatten\n  Dense(10)\n}\n",
    ),
    Code(
        "NN014",
        "A statement of Python",
        "A `.nn` file defines with `layer`, `function` and `model`, gives results with `output`, and needs no imports"
        " for what the library has. Nothing in it is run as Python.",
        example="import keras\n\nfunction double(x) = 2 * x\n",
        fix="function double(x) = 2 * x\n",
    ),
    Code(
        "NN015",
        "A block without braces",
        "A block begins with `{` at the end of its header line and ends with `}`. Indentation is for the eye.",
        example="layer Twice(twice: bool = true) {\n  input x: [d]\n  if twice:\n    x = 2 * x\n  output x\n}\n",
        fix="layer Twice(twice: bool = true) {\n  input x: [d]\n  if twice { x = 2 * x }\n  output x\n}\n",
    ),
    Code(
        "NN016",
        "Two statements on one line",
        "A statement ends with its line; there is no `;`. A line goes on in the next where it ends in an operator,"
        " `=` or a comma, or inside brackets.",
        example="layer Twice {\n  input x: [d]; y = 2 * x\n  output y\n}\n",
        fix="layer Twice {\n  input x: [d]\n  y = 2 * x\n  output y\n}\n",
    ),
    Code(
        "NN017",
        "A missing comma",
        "Arguments and the items of a list have commas between them, also where each stands on a line of its own.",
        example="model Images {\n  input image: [8 8]\n  Flatten\n  Dense(10)\n}\n",
        fix="model Images {\n  input image: [8, 8]\n  Flatten\n  Dense(10)\n}\n",
    ),
    Code(
        "NN018",
        "`=` in the wrong place",
        "`=` gives one name one value. Comparing is `==`. Parts of a value cannot be changed, and a value has no type"
        " of its own to declare.",
        example="layer Twice(times: int = 2) {\n  input x: [d]\n  if times = 2 { x = 2 * x }\n  output x\n}\n",
        fix="layer Twice(times: int = 2) {\n  input x: [d]\n  if times == 2 { x = 2 * x }\n  output x\n}\n",
    ),
    Code(
        "NN019",
        "A statement that is not complete",
        "A `weight` needs its shape and initial value, `minimize` its optimizer, a part of a `split` its share,"
        " `expect` the part of the data that it is about.",
        example="layer Scale {\n  input x: [d]\n  weight factor = ones\n  output factor * x\n}\n",
        fix="layer Scale {\n  input x: [d]\n  weight factor: [d] = ones\n  output factor * x\n}\n",
    ),
    Code(
        "NN020",
        "A statement's word as a name",
        "`input`, `output`, `weight`, `state`, `split`, ... begin statements, so a line cannot begin with them as"
        " names. Elsewhere, and as parts of longer names, they are free.",
        example="layer Twice {\n  input x: [d]\n  state = 2 * x\n  output state\n}\n",
        fix="layer Twice {\n  input x: [d]\n  doubled = 2 * x\n  output doubled\n}\n",
    ),
    Code(
        "NN021",
        "Comparisons in a chain",
        "`a < b < c` is written `a < b and b < c`.",
        example="layer Keep(rate: float) {\n  input x: [d]\n"
        '  assert 0 < rate < 1, "rate is {rate}"\n  output rate * x\n}\n',
        fix="layer Keep(rate: float) {\n  input x: [d]\n"
        '  assert 0 < rate and rate < 1, "rate is {rate}"\n  output rate * x\n}\n',
    ),
    Code(
        "NN022",
        "A comment of another language",
        "A comment goes from `#` to the end of its line. The comment right above a definition is its documentation.",
        example="// twice the value\nfunction double(x) = 2 * x\n",
        fix="# twice the value\nfunction double(x) = 2 * x\n",
    ),
    Code(
        "NN023",
        "A choice written as `a if c else b`",
        "`where(c, a, b)` chooses by values. What is known before anything runs is chosen with `if c { ... } else {"
        " ... }`.",
        example="function positive(x) = x if x > 0 else 0\n",
        fix="function positive(x) = where(x > 0, x, 0)\n",
    ),
    Code(
        "NN024",
        "Something that the language does not have",
        'There are no dictionaries, list comprehensions, prefixed texts (`f"..."`), unpacked arguments (`*x`),'
        " slices with a step or declared results. The message says what stands in for it.",
        example="function every_other(x) = x[::2]\n",
        fix="function first_half(x) = x[0:2]\n",
    ),
    Code(
        "NN025",
        "A statement on the wrong level",
        "At the top level of a file stand definitions: `let`, `import`, `layer`, `function`, `metric`, `model`,"
        " `optimizer`, `data` and `train`. Everything else stands in the block of one of them, and they do not stand"
        " in blocks.",
        example="hidden = 64\n",
        fix="let hidden = 64\n",
    ),
)

"""Ways of Python, Keras and C that end up in `.nn` files, and what to write instead.

Each explanation looks at a token that does not fit and returns a diagnostic, or None where it is about something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics.model import Diagnostic
from nndsl.syntax.forms import BODY_FORMS, TOP_FORMS
from nndsl.syntax.layout import COMPARISONS, OPERAND_ENDS

if TYPE_CHECKING:
    from nndsl.syntax.explain import Around


NAMES_ARE_THERE = 'layers, losses and optimizers are there by name; `import Name from "file.nn"` brings your own'

PYTHON_STATEMENTS = {
    "def": (
        "functions are defined with `function`",
        "write `function name(x) = ...`, or a block that ends in `output ...`",
    ),
    "class": ("layers are defined with `layer`, networks with `model`", "write `layer Name(units: int) { ... }`"),
    "return": ("what a block gives is said with `output`", "write `output ...`"),
    "from": (
        "a `.nn` file imports no Python",
        NAMES_ARE_THERE,
    ),
    "while": ("there is no `while`", "`repeat 3 { ... }` and `for i in range(3) { ... }` have a known number of turns"),
    "elif": ("there is no `elif`", "write `else if ... { ... }`"),
    "with": ("there is no `with` block", None),
    "try": ("there is no `try`", None),
    "except": ("there is no `except`", None),
    "raise": ("there is no `raise`", 'write `assert condition, "what is wrong"`'),
    "pass": ("there is no `pass`", "an empty block is `{ }`"),
    "del": ("there is no `del`", None),
    "global": ("there is no `global`", "blocks share the names around them"),
    "yield": ("there is no `yield`", None),
    "async": ("there is no `async`", None),
    "var": ("a name needs no `var`", "write `name = value`"),
    "const": ("a name needs no `const`", "write `name = value` in a block, `let name = value` at the top level"),
    "fn": ("functions are defined with `function`", "write `function name(x) = ...`"),
    "func": ("functions are defined with `function`", "write `function name(x) = ...`"),
}


def python_statement(around: Around) -> Diagnostic | None:
    """`def`, `class`, `return`, ... at the beginning of a line."""
    word = around.first
    if word == "import":
        if "FROM" not in around.expected and around.kind(0) != "DOT" and around.text() not in ("as", "*"):
            return None
        message = "a `.nn` file imports definitions from other `.nn` files, not Python"
        help = f"leave the line out: {NAMES_ARE_THERE}"
        return around.says("NN014", message, begin=-len(around.before), help=help)
    if word not in PYTHON_STATEMENTS or len(around.before) > 1:
        return None
    message, help = PYTHON_STATEMENTS[word]
    begin = -len(around.before)
    return around.says("NN014", message, begin=begin, end=begin, help=help)


def decorator(around: Around) -> Diagnostic | None:
    """`@tf.function` above a definition."""
    if around.before or around.kind(0) != "AT":
        return None
    return around.says("NN014", "there are no decorators", help="leave the line out")


def lambda_function(around: Around) -> Diagnostic | None:
    """`lambda x: x + 1`."""
    words = around.words_before()
    if "lambda" not in words:
        return None
    begin = next(i for i in range(-len(around.before), 0) if around.text(i) == "lambda")
    help = "define it with a name: `function double(x) = 2 * x`; a function that waits for its first argument is a step"
    return around.says("NN014", "there is no `lambda`", begin=begin, end=begin, help=help)


def conditional_expression(around: Around) -> Diagnostic | None:
    """`a if c else b`."""
    if around.text() != "if" or around.kind(-1) not in OPERAND_ENDS:
        return None
    help = "`where(c, a, b)` chooses by value; `if c { x = a } else { x = b }` by what is known before anything runs"
    return around.says("NN023", "a choice is not written `a if c else b`", help=help)


def comprehension(around: Around) -> Diagnostic | None:
    """`[x for x in y]`."""
    bracket = around.bracket()
    if around.text() != "for" or bracket is None:
        return None
    help = "write the items out, or repeat statements with `for x in values { ... }`"
    return around.says("NN024", "a list cannot be written with `for` inside", help=help)


def dictionary(around: Around) -> Diagnostic | None:
    """`{"a": 1}`."""
    if around.kind(0) != "OPEN_BRACE" or "NUMBER" not in around.expected:
        return None
    return around.says("NN024", "there are no dictionaries", help="pass each value by its name: `f(a=1, b=2)`")


def prefixed_text(around: Around) -> Diagnostic | None:
    """`f"..."`."""
    for begin in (-1, 0):
        prefix, text = around.at(begin), around.at(begin + 1)
        if prefix is None or text is None or prefix.kind != "NAME" or text.kind != "STRING" or prefix.end != text.start:
            continue
        letter = around.text(begin)
        help = "write the text alone" + (
            "; in messages `{name}` already shows a value" if "f" in letter.lower() else ""
        )
        return around.says("NN024", f"a text has no `{letter}` before it", begin=begin, end=begin + 1, help=help)
    return None


def one_equal_sign(around: Around) -> Diagnostic | None:
    """`=` where `==` is meant, or a second `=`."""
    if around.kind(0) != "EQUAL":
        return None
    if around.first in ("if", "assert", "expect", "repeat") and around.bracket() is None:
        return around.says("NN018", "`=` gives a name its value; comparing is `==`", help="write `==`")
    if around.bracket() is not None:
        if around.kind(-1) == "NAME" and around.kind(-2) != "DOT":
            return None
        return around.says("NN018", "only a plain name can stand before `=` here", help="comparing is `==`")
    if around.kind(-1) == "EQUAL":
        return around.says("NN018", "`=` stands here twice", begin=-1, help="write one; comparing is `==`")
    name = around.at(-1)
    if name is None or name.first:  # the line before lacks its value, and this one is the next
        return None
    if any(token.kind == "EQUAL" for token in around.before) and around.first not in ("input", "split", "predict"):
        help = "write two lines; comparing is `==`"
        return around.says("NN018", "a statement gives one value to its name", "a second `=`", help=help)
    if around.before and around.before[0].kind == "NAME" and around.kind(-1) in ("CLOSE_PARENTHESIS", "CLOSE_BRACKET"):
        if around.first in BODY_FORMS or around.first in TOP_FORMS:
            return None
        message = "only a name can be given a value"
        help = "comparing is `==`; a function is defined at the top level: `function f(x) = ...`"
        if around.kind(-1) == "CLOSE_BRACKET":
            help = "parts of a value cannot be changed: make a new value (`where`, `concatenate`, `pad`)"
        return around.says("NN018", message, begin=-len(around.before), end=-1, help=help)
    return None


def annotated_name(around: Around) -> Diagnostic | None:
    """`x: int = 3` in a block."""
    if around.kind(0) != "EQUAL" or len(around.before) < 3 or around.before[1].kind != "COLON":
        return None
    if around.text(-1) and (name := around.at(-1)) is not None and name.first:
        return None
    help = f"write `{around.first} = ...`; shapes are said by `input` and `weight`"
    return around.says("NN018", "a name is given a value without a type", help=help)


def chained_comparison(around: Around) -> Diagnostic | None:
    """`a < b < c`."""
    if around.kind(0) not in COMPARISONS or not any(token.kind in COMPARISONS for token in around.before):
        return None
    return around.says("NN021", "comparisons cannot be chained", help="write `a < b and b < c`")


def foreign_comment(around: Around) -> Diagnostic | None:
    """`// text`."""
    if around.kind(0) != "DOUBLE_SLASH" or around.kind(-1) in OPERAND_ENDS:
        return None
    return around.says("NN022", "comments begin with `#`, not with `//`", help="write `#`")


def word_of_other_language(around: Around) -> Diagnostic | None:
    """`a is b`, `a in b`, `a | b`, `+a`, `f(*a)`, `x[::2]`, `f(a: 3)`."""
    kind, text = around.kind(0), around.text()
    after_value = around.kind(-1) in OPERAND_ENDS
    if text == "is" and after_value:
        return around.says("NN012", "`is` is written `==`", help="write `==`")
    if text == "in" and after_value and around.first != "for":
        return around.says("NN012", "there is no `in` operator", help="compare with `==`, and join with `or`")
    if kind == "BAR" and after_value:
        return around.says(
            "NN012", "`|` joins the options of a parameter; for conditions it is `or`", help="write `or`"
        )
    if kind == "PLUS" and "MINUS" in around.expected and not after_value:
        return around.says("NN012", "there is no `+` before a value", help="leave it out")
    if kind == "STAR" and around.bracket() is not None and not after_value:
        return around.says("NN024", "arguments cannot be unpacked with `*`", help="pass each one by itself")
    if kind == "ARROW" and around.first in TOP_FORMS and "OPEN_BRACE" in around.expected:
        help = "leave it out: the result's shape follows from `output`"
        return around.says("NN024", "a definition does not say what it gives", help=help)
    bracket = around.bracket()
    if kind == "COLON" and bracket is not None:
        if bracket.kind == "OPEN_BRACKET":
            help = "write `x[1:4]`; `reverse(x, axis)` turns around"
            return around.says("NN024", "a slice has a start and an end, and no step", help=help)
        return around.says("NN012", "an argument's name is followed by `=`", help=f"write `{around.text(-1)}=...`")
    return None


REFLEXES = (
    python_statement,
    decorator,
    lambda_function,
    conditional_expression,
    comprehension,
    dictionary,
    prefixed_text,
    foreign_comment,
    annotated_name,
    one_equal_sign,
    chained_comparison,
    word_of_other_language,
)

"""Statements that lack something or stand in the wrong place.

Each explanation looks at a token that does not fit and returns a diagnostic, or None where it is about something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics.model import Diagnostic, did_you_mean
from nndsl.syntax.layout import CONTINUING_SIGNS, DEFINING_WORDS, OPERAND_ENDS

if TYPE_CHECKING:
    from nndsl.syntax.explain import Around

BODY_WORDS = {
    *("input", "output", "weight", "state", "assert", "if", "for", "repeat", "scan", "split"),
    *("minimize", "predict", "expect", "show"),
}
TOP_WORDS = {*DEFINING_WORDS, "metric"}
COMPARISONS = {"EQUALS", "DIFFERS", "LESS", "LESS_OR_EQUAL", "MORE", "MORE_OR_EQUAL"}


def indented_block(around: Around) -> Diagnostic | None:
    """`if x:` and an indented block."""
    if around.kind(0) != "COLON" or not around.ends(1) or "COLON" in around.expected:
        return None
    help = "open the block with `{` and close it with `}`; indentation is for the eye"
    return around.says("NN015", "a block stands in braces", "`{` goes here", help=help)


def missing_block(around: Around) -> Diagnostic | None:
    """A header whose line ends without `{`."""
    if "OPEN_BRACE" not in around.expected or not around.ends():
        return None
    if around.first not in (*TOP_WORDS, "if", "for", "repeat", "scan") and around.text(-1) != "else":
        return None
    what = f"`{around.first}`" if around.first.isalpha() else "this"
    return around.says("NN015", f"the block of {what} is missing", "`{` goes here, on the same line")


def unfinished(around: Around) -> Diagnostic | None:
    """Statements that lack a part everyone needs to be told about once."""
    word, kind = around.first, around.kind(0)
    if word == "weight" and kind == "EQUAL" and "COLON" in around.expected:
        help = f"write `weight {around.text(-1)}: [d, units] = ...`"
        return around.says("NN019", "a weight needs its shape", "the shape goes before this", help=help)
    if word == "weight" and "EQUAL" in around.expected and around.ends():
        return around.says(
            "NN019", "a weight needs its initial value", help="write `= glorot_uniform` or `= zeros` after the shape"
        )
    if word == "state" and "EQUAL" in around.expected and around.ends():
        return around.says("NN019", "a state needs its initial value", help="write `= zeros` or `= 0`")
    if word == "minimize" and "USING" in around.expected and (around.ends() or around.text() in ("weighted", "every")):
        help = "write `over ... using Adam(1e-3)`, in this order"
        return around.says("NN019", "an optimizer is missing", "`using` goes here", help=help)
    if word == "expect" and kind in COMPARISONS and len(around.before) == 2:
        help = f"write `expect test {around.text(-1)} {around.text()} ...`"
        return around.says("NN019", "`expect` names a part of the data first", begin=-1, end=-1, help=help)
    if word == "split" and around.kind(-1) == "NAME" and (kind == "COMMA" or around.ends()):
        help = f"write `{around.text(-1)} 80%`"
        return around.says("NN019", "each part of a split has its share", begin=-1, end=-1, help=help)
    return None


def missing_value(around: Around) -> Diagnostic | None:
    """`y =` with nothing after it, so that the next line `z = 3` is read as its value."""
    name = around.at(-1)
    if around.kind(0) not in ("EQUAL", "COLON") or name is None or not name.first or len(around.before) < 3:
        return None
    if around.kind(-2) not in CONTINUING_SIGNS:
        return None
    label = "the line ends here, so the next one continues it"
    return around.says("NN019", f"the value after `{around.text(-2)}` is missing", label, begin=-2, end=-2)


def reserved_word(around: Around) -> Diagnostic | None:
    """A statement's word used as a name at the beginning of a line."""
    word = around.first
    if len(around.before) != 1 or around.kind(0) not in ("EQUAL", "COMMA", "COLON", "OPEN_PARENTHESIS", "ARROW", "DOT"):
        return None
    known = TOP_WORDS | {"metric"} if around.mistake.top_level else BODY_WORDS | {"metric"}
    if word not in known:
        return None
    help = {
        "output": "write `output ...` without `=`",
        "split": "as a step it needs a value before it: `x -> split(2)`",
        "model": "write `model Name { ... }`",
    }.get(word, "choose another name")
    message = f"`{word}` begins a statement here, so it cannot be a name at the beginning of a line"
    return around.says("NN020", message, begin=-1, end=-1, help=help)


def continuing_word(around: Around) -> Diagnostic | None:
    """A line that begins with `over`, `using`, `every`, ... after a line that it does not continue."""
    token = around.token
    for distance in (-1, 0):
        candidate = around.at(distance)
        if candidate is None or not candidate.first:
            continue
        word = around.text(distance)
        if word in ("over", "using", "weighted", "every") and around.before and around.first != "minimize":
            message = f"a line that begins with `{word}` continues the line before it"
            help = f"`{word}` belongs to a `minimize`; as a name, choose another"
            return around.says("NN020", message, begin=distance, end=distance, help=help)
        if word == "else":
            return around.says("NN001", "this `else` belongs to no `if`", begin=distance, end=distance)
    if token.kind == "NAME" and around.text() == "else" and around.kind(-1) in ("CLOSE_BRACE", ""):
        return around.says("NN001", "this `else` belongs to no `if`")
    return None


def wrong_level(around: Around) -> Diagnostic | None:
    """What belongs in a block at the top level, and the other way round."""
    if around.mistake.top_level:
        return _at_top_level(around)
    word = around.first
    if word not in DEFINING_WORDS or len(around.before) != 1 or around.kind(0) not in ("NAME", "STRING"):
        return None
    if word == "let":
        help = f"write `{around.text()} = ...`"
        return around.says("NN025", "`let` stands at the top level of a file", begin=-1, end=-1, help=help)
    help = "move it out of the block; is the `}` of the block above missing?"
    return around.says("NN025", f"`{word}` stands at the top level of a file", begin=-1, end=-1, help=help)


def _at_top_level(around: Around) -> Diagnostic | None:
    if around.before or around.kind(0) == "CLOSE_BRACE":
        return None
    word = around.text()
    place = f"at the top level stand {', '.join(f'`{word}`' for word in sorted(TOP_WORDS))}"
    if around.kind(0) != "NAME":
        return around.says("NN025", f"`{_short(word)}` cannot begin anything at the top level of a file", help=place)
    if word in BODY_WORDS:
        inside = {"minimize": "a `train` block", "predict": "a `train` block", "expect": "a `train` block"}
        inside |= {"show": "a `train` block", "split": "a `data` block"}
        where = inside.get(word, "a `layer`, `function` or `model`")
        return around.says("NN025", f"`{word}` stands inside {where}", help=place)
    if around.kind(1) == "EQUAL":
        return around.says(
            "NN025", "at the top level, a name is given a value with `let`", help=f"write `let {word} = ...`"
        )
    meant = did_you_mean(word, TOP_WORDS)
    if meant is not None and around.kind(1) == "NAME":
        return around.says("NN025", f"`{word}` begins nothing", help=f"did you mean `{meant}`?")
    if around.kind(1) == "NAME":
        return around.says("NN025", f"`{word}` begins nothing", help=place)
    return around.says("NN025", f"`{word}` stands inside a `model` or a `train` block", help=place)


def two_on_a_line(around: Around) -> Diagnostic | None:
    """Two values or statements side by side."""
    before, token = around.at(-1), around.token
    if before is None or token.kind not in ("NAME", "NUMBER", "STRING", "TRUE", "FALSE", "NOT", "PERCENT"):
        return None
    if before.kind not in OPERAND_ENDS and before.kind != "CLOSE_BRACE":
        return None
    if (place := _comment_sign(around)) is not None:
        return around.says("NN022", "comments begin with `#`, not with `//`", begin=place, end=place, help="write `#`")
    if around.bracket() is not None:
        return around.says("NN017", "a comma is missing", "`,` goes before this")
    beside = token.start - before.end <= 1 and around.kind(1) != "EQUAL"
    if before.kind == "NUMBER" and token.kind == "NAME" and beside:
        help = f"write `{around.text(-1)} * {around.text()}`"
        return around.says("NN012", "a product is written with `*`", begin=-1, help=help)
    if len(around.before) == 1 and not around.mistake.top_level:
        return _two_words(around)
    if before.kind == "CLOSE_BRACE" or any(t.kind in ("EQUAL", "COLON", "OPEN_PARENTHESIS") for t in around.before):
        return around.says("NN016", "a statement ends with its line", "this begins another", help="begin a new line")
    return None


def _comment_sign(around: Around) -> int | None:
    """Where `//` stands between values on the line of the mistake."""
    for distance in range(-1, -len(around.before) - 1, -1):
        if around.kind(distance) == "DOUBLE_SLASH":
            return distance
        token = around.at(distance)
        if token is None or token.first:
            return None
    return None


def _two_words(around: Around) -> Diagnostic:
    """`minimise loss`, `epochs 3`: a word that is meant to begin a statement, or a forgotten sign."""
    word = around.text(-1)
    meant = did_you_mean(word, BODY_WORDS | {"metric"})
    if meant is not None:
        return around.says("NN025", f"`{word}` begins no statement", begin=-1, end=-1, help=f"did you mean `{meant}`?")
    help = f"to give `{word}` a value, write `{word} = {around.text()}`"
    return around.says("NN001", f"something is missing between `{word}` and `{around.text()}`", begin=-1, help=help)


def _short(text: str) -> str:
    return text if len(text) <= 20 else text[:17] + "..."


INCOMPLETE = (
    indented_block,
    missing_block,
    unfinished,
    missing_value,
    reserved_word,
    continuing_word,
    wrong_level,
    two_on_a_line,
)

"""Statements that lack something or stand in the wrong place.

Each explanation looks at a token that does not fit and returns a diagnostic, or None where it is about something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics.model import Diagnostic, did_you_mean
from nndsl.syntax.forms import BODY_FORMS, MEANT_BY, TOP_FORMS, TRAIN_WORDS
from nndsl.syntax.layout import COMPARISONS, CONTINUING_SIGNS, DEFINING_WORDS, OPERAND_ENDS

if TYPE_CHECKING:
    from nndsl.syntax.explain import Around


def indented_block(around: Around) -> Diagnostic | None:
    """`if x:` and an indented block."""
    if around.kind(0) != "COLON" or not around.ends(1) or "COLON" in around.expected:
        return None
    help = "open the block with `{` and close it with `}`; indentation is for the eye"
    return around.says("NN015", "a block stands in braces", "`{` goes here", help=help)


def missing_block(around: Around) -> Diagnostic | None:
    """A header whose line ends, or goes on, without `{`."""
    if "OPEN_BRACE" not in around.expected:
        return None
    if around.ends() and (around.first in TOP_FORMS or around.first in BODY_FORMS or around.text(-1) == "else"):
        what = f"`{around.first}`" if around.first.isalpha() else "this"
        return around.says("NN015", f"the block of {what} is missing", "`{` goes here, on the same line")
    if around.text(-1) == "else" or around.text() in ("then", "do"):
        help = f"write `{{` in its place: {around.form}" if around.text() in ("then", "do") else around.form
        return around.says("NN015", "a block stands in braces", "`{` goes here", help=help)
    if around.first in ("if", "for", "repeat") and around.kind(0) in ("NAME", "NUMBER", "STRING"):
        return around.says("NN015", "a block stands in braces", "`{` goes before this", help=around.form)
    return None


def missing_colon(around: Around) -> Diagnostic | None:
    """`input image [8, 8]`."""
    if around.kind(0) != "OPEN_BRACKET" or "COLON" not in around.expected:
        return None
    return around.says("NN019", "a shape stands after a colon", "`:` goes before this", help=around.form)


def unfinished(around: Around) -> Diagnostic | None:
    """Statements that lack a part everyone needs to be told about once."""
    word, kind = around.first, around.kind(0)
    if word == "weight" and kind == "EQUAL" and "COLON" in around.expected:
        help = f"write `weight {around.text(-1)}: [d, units] = ...`"
        return around.says("NN019", "a weight needs its shape", "the shape goes before this", help=help)
    if word == "weight" and "EQUAL" in around.expected and around.ends():
        help = "write `= glorot_uniform` or `= zeros` after the shape"
        return around.says("NN019", "a weight needs its initial value", help=help)
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
    if name is None or not name.first or len(around.before) < 3:
        return None
    begins = around.text(-1) in TOP_FORMS or around.text(-1) in BODY_FORMS
    if around.kind(0) not in ("EQUAL", "COLON") and not (begins and around.kind(0) == "NAME"):
        return None
    if around.kind(-2) not in CONTINUING_SIGNS:
        return None
    label = "the line ends here, so the next one continues it"
    help = "a percentage is written without space: `80%`" if around.kind(-2) == "REMAINDER" else None
    return around.says("NN019", f"the value after `{around.text(-2)}` is missing", label, begin=-2, end=-2, help=help)


def reserved_word(around: Around) -> Diagnostic | None:
    """A statement's word used as a name at the beginning of a line."""
    word = around.first
    if len(around.before) != 1 or around.kind(0) not in ("EQUAL", "COMMA", "COLON", "OPEN_PARENTHESIS", "ARROW", "DOT"):
        return None
    if word not in (TOP_FORMS if around.mistake.top_level else BODY_FORMS):
        return None
    help = f"as a statement: {around.form}; as a name, choose another"
    if word == "split" and around.kind(0) == "OPEN_PARENTHESIS":
        help = "as a step it needs a value before it: `x -> split(2)`"
    message = f"`{word}` begins a statement here, so it cannot be a name at the beginning of a line"
    return around.says("NN020", message, begin=-1, end=-1, help=help)


def continuing_word(around: Around) -> Diagnostic | None:
    """A line that begins with `over`, `using`, `every`, ... after a line that it does not continue."""
    token = around.token
    if token.kind == "ARROW" and token.first:
        help = "a line on its own begins with a step or a value"
        return around.says("NN020", "a line that begins with `->` continues the line before it", help=help)
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
    place = f"at the top level stand {', '.join(f'`{word}`' for word in TOP_FORMS)}"
    if around.kind(0) != "NAME":
        return around.says("NN025", f"`{_short(word)}` cannot begin anything at the top level of a file", help=place)
    if word in BODY_FORMS:
        where = "a `train` block" if word in TRAIN_WORDS else "a `layer`, `function` or `model`"
        where = "a `data` block" if word == "split" else where
        return around.says("NN025", f"`{word}` stands inside {where}", help=place)
    if around.kind(1) == "EQUAL":
        help = f"write `let {word} = ...`"
        return around.says("NN025", "at the top level, a name is given a value with `let`", help=help)
    if around.kind(1) == "NAME":
        meant = MEANT_BY.get(word) or did_you_mean(word, TOP_FORMS)
        help = f"did you mean `{meant}`? {around.form_of(meant)}" if meant is not None else place
        return around.says("NN025", f"`{word}` begins nothing", help=help)
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
    if before.kind == "NUMBER" and token.start == before.end:
        written = around.text(-1) + around.text()
        return around.says("NN008", f"`{written}` is not a number", begin=-1)
    if before.kind == "NUMBER" and token.kind == "NAME" and token.start - before.end == 1 and _is_product(around):
        help = f"write `{around.text(-1)} * {around.text()}`"
        return around.says("NN012", "a product is written with `*`", begin=-1, help=help)
    if len(around.before) == 1 and not around.mistake.top_level and around.first not in BODY_FORMS:
        return _two_words(around)
    begins = around.kind(1) in ("EQUAL", "COLON", "OPEN_PARENTHESIS", "ARROW") or around.text() in BODY_FORMS
    if before.kind == "CLOSE_BRACE" or (begins and around.mistake.complete):
        return around.says("NN016", "a statement ends with its line", "this begins another", help="begin a new line")
    return None


def _is_product(around: Around) -> bool:
    """Whether `3 x` stands where it can only be a product."""
    return around.mistake.complete and around.kind(1) not in ("EQUAL", "COLON", "OPEN_PARENTHESIS", "NAME")


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
    word, value = around.text(-1), around.text()
    if around.kind(1) == "EQUAL":
        message = f"a name is given a value without `{word}` before it"
        return around.says("NN018", message, begin=-1, end=-1, help=f"write `{value} = ...`")
    meant = did_you_mean(word, BODY_FORMS)
    if meant is not None and meant != word:
        help = f"did you mean `{meant}`? {around.form_of(meant)}"
        return around.says("NN025", f"`{word}` begins no statement", begin=-1, end=-1, help=help)
    help = f"`{word} = {value}` gives `{word}` a value, `{word}({value})` passes it one"
    return around.says("NN001", f"something is missing between `{word}` and `{around.text()}`", begin=-1, help=help)


def _short(text: str) -> str:
    return text if len(text) <= 20 else text[:17] + "..."


INCOMPLETE = (
    indented_block,
    missing_block,
    missing_colon,
    unfinished,
    reserved_word,
    continuing_word,
    wrong_level,
    two_on_a_line,
)

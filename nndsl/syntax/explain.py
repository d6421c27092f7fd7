"""What a token that does not fit most probably means, in the user's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics.model import Diagnostic, error
from nndsl.source import Span
from nndsl.syntax.forms import BODY_FORMS, TOP_FORMS
from nndsl.syntax.lexer import END, NEWLINE
from nndsl.syntax.tables import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nndsl.syntax.lexer import Token
    from nndsl.syntax.parser import Mistake

OPERANDS = {"NAME", "NUMBER", "STRING", "OPEN_PARENTHESIS", "OPEN_BRACKET"}
OPERATORS = {
    *("PLUS", "MINUS", "STAR", "SLASH", "DOUBLE_SLASH", "REMAINDER", "AT", "CARET", "ARROW", "AND", "OR", "DOT"),
    *("EQUALS", "DIFFERS", "LESS", "LESS_OR_EQUAL", "MORE", "MORE_OR_EQUAL"),
}
NEVER_SAID = {*OPERANDS, *OPERATORS, "PERCENT", "TRUE", "FALSE", "DOTS", "NOT", NEWLINE, END}
MOST_SAID = 4


class Around:
    """A mistake with its surroundings, as the explanations look at them. Tokens are counted from it: -1 is before."""

    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake
        self.expected = mistake.expected
        self.token = mistake.tokens[mistake.place]
        self.before = mistake.tokens[mistake.statement : mistake.place]
        """The tokens of the statement so far."""

    def at(self, distance: int) -> Token | None:
        """The token so many places further on, in the same statement or after it."""
        place = self.mistake.place + distance
        if distance < 0 and place < self.mistake.statement:
            return None
        return self.mistake.tokens[place] if place < len(self.mistake.tokens) else None

    def kind(self, distance: int) -> str:
        """Its kind; "" where there is none."""
        token = self.at(distance)
        return token.kind if token is not None else ""

    def text(self, distance: int = 0) -> str:
        """Its text; "" for line ends and where there is none."""
        token = self.at(distance)
        return self.mistake.file.text[token.start : token.end] if token is not None and token.kind != NEWLINE else ""

    @property
    def first(self) -> str:
        """The first word or sign of the statement."""
        return self.text(-len(self.before)) if self.before else self.text()

    def words_before(self) -> list[str]:
        """The names of the statement so far."""
        text = self.mistake.file.text
        return [text[token.start : token.end] for token in self.before if token.kind == "NAME"]

    @property
    def form(self) -> str | None:
        """How the statement is written, if its first word is one of the language's."""
        return self.form_of(self.first)

    def form_of(self, word: str) -> str | None:
        """How a statement that begins with `word` is written, in backquotes."""
        form = (TOP_FORMS if self.mistake.top_level else BODY_FORMS).get(word)
        return f"`{form}`" if form is not None else None

    def bracket(self) -> Token | None:
        """The ( or [ that the mistake stands in."""
        depth = 0
        for token in reversed(self.before):
            if token.kind in ("CLOSE_PARENTHESIS", "CLOSE_BRACKET", "CLOSE_BRACE"):
                depth += 1
            elif token.kind in ("OPEN_PARENTHESIS", "OPEN_BRACKET", "OPEN_BRACE"):
                if depth == 0:
                    return token if token.kind != "OPEN_BRACE" else None
                depth -= 1
        return None

    def ends(self, distance: int = 0) -> bool:
        """Whether the line or a block ends there."""
        return self.kind(distance) in (NEWLINE, END, "CLOSE_BRACE")

    def span(self, begin: int = 0, end: int = 0) -> Span:
        """From token `begin` to token `end`; a line's end is the place right after what came before."""
        first, last = self.at(begin), self.at(end)
        assert first is not None and last is not None
        file = self.mistake.file
        if first.kind in (NEWLINE, END) or (first.kind == "CLOSE_BRACE" and first.first):
            previous = self.at(-1)
            place = previous.end if previous is not None else first.start
            return Span(file, place, place)
        return Span(file, first.start, last.end)

    def says(
        self, code: str, message: str, label: str = "", *, begin: int = 0, end: int = 0, help: str | None = None
    ) -> Diagnostic:
        """The diagnostic at tokens `begin` to `end`."""
        return error(code, message, self.span(begin, end), label, help=help)


def explain(mistake: Mistake) -> Diagnostic:
    """The diagnostic for a token that does not fit: another language's way, or else what would have fitted."""
    from nndsl.syntax.incomplete import INCOMPLETE, missing_value
    from nndsl.syntax.reflexes import REFLEXES

    around = Around(mistake)
    explanations: Iterable[Callable[[Around], Diagnostic | None]] = (missing_value, *REFLEXES, *INCOMPLETE)
    for explanation in explanations:
        found = explanation(around)
        if found is not None:
            return found
    return _unexpected(around)


def _unexpected(around: Around) -> Diagnostic:
    expected = _in_words(around.expected)
    help = f"it is written {around.form}" if around.form is not None and around.bracket() is None else None
    if around.ends():
        end = "block" if around.kind(0) == "CLOSE_BRACE" and not around.token.first else "line"
        return around.says("NN001", f"the {end} ends too early", expected, help=help)
    if around.kind(0) == "COMMA" and around.mistake.complete and not around.mistake.top_level:
        return _loose_comma(around)
    return around.says("NN001", f"`{around.text()}` does not fit here", expected, help=help)


def _loose_comma(around: Around) -> Diagnostic:
    """`x = 1, 2`, `x = 1,000`, `output a, b`."""
    if around.first == "output":
        help = "several outputs are several lines: `output name = value`"
        return around.says("NN001", "`output` has one value", "and ends before this", help=help)
    if around.kind(1) == "NAME" and around.text(1).startswith("clip"):
        help = "it is written `using Adam(1e-3) clip_norm=1.0`"
        return around.says("NN001", "what clips the gradients follows without a comma", help=help)
    if around.first in BODY_FORMS:
        return around.says("NN001", "`,` does not fit here", help=f"it is written {around.form}")
    before, after = around.at(-1), around.at(1)
    if before and after and before.kind == after.kind == "NUMBER" and before.end + 1 == after.start:
        number = around.text(-1) + around.text(1)
        return around.says("NN008", "numbers have no commas", begin=-1, end=1, help=f"write `{number}`")
    if any(token.kind == "EQUAL" for token in around.before):
        return around.says("NN013", "a list stands in square brackets", help="write `name = [..., ...]`")
    return around.says("NN001", "a line holds one step or chain", "and ends before this", help="steps follow with `->`")


def _in_words(expected: frozenset[str]) -> str:
    """`expected a value`, `expected a name or "{"`."""
    shown: list[str] = []
    if "OUTPUT" in expected:
        return "expected a statement"
    if OPERANDS & expected == OPERANDS:
        shown.append("a value")
    elif "NAME" in expected:
        shown.append("a name")
    elif "STRING" in expected:
        shown.append('text in double quotes (`"..."`)')
    if NEWLINE in expected and "a value" not in shown:
        shown.append("the end of the line")
    elif "AND" in expected and not shown:
        shown.append("an operator")
    texts = {kind: text for text, kind in (*tables()["signs"].items(), *tables()["words"].items())}
    shown += [
        f"`{texts[kind]}`"
        for kind in sorted(expected - NEVER_SAID, key=lambda kind: (texts[kind].isalpha(), texts[kind]))
    ]
    if not shown:
        return ""
    if len(shown) > MOST_SAID:
        shown = shown[:MOST_SAID]
        return f"expected {', '.join(shown)} ..."
    *most, last = shown
    return f"expected {', '.join(most)} or {last}" if most else f"expected {last}"

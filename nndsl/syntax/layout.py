"""Lines and brackets: which line ends end a statement, and which brackets do not fit.

Works on all tokens at once, so that one forgotten bracket is one message at the bracket, and the lines after it still
make sense to the parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nndsl.diagnostics.model import Diagnostic, Label, error
from nndsl.source import SourceFile, Span
from nndsl.syntax.lexer import BROKEN, END, NEWLINE, UNCLOSED, GivenUpError, Token

if TYPE_CHECKING:
    from collections.abc import Callable

DEEPEST = 100
"""Levels of nesting, of brackets as of the tree: what reads the tree goes down it by recursion."""

COMPARISONS = {"EQUALS", "DIFFERS", "LESS", "LESS_OR_EQUAL", "MORE", "MORE_OR_EQUAL"}

CONTINUING_SIGNS = {
    *("PLUS", "MINUS", "STAR", "SLASH", "DOUBLE_SLASH", "REMAINDER", "AT", "CARET", "BAR", "ARROW", "EQUAL", "COMMA"),
    *("AND", "OR", "NOT"),
    *COMPARISONS,
}
"""A line that ends in one of these goes on in the next."""

CONTINUING_WORDS = {"over", "using", "weighted", "every", "else"}
"""A line that begins with one of these continues the line before it."""

DEFINING_WORDS = {"layer", "function", "model", "optimizer", "data", "train", "import", "let"}
"""Words that begin something at the top level of a file and nothing inside a block (`metric` begins both)."""

WORDS_BEFORE_A_VALUE = {
    "in",
    "from",
    "over",
    "using",
    "by",
    "every",
    "with",
    "output",
    "minimize",
    "metric",
    "if",
    "repeat",
}

OPENING = {"OPEN_PARENTHESIS": ")", "OPEN_BRACKET": "]", "OPEN_BRACE": "}"}
CLOSING = {
    "CLOSE_PARENTHESIS": "OPEN_PARENTHESIS",
    "CLOSE_BRACKET": "OPEN_BRACKET",
    "CLOSE_BRACE": "OPEN_BRACE",
}
OPERAND_ENDS = {"NAME", "NUMBER", "PERCENT", "STRING", "TRUE", "FALSE", "DOTS", "CLOSE_PARENTHESIS", "CLOSE_BRACKET"}
OPERAND_STARTS = {"NAME", "NUMBER", "PERCENT", "STRING", "TRUE", "FALSE", "DOTS", "NOT"}


class _Open(NamedTuple):
    """A bracket not closed yet. `place` is its index in the output; `indent` that of the line it stands on."""

    token: Token
    place: int
    indent: int
    groups: bool
    commas: list[Token]


def laid_out(file: SourceFile, tokens: list[Token], end: int, report: Callable[[Diagnostic], None]) -> list[Token]:
    """The tokens that the grammar knows: a NEWLINE only where a statement ends, brackets in pairs, END at the end."""
    return _Layout(file, tokens, end, report).run()


class _Layout:
    def __init__(self, file: SourceFile, tokens: list[Token], end: int, report: Callable[[Diagnostic], None]) -> None:
        self.file = file
        self.tokens = tokens
        self.end = end
        self.report = report
        self.out: list[Token] = []
        self.stack: list[_Open] = []
        self.indent = 0
        self.suspect: Token | None = None
        """A `{` whose `}` stands further left than its line: that was probably meant for another."""

    def run(self) -> list[Token]:
        line_ended = False
        for index, token in enumerate(self.tokens):
            kind = token.kind
            if kind == NEWLINE:
                line_ended = True
                continue
            if token.first:
                self.indent = self._indent(token)
            if line_ended:
                line_ended = False
                self._line_end(token, index)
            if kind == UNCLOSED:
                self._unclosed_text(token)
            elif kind in OPENING:
                self._open(token)
            elif kind in CLOSING:
                self._close(token, index)
            else:
                if kind == "COMMA" and self.stack:
                    self.stack[-1].commas.append(token)
                self.out.append(token)
        self._finish()
        return self.out

    # ------------------------------------------------------------------------------------------ lines

    def _indent(self, token: Token) -> int:
        """Columns of space before the first token of a line."""
        return token.start - (self.file.text.rfind("\n", 0, token.start) + 1)

    def _line_end(self, following: Token, index: int) -> None:
        """A line has ended before `following`: a NEWLINE if that ends a statement, a look at what should be closed."""
        if self.stack and self.stack[-1].token.kind != "OPEN_BRACE":
            if not self._begins_statement(following, index):
                self._missing_comma(following)
                return
            self._unclosed_before(following)
        if self.stack and self._begins_definition(following, index) and self.indent <= self.stack[-1].indent:
            self._unclosed_blocks(following)
        if not self.out or self.out[-1].kind in CONTINUING_SIGNS or self.out[-1].kind in ("OPEN_BRACE", NEWLINE):
            return
        if following.kind in ("ARROW", "CLOSE_BRACE") or self._text(following) in CONTINUING_WORDS:
            return
        self.out.append(Token(NEWLINE, self.out[-1].end, self.out[-1].end))

    def _text(self, token: Token) -> str:
        return self.file.text[token.start : token.end] if token.kind == "NAME" else ""

    def _kind(self, index: int) -> str:
        return self.tokens[index].kind if index < len(self.tokens) else END

    def _begins_statement(self, token: Token, index: int) -> bool:
        """Whether a line inside ( ) or [ ] looks like the next statement: then the bracket was forgotten."""
        if token.kind == "CLOSE_BRACE":
            return False  # closing it says so
        if token.kind == "NAME" and self._kind(index + 1) == "EQUAL":
            in_list = self.stack[-1].token.kind == "OPEN_BRACKET"
            if in_list or self.out[-1].kind not in ("COMMA", "OPEN_PARENTHESIS"):
                return True
        if not self.out or self.out[-1].kind not in OPERAND_ENDS or token.kind not in OPERAND_STARTS:
            return self._begins_definition(token, index) and self._kind(index + 1) == "NAME"
        return self.indent <= self.stack[-1].indent

    def _missing_comma(self, following: Token) -> None:
        """Two values in brackets, one below the other and nothing between: a comma is put there."""
        opens = following.kind in ("OPEN_BRACKET", "OPEN_PARENTHESIS")
        if self.out[-1].kind in OPERAND_ENDS and (opens or following.kind in OPERAND_STARTS):
            place = self.out[-1].end
            label = Label(Span(self.file, self.stack[-1].token.start, self.stack[-1].token.end), "inside this bracket")
            span = Span(self.file, place - 1, place)
            self.report(error("NN017", "a comma is missing", span, "write `,` after this", more=[label]))
            self.out.append(Token("COMMA", place, place))

    def _begins_definition(self, token: Token, index: int) -> bool:
        if self._text(token) not in DEFINING_WORDS or self._kind(index + 1) != "NAME":
            return False
        return self._text(self.tokens[index + 1]) != "from"  # `train from csv("...")` is a part of a split

    # ------------------------------------------------------------------------------------------ brackets

    def _open(self, token: Token) -> None:
        groups = not self.out or self.out[-1].kind not in OPERAND_ENDS or token.first
        if not groups and self._text(self.out[-1]) in WORDS_BEFORE_A_VALUE:
            groups = self.out[-1].first or self._text(self.out[-1]) in ("in", "from", "using", "by", "every")
        if len(self.stack) >= DEEPEST:
            span = Span(self.file, token.start, token.end)
            message = f"this is nested more than {DEEPEST} levels deep"
            self.report(error("NN006", message, span, help="give the inner parts names of their own"))
            raise GivenUpError
        self.stack.append(_Open(token, len(self.out), self.indent, groups and token.kind == "OPEN_PARENTHESIS", []))
        self.out.append(token)

    def _close(self, token: Token, index: int) -> None:
        wanted = CLOSING[token.kind]
        depth = len(self.stack) - 1
        while depth >= 0 and self.stack[depth].token.kind != wanted:
            if self.stack[depth].token.kind == "OPEN_BRACE":
                depth = -1
            depth -= 1
        if depth < 0:
            self._stray(token)
            return
        if depth < len(self.stack) - 1:
            self._unclosed(self.stack[-1].token, token)
            self.out.append(Token(BROKEN, token.start, token.start))
            del self.stack[depth + 1 :]
        opening = self.stack.pop()
        if wanted == "OPEN_BRACE" and token.first and self.indent < opening.indent and self.suspect is None:
            self.suspect = opening.token
        if opening.groups and opening.commas:
            self._tuple(opening, token, index)
        else:
            self.out.append(token)

    def _stray(self, token: Token) -> None:
        sign = self.file.text[token.start]
        if self.stack and self.stack[-1].token.kind != "OPEN_BRACE" and token.kind != "CLOSE_BRACE":
            opening = self.stack.pop().token
            opened = self.file.text[opening.start]
            place = Label(Span(self.file, opening.start, opening.end), "opened here")
            message = f"`{opened}` is closed by `{OPENING[opening.kind]}`, not by `{sign}`"
            self.report(error("NN005", message, Span(self.file, token.start, token.end), more=[place]))
        else:
            message = f"this `{sign}` closes nothing"
            help = "take it out, or open it before" if token.kind != "CLOSE_BRACE" else "is there a `}` too many above?"
            self.report(error("NN005", message, Span(self.file, token.start, token.end), help=help))
        if token.kind != "CLOSE_BRACE":
            self.out.append(Token(BROKEN, token.start, token.end, token.first))

    def _tuple(self, opening: _Open, closing: Token, index: int) -> None:
        """`(3, 3)`: said, and read as the list it means (or, before `=`, as names without brackets)."""
        span = Span(self.file, opening.token.start, closing.end)
        inner = self.file.text[opening.token.end : closing.start].strip().rstrip(",")
        if opening.token.first and self._kind(index + 1) == "EQUAL":
            self.report(error("NN013", "several names stand without parentheses", span, help=f"write `{inner} = ...`"))
            del self.out[opening.place]
            return
        help = f"write `[{inner}]`" if len(inner) <= 60 and "\n" not in inner else "write it in `[` and `]`"
        self.report(error("NN013", "a list stands in square brackets", span, "Python's tuple", help=help))
        start = opening.token
        self.out[opening.place] = Token("OPEN_BRACKET", start.start, start.end, start.first)
        self.out.append(Token("CLOSE_BRACKET", closing.start, closing.end, closing.first))

    # ------------------------------------------------------------------------------------------ what was not closed

    def _unclosed(self, opening: Token, noticed: Token | None) -> None:
        sign, closing = self.file.text[opening.start], OPENING[opening.kind]
        more: list[Label] = []
        if noticed is not None:
            more.append(Label(Span(self.file, noticed.start, noticed.end), f"`{closing}` should have come before this"))
        message = f"this `{sign}` is never closed"
        span = Span(self.file, opening.start, opening.end)
        self.report(error("NN004", message, span, f"`{closing}` is missing", more=more))

    def _unclosed_text(self, token: Token) -> None:
        """Forgets the brackets of the line that a text without its end has swallowed: one mistake is one message."""
        line = self.file.text.rfind("\n", 0, token.start)
        while self.stack and self.stack[-1].token.kind != "OPEN_BRACE" and self.stack[-1].token.start > line:
            self.stack.pop()
        self.out.append(Token(BROKEN, token.start, token.end, token.first))

    def _unclosed_before(self, following: Token) -> None:
        """Gives up the ( and [ that are open, at the end of the line before `following`."""
        self._unclosed(self.stack[-1].token, following)
        place = self.out[-1].end
        self.out.append(Token(BROKEN, place, place))
        while self.stack and self.stack[-1].token.kind != "OPEN_BRACE":
            self.stack.pop()

    def _unclosed_blocks(self, following: Token | None) -> None:
        """Closes every block, at the end of the line before `following` (None: at the end of the file)."""
        opening = self.suspect or self.stack[-1].token
        self._unclosed(opening, following)
        self.suspect = None
        place = self.out[-1].end
        for _ in self.stack:
            self.out.append(Token("CLOSE_BRACE", place, place))
        self.stack.clear()

    def _finish(self) -> None:
        if self.stack and self.stack[-1].token.kind != "OPEN_BRACE":
            self._unclosed(self.stack[-1].token, None)
            place = self.out[-1].end
            self.out.append(Token(BROKEN, place, place))
            while self.stack and self.stack[-1].token.kind != "OPEN_BRACE":
                self.stack.pop()
            for _ in self.stack:
                self.out.append(Token("CLOSE_BRACE", place, place))
        elif self.stack:
            self._unclosed_blocks(None)
        if self.out and self.out[-1].kind == NEWLINE:
            self.out.pop()
        self.out.append(Token(END, self.end, self.end))

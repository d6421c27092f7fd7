"""Text to tokens. Knows nothing of lines (that is `layout`), but names what other languages write differently."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from nndsl.diagnostics.model import Diagnostic, error
from nndsl.source import SourceFile, Span
from nndsl.syntax.tables import tables

if TYPE_CHECKING:
    from collections.abc import Callable

END = "$END"
NEWLINE = "_NEWLINE"
BROKEN = "$BROKEN"
"""The kind of a token that a diagnostic was already given for: the parser skips its statement without saying more."""

UNCLOSED = "$UNCLOSED"
"""The same for a text that takes the rest of its line with it, and the brackets that would have been closed there."""

RESERVED = {"true": "TRUE", "false": "FALSE", "and": "AND", "or": "OR", "not": "NOT"}
"""The words that are never names."""


class GivenUpError(Exception):
    """What was reported leaves nothing to go on with: the text is not read further."""


class Token(NamedTuple):
    """One token: its terminal in the grammar and its place. `first`: nothing but space stands before it on its line."""

    kind: str
    start: int
    end: int
    first: bool = False


SIGNS_OF_OTHER_LANGUAGES: dict[str, tuple[str, str]] = {
    # written: (meant, its terminal)
    "**": ("^", "CARET"),
    "&&": ("and", "AND"),
    "&": ("and", "AND"),
    "||": ("or", "OR"),
    "!": ("not", "NOT"),
    "~": ("not", "NOT"),
    "===": ("==", "EQUALS"),
    "!==": ("!=", "DIFFERS"),
    "<>": ("!=", "DIFFERS"),
    "=>": ("->", "ARROW"),
    ":=": ("=", "EQUAL"),
    "×": ("*", "STAR"),
    "·": ("*", "STAR"),
    "÷": ("/", "SLASH"),
    "−": ("-", "MINUS"),
    "–": ("-", "MINUS"),
    "→": ("->", "ARROW"),
    "≤": ("<=", "LESS_OR_EQUAL"),
    "≥": (">=", "MORE_OR_EQUAL"),
    "≠": ("!=", "DIFFERS"),
    "…": ("...", "DOTS"),
    "，": (",", "COMMA"),
    "：": (":", "COLON"),
    "（": ("(", "OPEN_PARENTHESIS"),
    "）": (")", "CLOSE_PARENTHESIS"),
}

WORDS_OF_PYTHON = {"True": ("true", "TRUE"), "False": ("false", "FALSE")}

_SPACE = r"[^\S\n]+|\#[^\n]*|\ufeff"
_TEXT_BLOCK = r'"""(?s:.)*?(?:"""|\Z)|' + r"'''(?s:.)*?(?:'''|\Z)|" + r"/\*(?s:.)*?(?:\*/|\Z)"
_QUOTED_OTHERWISE = r"'(?:[^'\\\n]|\\.)*'|[“”„«][^“”«»\n]*[“”»]"
_UNCLOSED = r"[\"'“”„«][^\n]*"
_FOREIGN_SIGN = r"\*\*|&&?|\|\||!==|!(?!=)|~|===|<>|=>|:=|[×·÷−–→≤≥≠…，：（）]"
_ASSIGNMENT = r"[-+*/%^]=(?!=)|\+\+"
_CONTINUATION = r"\\[^\S\n]*(?=\n|\Z)"


@cache
def _pattern() -> re.Pattern[str]:
    """One regular expression for all tokens, a group each; what is tried first is not part of something longer."""
    patterns = tables()["patterns"]
    signs = sorted(tables()["signs"], key=lambda sign: -len(sign))
    groups = {
        "space": _SPACE,
        "newline": r"\n",
        "NAME": patterns["NAME"],
        "PERCENT": patterns["PERCENT"],
        "NUMBER": patterns["NUMBER"],
        "text_block": _TEXT_BLOCK,
        "STRING": patterns["STRING"],
        "quoted_otherwise": _QUOTED_OTHERWISE,
        "unclosed": _UNCLOSED,
        "foreign_sign": _FOREIGN_SIGN,
        "assignment": _ASSIGNMENT,
        "continuation": _CONTINUATION,
        "semicolon": ";",
        "sign": "|".join(re.escape(sign) for sign in signs),
        "other": "(?s:.)",
    }
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in groups.items()))


def tokens_of(file: SourceFile, start: int, end: int, report: Callable[[Diagnostic], None]) -> list[Token]:
    """The tokens of text[start:end], line ends among them. Mistakes are reported, and mended where that is safe."""
    return _Lexer(file, end, report).tokens(start)


class _Lexer:
    def __init__(self, file: SourceFile, end: int, report: Callable[[Diagnostic], None]) -> None:
        self.file = file
        self.end = end
        self.report = report
        self.found: list[Token] = []
        self.first = True

    def tokens(self, position: int) -> list[Token]:
        match = _pattern().match
        text, end = self.file.text, self.end
        signs = tables()["signs"]
        while position < end:
            token = match(text, position, end)
            assert token is not None  # the last group takes any character
            kind, stop = str(token.lastgroup), token.end()
            if kind == "NAME":
                stop = self.name(position, stop)
            elif kind == "sign":
                self.add(signs[token.group()], position, stop)
            elif kind == "newline":
                self.add(NEWLINE, position, stop)
                self.first = True
            elif kind in ("NUMBER", "PERCENT"):
                stop = self.number(kind, position, stop)
            elif kind == "STRING":
                self.add(kind, position, stop)
            elif kind != "space":
                stop = getattr(self, kind)(position, stop)
            position = stop
        return self.found

    def add(self, kind: str, start: int, end: int) -> None:
        self.found.append(Token(kind, start, end, self.first))
        self.first = False

    def mistake(self, code: str, start: int, end: int, message: str, label: str, help: str | None) -> None:
        self.report(error(code, message, Span(self.file, start, end), label, help=help))

    # ------------------------------------------------------------------------------------------ names and numbers

    def name(self, start: int, end: int) -> int:
        text = self.file.text
        if not text[start:end].isascii() or text[end : end + 1] > "\x7f":
            end = self._end_of_name(start)
            if end == start:  # a letter only to `\w`
                return self.other(start, start + 1)
        word = text[start:end]
        if word in WORDS_OF_PYTHON:
            meant, kind = WORDS_OF_PYTHON[word]
            self.mistake(
                "NN011", start, end, f"`{word}` is written `{meant}`", f"Python's `{word}`", f"write `{meant}`"
            )
        elif word == "None":
            help = "leave the argument out, or name the one that does nothing (`activation=linear`)"
            self.mistake("NN011", start, end, "there is no `None`", "Python's `None`", help)
            kind = "NAME"
        else:
            kind = RESERVED.get(word, "NAME")
        self.add(kind, start, end)
        return end

    def _end_of_name(self, start: int) -> int:
        """Where the name ends by Unicode's rules for identifiers, marks that combine included."""
        text, position = self.file.text, start
        while position < self.end and ("a" + text[position]).isidentifier():
            position += 1
        return position if text[start].isidentifier() else start

    def number(self, kind: str, start: int, end: int) -> int:
        text = self.file.text
        tail = end
        while tail < self.end and (text[tail].isalnum() or text[tail] == "_"):
            tail += 1
        if tail == end:
            self.add(kind, start, end)
            return end
        written = text[start:tail]
        help = f"a product is written `{text[start:end]} * {text[end:tail]}`" if text[end:tail].isidentifier() else None
        if written[:2].lower() in ("0x", "0b", "0o"):
            help = "whole numbers are written in decimal digits"
        message = f"`{written}` is neither a number nor a name: names do not begin with a digit"
        self.mistake("NN008", start, tail, message, "", help)
        self.add("NAME", start, tail)
        return tail

    # ------------------------------------------------------------------------------------------ other languages' ways

    def quoted_otherwise(self, start: int, end: int) -> int:
        inner = self.file.text[start + 1 : end - 1]
        self.mistake("NN010", start, end, "text stands in double quotes", "", f'write `"{_short(inner)}"`')
        self.add("STRING", start, end)
        return end

    def foreign_sign(self, start: int, end: int) -> int:
        written = self.file.text[start:end]
        meant, kind = SIGNS_OF_OTHER_LANGUAGES[written]
        self.mistake("NN012", start, end, f"`{written}` is written `{meant}`", "", f"write `{meant}`")
        self.add(kind, start, end)
        return end

    def assignment(self, start: int, end: int) -> int:
        sign = self.file.text[start:end]
        help = f"write the name again: `x = x {sign[0]} 1`"
        self.mistake("NN012", start, end, f"there is no `{sign}`", "", help)
        self.add("EQUAL" if sign != "++" else BROKEN, start, end)
        return end

    def semicolon(self, start: int, end: int) -> int:
        following = self.file.text[end : self.end].lstrip(" \t\r")[:1]
        help = "begin a new line" if following not in ("", "\n", "#") else "leave the `;` out"
        self.mistake("NN016", start, end, "a statement ends with its line, not with `;`", "", help)
        self.add(NEWLINE, start, end)
        return end

    def continuation(self, start: int, end: int) -> int:
        help = "a line continues where it ends in an operator or a comma, or inside brackets"
        self.mistake("NN012", start, start + 1, "there is no `\\` at a line's end", "", help)
        return min(end + 1, self.end)

    def text_block(self, start: int, end: int) -> int:
        opening = self.file.text[start : start + 3] if self.file.text[start] != "/" else "/*"
        help = "write `#` before each line; a comment right above a definition is its documentation"
        self.mistake("NN022", start, start + len(opening), f"comments begin with `#`, not with `{opening}`", "", help)
        return end

    # ------------------------------------------------------------------------------------------ what is nothing

    def unclosed(self, start: int, end: int) -> int:
        line = self.file.text[start:end].rstrip()
        end = start + max(1, len(line))
        help = 'close it with `"` on the same line'
        self.mistake("NN003", start, start + 1, "this text is never closed", "opened here, and the line ends", help)
        self.add(UNCLOSED, start, end)
        if line.endswith("{"):  # most probably the block of this line, and not part of the text
            self.add("OPEN_BRACE", end - 1, end)
        return end

    def other(self, start: int, end: int) -> int:
        """One diagnostic for a run of characters that begin no token."""
        while end < self.end and (found := _pattern().match(self.file.text, end, self.end)):
            if found.lastgroup != "other":
                break
            end = found.end()
        character = self.file.text[start]
        shown = f"`{character}`" if character.isprintable() else f"the character U+{ord(character):04X}"
        help = None
        if character == "?":
            help = "`where(c, a, b)` chooses between values"
        elif (normal := _plain(character)) is not None:
            help = f"did you mean `{normal}`?"
        elif end - start > 1 and not self.file.text[start:end].isprintable():
            help = "is this a text file?"
        self.mistake("NN002", start, end, f"{shown} has no meaning here", "", help)
        self.add(BROKEN, start, end)
        return end


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _plain(character: str) -> str | None:
    """What a decorated character is without its decoration: `２` is 2, `²` is ^2."""
    if character.isascii():
        return None
    from unicodedata import normalize

    plain = normalize("NFKC", character)
    if character in "⁰¹²³⁴⁵⁶⁷⁸⁹":
        return f"^{plain}"
    return plain if plain != character and plain.isascii() else None

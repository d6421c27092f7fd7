"""Text as a terminal shows it: how wide, and nothing in it that acts."""

from __future__ import annotations

from unicodedata import category, combining, east_asian_width

TAB = 4


def visible(text: str, *, newlines: bool = False) -> str:
    """The text with every control character replaced by a picture of it; `newlines` keeps line ends."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if newlines and c == "\n" else _picture(c) for c in text)


def columns(text: str) -> tuple[str, list[int]]:
    """What to print for one line, and the column of each of its characters (and of its end), from 0."""
    if text.isascii() and text.isprintable():
        return text, list(range(len(text) + 1))
    shown: list[str] = []
    offsets: list[int] = []
    column = 0
    for character in text:
        offsets.append(column)
        if character == "\t":
            picture = " " * (TAB - column % TAB)
            column += len(picture)
        else:
            picture = _picture(character)
            column += _width(picture)
        shown.append(picture)
    return "".join(shown), [*offsets, column]


def _picture(character: str) -> str:
    if character == "\t" or character.isprintable() or category(character) == "Zs" or character in "\u200c\u200d":
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def _width(picture: str) -> int:
    """Columns: two for East Asian wide characters, none for marks that combine."""
    if len(picture) > 1:
        return len(picture)
    if combining(picture) or category(picture) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(picture) in "WF" else 1

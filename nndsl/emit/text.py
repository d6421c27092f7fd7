"""Python source as text: literals, comments and docstrings that are safe whatever a `.nn` file says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.ir.op import Attribute

WIDTH = 120
"""Lines are broken to stay within this many characters where they can be."""

_LONGEST_COMMENT = 100
_NUMPY_NAME = re.compile(r"\bnp\.([a-z_][a-z_0-9]*(?:\.(?:reduce|accumulate|outer|at)\b)?)")
_NEGATIVE_ARGUMENT = re.compile(r"(?<=[(=\[ ])(?<!\*\* )\((-[0-9][0-9.e+-]*)\)(?=[,)\]]|$)", re.MULTILINE)

REAL = "real"
"""The variable that holds the type of floats. Rules take it for NumPy's name of the type, and write `np.real`."""

BARE_NAMES = frozenset(
    """
    absolute add arctan2 argmax argmin array bitwise_and bitwise_or bitwise_xor ceil concatenate copyto cos
    divide dot empty empty_like equal exp expm1 float64 floor floor_divide fmod full greater greater_equal
    int32 isnan less less_equal log log1p logical_and logical_not logical_or matmul maximum minimum multiply
    negative not_equal ones power ravel reciprocal remainder rint sign sin square sqrt subtract take tan tanh
    trunc where zeros
    """.split()  # noqa: SIM905 - a list of words
)
"""What planned code takes from NumPy by its bare name; no variable is called so. The rest keeps its `np.`."""


def one_line(text: str) -> str:
    """`text` without anything that could end a line, hide or turn its direction."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())


def comment(text: str, indent: str = "") -> str:
    """A comment of one line."""
    line = one_line(text)
    if len(line) > _LONGEST_COMMENT:
        line = line[: _LONGEST_COMMENT - 3].rstrip() + "..."
    return f"{indent}# {line}".rstrip()


def ruled(title: str, inset: int = 0) -> str:
    """A comment that begins a section, `# ---------- title`, for lines that will stand `inset` characters in."""
    return f"# {'-' * max(4, WIDTH - inset - len(title) - 3)} {title}"


def plain(text: str) -> str:
    """`text` as it may stand in a docstring."""
    return one_line(text).replace("\\", "/").replace('"', "'")


def string(text: str) -> str:
    """`text` as a Python string literal, in double quotes where it holds none; never with NumPy's `np.` in it."""
    literal = repr(text).replace("np.", "np\\x2e")
    if literal[0] == "'" and '"' not in literal and "\\'" not in literal:
        return f'"{literal[1:-1]}"'
    return literal


def number(value: Attribute, dtype: str) -> str:
    """A number as an atom of an expression. dtype: "float", "int" or "bool"."""
    match dtype:
        case "bool":
            return str(bool(value))
        case "int":
            text = str(int(value))  # type: ignore[arg-type]  # constants hold numbers
        case _:
            text = _float(float(value))  # type: ignore[arg-type]  # constants hold numbers
    return f"({text})" if text.startswith("-") else text


def _float(value: float) -> str:
    if isnan(value):
        return "np.nan"
    if value in (inf, -inf):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def shape(sizes: Iterable[int | str]) -> str:
    """A shape as a Python tuple: `(n, 64)`, `(3,)`, `()`."""
    texts = [str(size) for size in sizes]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def without_needless_parentheses(line: str) -> str:
    """`f(x, (-1.0))` -> `f(x, -1.0)`; powers keep theirs."""
    return _NEGATIVE_ARGUMENT.sub(r"\1", line) if "(-" in line else line


@dataclass(slots=True)
class Spelling:
    """How lines call NumPy: planned code takes its commonest names bare, `add.reduce` as `add_reduce`.

    excluded: names that the module uses otherwise. imported: names taken from NumPy. bound: methods of them that need a
    name (`add.reduce`).
    """

    bare: bool
    excluded: frozenset[str] = frozenset()
    imported: set[str] = field(default_factory=set[str])
    bound: set[str] = field(default_factory=set[str])

    def __call__(self, line: str) -> str:
        """A line (or an expression) of an op's rule as the module writes it."""
        if "np." not in line:
            return line
        return _NUMPY_NAME.sub(self._spelled, line)

    def _spelled(self, match: re.Match[str]) -> str:
        if match[1] == REAL:
            return REAL
        name, _, method = match[1].partition(".")
        if not self.bare or name not in BARE_NAMES or name in self.excluded:
            return match[0]
        self.imported.add(name)
        if method:
            self.bound.add(match[1])
            return f"{name}_{method}"
        return name


Plain = str | int | float | None | tuple["Plain", ...] | Mapping[str, "Plain"]
"""What can be written as a literal."""


def literal(value: Plain, indent: str = "", before: int = 0) -> str:
    """A constant as a Python literal.

    It stands on one line where it fits behind `indent` and `before` more characters, else on lines four spaces further
    in: one for each item, or as many plain items on each as fit.
    """
    flat = _flat(value)
    if len(indent) + before + len(flat) <= WIDTH or not isinstance(value, tuple | Mapping) or not value:
        return flat
    inner = indent + "    "
    if isinstance(value, Mapping):
        keys = {key: f"{string(key)}: " for key in value}
        items = [f"{inner}{keys[key]}{literal(item, inner, len(keys[key]) + 1)}," for key, item in value.items()]
        return "\n".join(["{", *items, indent + "}"])
    if any(isinstance(item, tuple | Mapping) for item in value):
        return "\n".join(["(", *(f"{inner}{literal(item, inner, 1)}," for item in value), indent + ")"])
    return "\n".join(["(", *_filled([f"{_flat(item)}," for item in value], inner), indent + ")"])


def _filled(words: Iterable[str], indent: str) -> list[str]:
    """Lines with as many words each as fit."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(indent + word)
    return lines


def _flat(value: Plain) -> str:
    match value:
        case str():
            return string(value)
        case float():
            text = _float(value)
            return text if "np." not in text else f'float("{text.replace("np.", "")}")'
        case tuple():
            items = [_flat(item) for item in value]
            return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
        case Mapping():
            return "{" + ", ".join(f"{string(key)}: {_flat(item)}" for key, item in value.items()) + "}"
        case _:
            return repr(value)


def wrapped(text: str, indent: str = "", width: int = WIDTH) -> list[str]:
    """Prose broken into lines."""
    import textwrap

    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)

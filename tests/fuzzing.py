"""Texts that nobody would write, for tests that nndsl reads or refuses anything; the same seed gives the same text."""

from __future__ import annotations

import random
import re
from pathlib import Path

TOP = Path(__file__).parents[1]
EXAMPLES = len(list(TOP.glob("examples/*.nn")))
SOURCES = [
    path.read_text(encoding="utf-8")
    for path in (*sorted(TOP.glob("examples/*.nn")), *sorted(TOP.glob("nndsl/std/*/*.nn")))
]
"""The examples, then the library's files."""

PIECES = [
    *("(", ")", "[", "]", "{", "}", "->", "=", "==", ":", ",", ".", "...", "+", "-", "*", "/", "^", "%", "|"),
    *("@", "input", "output", "weight", "state", "if", "else", "for", "in", "repeat", "scan", "with"),
    *("split", "minimize", "\n", '"', "over", "using", "every", "weighted", "by", "metric", "predict"),
    *("expect", "show", "model", "layer", "function", "train", "data", "from", "on", "let", "import"),
    *("optimizer", "not", "and", "or", "true", "x", "3", "80%", "0.5", '"text"', "\t", "\\", "'", "#", "//"),
    *("**", "&&", ";", "def", "class", "lambda", "return", "²", "é", "\ufeff", "\x00", "“"),
]  # fmt: skip


VALUES = [
    *("0", "-1", "0.5", "1e9", "9223372036854775807", "1e-400", "true", '"text"', "[]", "[1, 2]"),
    *("[[1], [2]]", "1 / 0", "relu", "softmax", "Dense", "Dense(3)", "Adam", "image", "label", "digits"),
    *("Digits", "...", "training", "step", "epoch", 'column("image")', "mean", "argmax", "total(1)"),
    *("range(3)", "weights(Digits)", "shape(image)", "normal([3])", "none", "grad(image, image)"),
    *("stop_gradient", "batch_mean", "glorot_uniform", "[height, d]", "reshape", "pi", "not true"),
]  # fmt: skip


def random_bytes(draw: random.Random) -> str:
    return draw.randbytes(draw.randrange(400)).decode("utf-8", errors="replace")


def random_pieces(draw: random.Random) -> str:
    separator = draw.choice(["", " "])
    return separator.join(draw.choice(PIECES) for _ in range(draw.randrange(120)))


def cut_off(draw: random.Random) -> str:
    source = draw.choice(SOURCES)
    return source[: draw.randrange(len(source))]


def mutated(draw: random.Random) -> str:
    """A real file with a few pieces taken out, put in, doubled or swapped."""
    source = draw.choice(SOURCES)
    for _ in range(draw.randrange(1, 5)):
        start = draw.randrange(len(source) + 1)
        end = min(len(source), start + draw.randrange(12))
        match draw.randrange(4):
            case 0:
                source = source[:start] + source[end:]
            case 1:
                source = source[:start] + draw.choice(PIECES) + source[start:]
            case 2:
                source = source[:end] + source[start:end] + source[end:]
            case _:
                other = draw.randrange(len(source) + 1)
                source = source[:start] + source[other : other + 12] + source[end:]
    return source


def meant_otherwise(draw: random.Random) -> str:
    """A real file in which a few words, numbers or lines stand for others: most parse, and mean something wrong."""
    source = draw.choice(SOURCES[:EXAMPLES])
    for _ in range(draw.choice([1, 1, 2, 3])):
        tokens = list(re.finditer(r'\w+|"[^"\n]*"|->|[=!<>]=|\.\.\.|\S', source))
        token, other = draw.choice(tokens), draw.choice(tokens)
        lines = source.split("\n")
        match draw.randrange(5):
            case 0:
                source = source[: token.start()] + source[token.end() :]
            case 1:
                source = source[: token.start()] + other.group() + source[token.end() :]
            case 2:
                source = source[: token.start()] + draw.choice(VALUES) + source[token.end() :]
            case 3:
                lines.insert(draw.randrange(len(lines)), draw.choice(lines))
                source = "\n".join(lines)
            case _:
                lines.remove(draw.choice(lines))
                source = "\n".join(lines)
    return source

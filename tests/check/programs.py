"""Checking texts in tests."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from nndsl.check import check
from nndsl.diagnostics import Diagnostic, UserError
from nndsl.ir.program import Program
from nndsl.source import SourceFile

DIGITS = """
data digits from builtin("digits") {
  image = column("image") / 16
  label = class(column("label"))
  split train 80%, validation 10%, test 10%, stratify=label
}
"""


def checked(text: str, *, folder: Path | None = None, **sets: str) -> Program:
    """The program of a text that must be right."""
    path = folder / "model.nn" if folder is not None else None
    return check(SourceFile("model.nn", dedent(text), path), sets=sets)


def mistakes(text: str, *, folder: Path | None = None, **sets: str) -> list[Diagnostic]:
    """The diagnostics of a text that must be wrong."""
    try:
        checked(text, folder=folder, **sets)
    except UserError as failure:
        return list(failure.diagnostics)
    raise AssertionError("this should have been refused")


def shapes(program: Program) -> dict[str, tuple[int, ...]]:
    """Weights by path."""
    return {weight.path: weight.type.shape for weight in program.weights}


def model(*lines: str, inputs: str = "x: [4]", before: str = "") -> str:
    """A model of these lines, checked on its own since it says its input's shape."""
    body = "".join(f"  {line}\n" for line in lines)
    return f"{dedent(before)}\nmodel M {{\n  input {inputs}\n{body}}}\n"


def training(*lines: str, network: str = "Flatten\n  Dense(10)", before: str = "") -> str:
    """A train block on the digits."""
    body = "".join(f"  {line}\n" for line in lines)
    network = f"model M {{\n  input image\n  {network}\n}}\n"
    return f"{dedent(before)}{DIGITS}\n{network}\ntrain M on digits {{\n  scores = M(image)\n{body}}}\n"

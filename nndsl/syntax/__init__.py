"""From text to tree."""

from __future__ import annotations

from nndsl.diagnostics.model import Diagnostic, UserError
from nndsl.source import SourceFile
from nndsl.syntax.tree import Program

MOST_DIAGNOSTICS = 20

__all__ = ["parse", "parse_part"]


def parse(file: SourceFile) -> Program:
    """The tree of a whole file. Raises UserError with every mistake that could be told apart."""
    return parse_part(file, 0, len(file.text))


def parse_part(file: SourceFile, start: int, end: int) -> Program:
    """The tree of the definitions in text[start:end]; spans are the whole file's. Raises UserError as `parse` does."""
    from nndsl.syntax.build import Builder
    from nndsl.syntax.explain import explain
    from nndsl.syntax.layout import laid_out
    from nndsl.syntax.lexer import GivenUpError, tokens_of
    from nndsl.syntax.parser import Parser

    mistakes: list[Diagnostic] = []

    def report(mistake: Diagnostic) -> None:
        """Keeps one mistake for each place: what is said first is closest to the cause."""
        place = mistake.labels[0].span.start
        if any(place == known.labels[0].span.start for known in mistakes):
            return
        mistakes.append(mistake)
        if len(mistakes) >= MOST_DIAGNOSTICS:
            raise GivenUpError

    try:
        tokens = laid_out(file, tokens_of(file, start, end, report), end, report)
        program = Parser(file, tokens, Builder(file, report), report, explain).parse()
    except GivenUpError:
        program = Program(file, ())
    if mistakes:
        raise UserError(*sorted(mistakes, key=lambda mistake: mistake.labels[0].span.start))
    return program

"""What a token that does not fit most probably means, in the user's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics.model import Diagnostic, error
from nndsl.source import Span

if TYPE_CHECKING:
    from nndsl.syntax.parser import Mistake


def explain(mistake: Mistake) -> Diagnostic:
    """The diagnostic for a token that does not fit."""
    token = mistake.tokens[mistake.place]
    span = Span(mistake.file, token.start, token.end)
    return error("NN001", f"unexpected `{span.text}`", span, f"expected {', '.join(sorted(mistake.expected))}")

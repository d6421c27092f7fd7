"""The code table as docs/errors.md: `python -m nndsl.diagnostics.document docs/errors.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from nndsl.diagnostics.codes import FAMILIES
from nndsl.diagnostics.model import Code

INTRODUCTION = """\
# Errors and warnings

Every message of nndsl has a code. This page lists all of them, each with a file that gets it and the same file put
right. It is generated from the code table (`nndsl/diagnostics/codes/`) by
`python -m nndsl.diagnostics.document docs/errors.md`.
"""


def page() -> str:
    """The text of docs/errors.md."""
    sections = [INTRODUCTION]
    for family, codes in FAMILIES:
        if codes:
            sections.append(f"## {family}\n")
            sections += [_entry(code) for code in codes]
    return "\n".join(sections)


def _entry(code: Code) -> str:
    """One code; `fix` is None where the mistake is not in a `.nn` file, and `example` is then a situation in words."""
    parts = [f"### {code.code}: {code.title[:1].upper()}{code.title[1:]}\n", f"{code.explanation}\n"]
    if code.fix is None:
        parts.append(f"For example:\n\n```\n{code.example.rstrip()}\n```\n")
    else:
        parts.append(f"```nn\n{code.example.rstrip()}\n```\n")
        parts.append(f"Put right:\n\n```nn\n{code.fix.rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")

"""A generated module's text as code: what all modules have in common is compiled once in a process.

Nine tenths of a module are the runtime. Its sections are the same in every module that has them, but for the lines they
are at.
"""

from __future__ import annotations
import __future__

import re
from functools import lru_cache
from types import CodeType

_RUNTIME = re.compile(r"^# =+\n# The runtime\.", re.MULTILINE)
_SECTION = re.compile(r"^# -+ [a-z ]+\n", re.MULTILINE)
_IMPORT = re.compile(r"^(?:import|from(?! __future__)) [^(\n]*(?:\([^)]*\))?", re.MULTILINE)
_ANNOTATIONS = __future__.annotations.compiler_flag


def codes_of(source: str, filename: str) -> list[CodeType]:
    """What executes a module's text, one after another in the same names: its own part, and the runtime's sections.

    Tracebacks and profiles see the lines and the file of the whole text. Raises SyntaxError where it is not Python.
    """
    found = _RUNTIME.search(source)
    starts = [0] if found is None else [0, *(each.start() for each in _SECTION.finditer(source, found.start()))]
    own, *sections = (source[start:stop] for start, stop in zip(starts, [*starts[1:], None], strict=True))
    codes = [compile(own, filename, "exec", dont_inherit=True)]
    # Python compiles calls of what a module imports in another way: a section is told, and imports nothing again.
    imports = "".join(f" {each}\n" for each in _IMPORT.findall(own))
    told = f"if 0:\n{imports} pass\n"
    line = own.count("\n") - told.count("\n")
    for text in sections:
        codes.append(_moved(_section(told + text), filename, line))
        line += text.count("\n")
    return codes


@lru_cache(maxsize=512)
def _section(text: str) -> CodeType:
    return compile(text, "<a section of the runtime>", "exec", _ANNOTATIONS, dont_inherit=True)


def _moved(code: CodeType, filename: str, lines: int) -> CodeType:
    """The same code as that of another file, so many lines further down: line tables count from the first line."""
    constants = tuple(_moved(each, filename, lines) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=constants, co_filename=filename, co_firstlineno=code.co_firstlineno + lines)

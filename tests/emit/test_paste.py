"""The runtime section: modules joined into one text."""

from __future__ import annotations

import ast

import pytest

from nndsl.diagnostics import InternalError
from nndsl.emit.names import RESERVED
from nndsl.emit.paste import _read, _texts, joined, runtime
from nndsl.emit.text import BARE_NAMES

FIRST = '''"""What the others use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

LIMIT = 3


def shared() -> int:
    """Three."""
    return LIMIT
'''

SECOND = '''"""Uses the first."""

from __future__ import annotations

import os as system
from collections.abc import (
    Callable,
    Mapping,
)

from nndsl.runtime.standalone.zebra import shared

TWICE = shared() * 2
'''


def test_modules_come_behind_those_they_import() -> None:
    made = joined({"apple": SECOND, "zebra": FIRST})
    namespace: dict[str, object] = {}
    exec(made.text, namespace)
    assert namespace["TWICE"] == 6
    assert made.text.index("def shared") < made.text.index("TWICE =")


def test_imports_are_merged_and_siblings_left_out() -> None:
    made = joined({"apple": SECOND, "zebra": FIRST})
    assert made.imports == {
        "": frozenset({"os", "os as system"}),
        "collections.abc": frozenset({"Callable", "Iterable", "Mapping"}),
    }
    assert "import" not in made.text
    assert {"LIMIT", "TWICE", "shared", "os", "system", "Mapping"} <= made.names


def test_documentation_becomes_a_comment() -> None:
    text = joined({"zebra": FIRST}).text
    assert "# What the others use." in text
    assert '"""Three."""' in text


def test_two_modules_can_not_define_one_name() -> None:
    with pytest.raises(InternalError, match="both define LIMIT"):
        joined({"one": "LIMIT = 1\n", "two": "LIMIT = 2\n"})


def test_runtime_needs_numpy_and_the_standard_library_only() -> None:
    import sys

    made = runtime()
    modules = {name.split(".")[0] for name in made.imports if name}
    modules |= {name.split(" as ")[0].split(".")[0] for name in made.imports[""]}
    assert modules <= {"numpy", *sys.stdlib_module_names}
    assert "nndsl.runtime" not in made.text
    assert {"Program", "Memory", "Step", "fit", "main"} <= made.names
    ast.parse(made.text)


@pytest.mark.parametrize("folder", ["standalone", "device"])
def test_modules_are_read_as_python_reads_them(folder: str) -> None:
    for name, text in _texts(folder, "").items():
        imports: list[tuple[str, tuple[str, ...]]] = []
        defined: list[str] = []
        for statement in ast.parse(text).body:
            match statement:
                case ast.Import(names=names) | ast.ImportFrom(names=names):
                    written = tuple(alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in names)
                    imports.append((getattr(statement, "module", None) or "", written))
                case ast.FunctionDef() | ast.ClassDef():
                    defined.append(statement.name)
                case ast.Assign(targets=[ast.Name(id=target)]) | ast.AnnAssign(target=ast.Name(id=target)):
                    defined.append(target)
                case _:
                    pass
        found = _read(text)
        assert (found.imports, found.defined) == (tuple(imports), tuple(defined)), name
        assert len(ast.parse(found.text).body) == len(ast.parse(text).body) - len(imports) - 1, name


def test_bare_numpy_names_are_reserved() -> None:
    import numpy as np

    assert BARE_NAMES <= RESERVED
    assert not [name for name in BARE_NAMES if not hasattr(np, name)]

"""What `nndsl help` prints about the library is complete: a summary, every argument, an example that is right."""

from __future__ import annotations

import pytest

from nndsl.check.library import ROOT, definition, index
from nndsl.source import SourceFile
from nndsl.syntax import parse, tree

NAMES = sorted(index())
FAMILIES = ("layers", "functions", "losses", "metrics", "optimizers", "initializers", "penalties", "schedules")

# What a user of each family gives to it himself comes first and is said by its shape, not in the list of arguments.
GIVEN = {"functions": 1, "losses": 2, "metrics": 2, "initializers": 1, "schedules": 1}


@pytest.mark.parametrize("name", NAMES)
def test_documentation_says_what_it_is_and_names_every_argument(name):
    found = definition(name)
    assert found is not None
    lines = found.documentation.splitlines()
    assert lines[0].endswith("."), "the summary is one sentence on the first line"
    assert all(len(line) <= 100 for line in lines)
    family = index()[name].file.name.split("/")[1]
    for parameter in found.parameters[GIVEN.get(family, 0) :]:
        assert parameter.name.name in found.documentation, parameter.name.name
        if isinstance(parameter.default, tree.Number | tree.Name | tree.Boolean):
            assert f"{parameter.name.name} = {parameter.default.span.text}" in found.documentation


@pytest.mark.parametrize("name", NAMES)
def test_documentation_ends_with_an_example_that_parses_and_uses_it(name):
    found = definition(name)
    assert found is not None
    last = found.documentation.splitlines()[-1]
    assert last.startswith("Example: ")
    example = last.removeprefix("Example: ")
    assert name in example
    parse(SourceFile("example.nn", f"train Example {{\n  {example}\n}}\n"))


def test_every_definition_is_found_by_its_name():
    defined = 0
    for path in ROOT.rglob("*.nn"):
        program = parse(SourceFile(path.name, path.read_text(encoding="utf-8"), path, library=True))
        assert all(isinstance(item, tree.Definition) for item in program.items), path
        defined += len(program.items)
        assert path.relative_to(ROOT).parts[0] in FAMILIES
    assert defined == len(NAMES)


def test_layers_and_optimizers_have_a_file_each():
    for family in ("layers", "optimizers"):
        for path in (ROOT / family).glob("*.nn"):
            program = parse(SourceFile(path.name, path.read_text(encoding="utf-8"), path, library=True))
            assert len(program.items) == 1, path

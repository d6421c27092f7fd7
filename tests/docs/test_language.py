"""docs/language.md says nothing that is not so: every example, every table, every claim is tried."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nndsl
from nndsl import ops
from nndsl.check import check
from nndsl.check.blocks.data import DATA_BUILTINS
from nndsl.check.blocks.settings import CALLBACKS, SETTINGS
from nndsl.check.builtins import BUILTINS
from nndsl.check.values import Builtin, Option
from nndsl.cli.topics import topics
from nndsl.data import READERS
from nndsl.diagnostics import Diagnostic, Severity, UserError
from nndsl.diagnostics.codes import CODES
from nndsl.ir import Kind, Node, reachable
from nndsl.ir.program import Program
from nndsl.passes import run_until
from nndsl.source import SourceFile
from tests.docs.page import Block, Page, in_frame, whole, with_shapes_asserted
from tests.evaluation import evaluate

PAGE = Page.of("language.md")
FRAMES = PAGE.frames()
RIGHT = [block for block in PAGE.blocks("nn") if not block.option("frame")]
WRONG = PAGE.blocks("nn-error")
TRAINING = [block for block in RIGHT if re.search(r"^train ", whole(block, FRAMES), re.MULTILINE)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that examples read or import."""
    path = tmp_path_factory.mktemp("language")
    PAGE.write_files(path)
    return path


def checked(text: str, folder: Path) -> Program:
    return check(SourceFile("example.nn", text, folder / "example.nn"))


def mistakes(text: str, folder: Path) -> list[Diagnostic]:
    try:
        checked(text, folder)
    except UserError as failure:
        return [found for found in failure.diagnostics if found.severity is Severity.ERROR]
    return []


def ids(blocks: list[Block]) -> list[str]:
    return [block.id for block in blocks]


# ------------------------------------------------------------------------------------------------ examples


@pytest.mark.parametrize("block", RIGHT, ids=ids(RIGHT))
def test_an_example_is_right(block: Block, folder: Path) -> None:
    program = checked(with_shapes_asserted(whole(block, FRAMES)), folder)
    if whole(block, FRAMES) == block.text:
        assert [warning.message for warning in program.warnings] == []


@pytest.mark.parametrize("block", RIGHT, ids=ids(RIGHT))
def test_no_model_of_an_example_goes_unchecked(block: Block, folder: Path) -> None:
    text = whole(block, FRAMES)
    applied = {model.name for model in checked(text, folder).models}
    assert set(re.findall(r"^model (\w+)", text, re.MULTILINE)) <= applied


@pytest.mark.parametrize("block", TRAINING, ids=ids(TRAINING))
def test_an_example_trains_alike_in_both_forms(block: Block, folder: Path) -> None:
    path = folder / "example.nn"
    path.write_text(whole(block, FRAMES), encoding="utf-8")
    histories: list[list[list[float]]] = []
    for level in (0, 1):
        model = nndsl.load(path, level=level, precision="float64")
        epochs = None if model.checked.trains[0].data is None else 2
        histories.append([list(row.values()) for row in model.fit(epochs=epochs)])
    assert np.isfinite(histories[0]).all()
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("block", WRONG, ids=ids(WRONG))
def test_an_example_of_a_mistake_gets_its_message(block: Block, folder: Path) -> None:
    assert block.words[1] in CODES
    assert [found.code for found in mistakes(whole(block, FRAMES), folder)] == [block.words[1]]


def test_a_comment_about_a_shape_is_held_to(folder: Path) -> None:
    assert [
        found.code for found in mistakes(with_shapes_asserted(in_frame("y = x[1:]   # [4]", FRAMES["model"])), folder)
    ]
    assert sum(text.count("# [") for text in (block.text for block in RIGHT)) == sum(
        with_shapes_asserted(whole(block, FRAMES)).count("assert shape(") for block in RIGHT
    )


def test_every_frame_is_used() -> None:
    used = {word for block in [*RIGHT, *WRONG] for word in block.words[1:]}
    assert set(FRAMES) <= used | {"values"}


def test_weights_are_called_as_the_page_lists_them(folder: Path) -> None:
    blocks = PAGE.blocks()
    lists = [number for number, block in enumerate(blocks) if block.words == ("text", "weights")]
    assert lists
    for number in lists:
        program = checked(blocks[number - 1].text, folder)
        written = dict(line.split(maxsplit=1) for line in blocks[number].text.splitlines())
        assert written == {weight.path: weight.type.shape_text for weight in program.weights}


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", PAGE.text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)]+)\)", PAGE.text):
        file, _, anchor = target.partition("#")
        assert (PAGE.path.parent / file).exists() if file else anchor in anchors, target


# ------------------------------------------------------------------------------------------------ expressions

CLAIMS = PAGE.claims()


@pytest.mark.parametrize(("expression", "value"), CLAIMS, ids=[expression for expression, _ in CLAIMS])
def test_an_expression_gives_what_the_page_says(expression: str, value: str, folder: Path) -> None:
    try:
        program = checked(in_frame(f"predict answer = {expression}", FRAMES["values"]), folder)
    except UserError as failure:
        assert failure.diagnostics[0].code in ("NN510", "NN206"), failure.diagnostics[0].message
        assert compile_time_text(expression, folder) == value
        return
    node = run_until(program, "differentiate").trains[0].evaluation.predictions[0][1]
    if re.match(r"(float|int|bool)\[", value):
        assert str(node.type) == value
        return
    found = first_sample(node, program)
    wanted = ast.literal_eval(value.replace("true", "True").replace("false", "False"))
    decimals = max((len(digits) for digits in re.findall(r"\.(\d+)", value)), default=0)
    assert number_kind(np.asarray(wanted)) == number_kind(found)
    assert found.shape == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.5000001 * 10**-decimals if decimals > 1 else 1e-9)


def compile_time_text(expression: str, folder: Path) -> str:
    """What a compile-time expression is, as a message writes it."""
    lines = f'value = {expression}\nassert false, "{{value}}"'
    (mistake,) = mistakes(in_frame(lines, FRAMES["values"]), folder)
    assert mistake.code == "NN308"
    return mistake.message


def first_sample(node: Node, program: Program) -> Any:
    """The value of a per-sample node for the first of the frame's samples."""
    rows = {name: np.asarray(values) for name, values in program.data[0].inline}
    leaves = [leaf for leaf in reachable([node]) if leaf.op is ops.field]
    values: dict[Node, Any] = {leaf: rows[str(leaf["name"])] for leaf in leaves}
    sizes = [leaf for leaf in reachable([node]) if leaf.op is ops.batch_size]
    values |= dict.fromkeys(sizes, 2.0)
    assert node.type.kind is Kind.SAMPLE
    return evaluate([node], values, n=2)[0][0]


def number_kind(array: Any) -> str:
    return {"f": "float", "i": "int", "b": "bool"}[np.asarray(array).dtype.kind]


# ------------------------------------------------------------------------------------------------ tables


def signature(builtin: Builtin) -> str:
    """As the page writes it: `?` after what may be left out and has no default that could be written."""
    parts: list[str] = []
    for parameter in builtin.parameters:
        if parameter.many:
            parts.append(f"{parameter.name}...")
        elif parameter.required:
            parts.append(parameter.name)
        elif parameter.default is None:
            parts.append(f"{parameter.name}?")
        else:
            parts.append(f"{parameter.name}={literal(parameter.default)}")
    return f"{builtin.name}({', '.join(parts)})"


def literal(value: object) -> str:
    """A default as a `.nn` file writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case Option(name=name):
            return name
        case _:
            return str(value)


def first_cells(title: str) -> list[str]:
    return [row[0].strip("`") for row in PAGE.rows(title)]


def test_every_builtin_is_in_a_table_with_its_arguments() -> None:
    assert sorted(first_cells("Built-in functions")) == sorted(map(signature, BUILTINS.values()))


def test_every_builtin_has_an_example_or_says_where_one_is() -> None:
    for row in PAGE.rows("Built-in functions"):
        name = row[0].strip("`").split("(")[0]
        assert name in row[2] or "](#" in row[2], row


def test_every_function_of_columns_is_in_the_table() -> None:
    assert sorted(first_cells("Columns")) == sorted(map(signature, DATA_BUILTINS.values()))


def test_every_reader_is_in_the_table() -> None:
    def written(name: str) -> str:
        parts = [
            p.name
            if p.required
            else f"{p.name}?"
            if p.default is None
            else f"{p.name}={p.default if p.kind == 'option' else literal(p.default)}"
            for p in READERS[name].parameters
        ]
        return f"{name}({', '.join(parts)})"

    assert first_cells("Readers") == [written(name) for name in READERS]


def test_settings_and_their_defaults_are_those_of_the_table() -> None:
    written = {row[0].strip("`"): row[1] for row in PAGE.rows("Settings")}
    assert written == {s.name: "none" if s.default is None else literal(s.default) for s in SETTINGS}


def test_callbacks_and_their_arguments_are_those_of_the_tables() -> None:
    written = [(row[0].strip("`"), row[1]) for row in PAGE.rows("Callbacks")]
    known = [
        (
            a.name,
            a.default
            if isinstance(a.default, str)
            else f"{a.default:g}"
            if isinstance(a.default, float)
            else literal(a.default),
        )
        for callback in CALLBACKS.values()
        for a in callback.arguments
    ]
    assert written == known
    assert all(f"`{name}`" in PAGE.section("Callbacks") for name in CALLBACKS)


def test_every_name_of_the_library_is_in_its_family(compare_with_snapshot: Callable[[Path, str], None]) -> None:
    families: dict[str, list[str]] = {}
    for topic in topics():
        if topic.place is not None:
            families.setdefault(topic.family, []).append(f"`{topic.name}`")
    rows = [f"| {family} | {', '.join(sorted(names, key=str.lower))} |\n" for family, names in families.items()]
    head = "| family | names |\n|---|---|\n"
    before, _, after = PAGE.text.partition(head)
    assert after
    rest = after[after.index("\n\n") + 1 :]
    compare_with_snapshot(PAGE.path, before + head + "".join(rows) + rest)


# ------------------------------------------------------------------------------------------------ words


def test_the_words_that_cannot_begin_a_line_are_those_of_the_page(folder: Path) -> None:
    section = PAGE.section("How a file is written")
    listed = re.search(r"these\s+are\s+taken:(.*?)\n\n", section, re.DOTALL)
    assert listed
    taken = set(re.findall(r"`(\w+)`", listed[1]))
    grammar = (PAGE.path.parents[1] / "grammars" / "nn.lark").read_text(encoding="utf-8")
    words = set(re.findall(r'"([a-z_]+)"', grammar)) - {"true", "false", "and", "or", "not"}
    refused = {word for word in words if mistakes(in_frame(f"{word} = 3\nx -> Dense({word})", FRAMES["model"]), folder)}
    assert taken == refused


@pytest.mark.parametrize("word", ["true", "false", "and", "or", "not"])
def test_words_that_are_never_names(word: str, folder: Path) -> None:
    assert mistakes(f"function {word}(x) = x\n", folder)
    assert not mistakes(f"function {word}s(x) = x\n", folder)


# ------------------------------------------------------------------------------------------------ single sentences


def test_a_name_that_begins_with_an_underscore_may_go_unread(folder: Path) -> None:
    program = checked(in_frame("y = x * 2\n_z = x * 3\nx -> Dense(1)", FRAMES["model"]), folder)
    assert [warning.code for warning in program.warnings] == ["NN901"]
    assert "`y`" in program.warnings[0].message


def test_a_name_holds_its_draw_and_an_evaluation_repeats_it(folder: Path) -> None:
    lines = "noise = normal([])\nmetric held = noise - noise\nmetric drawn = noise\nmetric other = normal([])"
    path = folder / "draws.nn"
    path.write_text(in_frame(lines, FRAMES["train"]), encoding="utf-8")
    first, second = (nndsl.load(path, seed=3).evaluate() for _ in range(2))
    assert first == second
    assert first["held"] == 0
    assert len({first["drawn"], first["other"], nndsl.load(path, seed=4).evaluate()["drawn"]}) == 3


def test_control_flow_may_stand_in_every_block(folder: Path) -> None:
    lines = "if 1 == 1 { } else { }\nfor i in [1] { assert i == 1 }\nrepeat 2 { assert true }\n"
    assert not mistakes(
        f"data d {{\n{lines}x = [[1.0, 2.0], [3.0, 4.0]]\n}}\n"
        f"layer Same {{\ninput x: [...]\n{lines}output x\n}}\n"
        f"function same(x) {{\n{lines}output x\n}}\n"
        f"optimizer Plain {{\n{lines}weight = weight - gradient\n}}\n"
        f"model M {{\ninput x\n{lines}x -> Same -> same -> Dense(1)\n}}\n"
        f"train T on d {{\n{lines}minimize mse(M(x), 0) using Plain\n}}\n",
        folder,
    )

"""A `.nn` file from a stranger can't put code of its own into the module that is made of it."""

from __future__ import annotations

import ast
import keyword
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from nndsl.autodiff import differentiate
from nndsl.check import check
from nndsl.emit import emit
from nndsl.emit.names import Names, identifier
from nndsl.emit.text import comment, literal, one_line, plain, string
from nndsl.ir.graph import reachable
from nndsl.ir.program import Expectation, Field, Program
from nndsl.source import SourceFile
from tests.emit.loading import load
from tests.programs import digits_mlp

HOSTILE = (
    'x"""\nraise SystemExit("injected")\n"""',
    "a\rraise SystemExit('injected')",
    "b\u2028raise SystemExit\u2029\x0craise SystemExit",
    "\\",
    "\\N{BULLET}\\x00\\",
    '"',
    "'''",
    "{raise_}",
    "# coding: rot13",
    "\u202eevil\u2066",
    "\x00\x1b[31m",
    "\ud800",
    "np.add",
    "lambda",
    "n",
    "run",
    "memory",
    "totals",
    "step",
    "adam",
    "adam_update",
    "Step",
    "print",
    "",
    "ключ",
    "变量",
    "x" * 5000,
)


def injected(program: Program, text: str) -> Program:
    """`program` with `text` in every place that comes from a file: names, titles, file names, columns, classes."""
    data, train = program.data[0], program.trains[0]
    minimize = train.training.minimizes[0]
    roots = [*train.training.roots(), *train.evaluation.roots(), *(weight.initial for weight in program.weights)]
    roots += [field.node for field in data.fields]
    for node in reachable(roots):
        node.names = [text for _ in node.names]
        node.origins = [replace(origin, title=text, scope=f"{text}/{text}") for origin in node.origins]
    file = SourceFile(f"{text}.nn", program.file.text, Path("x.nn"))
    more = tuple(replace(column, key=text + column.key, name=text, names=(text, text + "2")) for column in data.columns)
    field = Field(text, data.fields[0].node, (text,), data.fields[0].span)
    updates = tuple(replace(update, optimizer=text) for update in minimize.updates)
    training = replace(train.training, minimizes=(replace(minimize, updates=updates),))
    evaluation = replace(
        train.evaluation,
        predictions=tuple((text, node, (text,)) for _, node, _ in train.evaluation.predictions),
        reported=tuple(replace(reported, name=text + reported.name) for reported in train.evaluation.reported),
    )
    changed = replace(
        train,
        name=text,
        training=training,
        evaluation=evaluation,
        settings=(*train.settings, (text, text)),
        expectations=(Expectation(text, text, text, 1.0, train.span),),
    )
    return replace(
        program,
        file=file,
        sources=(file,),
        data=(replace(data, columns=(*data.columns, *more), fields=(*data.fields, field)),),
        trains=(changed,),
    )


def statements_of(source: str) -> list[str]:
    """The kinds of a module's statements."""
    return [type(node).__name__ for node in ast.parse(source).body]


@cache
def statements_of_an_honest_program(level: int) -> list[str]:
    return statements_of(emit(digits_mlp(), level=level))


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("text", HOSTILE)
def test_texts_stay_texts(text: str, level: int) -> None:
    hostile = injected(digits_mlp(), text)
    source = emit(hostile, level=level)
    program = load(source.encode("utf-8", "replace").decode("utf-8") if "\ud800" in source else source).PROGRAM
    train = program.trains[text]
    assert list(train.prediction_classes) == [text]
    assert train.settings[text] == text
    assert program.source == f"{text}.nn".rpartition("/")[2]
    assert program.data["digits"].fields[-1].name == text
    assert statements_of(source) == statements_of_an_honest_program(level)


def test_names_become_identifiers() -> None:
    for text in HOSTILE:
        name = identifier(text)
        assert name.isidentifier()
        assert name.isascii()
        assert not keyword.iskeyword(name)
        assert len(name) <= 70
    assert identifier("block[0]/conv") == "block_0_conv"
    assert identifier("α") == "alpha"
    assert identifier("λ") == "lambda_"
    assert identifier("naïve") == "naive"
    assert identifier("ключ") == "kaelyuche"
    assert identifier("变量") == "u53d8u91cf"


def test_names_never_hide_what_the_lines_use() -> None:
    names = Names({"fit"})
    for word in ("np", "print", "max", "add", "add_reduce", "real", "fit", "l"):
        assert names.unique(word) != word or word == "real"
    assert [names.unique("y") for _ in range(3)] == ["y", "y_2", "y_3"]
    assert names.unique("y_2") == "y_2_2"


def test_comments_are_one_line() -> None:
    for text in HOSTILE:
        written = comment(text)
        assert len(written.splitlines()) == 1
        assert written.isprintable()
        assert len(written) <= 110
        assert one_line(text).isprintable()
        compile(f'"""{plain(text)}"""', "docstring", "exec")


def test_strings_come_back_as_they_were() -> None:
    for text in HOSTILE:
        assert ast.literal_eval(string(text)) == text
        value = {text: (text, 1, 0.5, None, True, (text,))}
        assert ast.literal_eval(literal(value)) == value
        assert "np." not in string(text)


UNICODE = """data rows {
  x = [[0.0], [1.0]]
  y = [0.0, 1.0]
}

model M {
  input x
  ключ: Dense(1)
}

train M on rows {
  epochs = 1
  minimize mse(M(x), y) using SGD(0.1)
}
"""


def test_weights_keep_their_unicode_paths() -> None:
    source = SourceFile("x.nn", UNICODE, Path("x.nn"))
    module = load(emit(differentiate(check(source))))
    assert [path for path, _ in module.PROGRAM.weights] == ["M/ключ/kernel", "M/ключ/bias"]
    assert np.isfinite(module.PROGRAM.memory(0).weights).all()

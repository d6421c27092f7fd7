"""Small programs that use each item of the library, made from the examples that its documentation ends with."""

from __future__ import annotations

from functools import cache

from nndsl.check import check
from nndsl.check.library import definition, index
from nndsl.diagnostics import UserError
from nndsl.ir.program import Program
from nndsl.source import SourceFile

INSIDE = ("functions/images.nn", "functions/windows.nn", "initializers/plain.nn", "initializers/scaled.nn")
"""Files of what layers are made of, and of what the host draws before anything is trained."""

FURTHER = (
    "Bidirectional(GRU(3, return_sequences=true))",
    "Conv1D(3, 2, padding=causal, dilation_rate=2)",
    "Conv2D(4, 3, strides=2, padding=same, groups=2)",
    "DepthwiseConv2D(2, depth_multiplier=2)",
    "GRU(3, recurrent_activation=hard_sigmoid, use_bias=false)",
    "RandomRotation(0.1, fill_mode=constant, interpolation=nearest)",
    "RandomZoom(0.2, fill_mode=wrap)",
    "SimpleRNN(3, activation=relu)",
    "UpSampling2D(2, interpolation=bilinear)",
)
"""Steps with arguments that take them other ways through the library and the compiler."""

_DATA = """
data rows from builtin("digits") {
  image = column("image") / 16
  x = column("image") / 8
  label = class(column("label"))
  target = column("label") / 10
  survived = int(column("label") >= 5)
  split train 80%, validation 20%
}
"""

_BEFORE = ("Reshape([8, 8, 1])", "Reshape([4, 8, 2])", "Reshape([8, 8, 1])\n  UpSampling2D(4)", "Reshape([16, 4])")
"""What makes of [8, 8] numbers what a layer takes: images of several sizes, sequences."""

_STEP = """
model Net {{
  input image
  {before}
  {step}
  Flatten
  Dense(10)
}}
train Net on rows {{
  epochs = 1
  scores = Net({given})
  minimize cross_entropy(scores, label) using SGD(learning_rate=0.05, momentum=0.5)
  predict scores = scores
}}
"""

_MODELS = """
model Digits {
  input image
  Flatten
  Dense(10)
}
model Student = Digits
model Teacher = Digits
model Survival {
  input x
  Flatten
  Dense(1)
}
model price = Survival
"""

_BLOCK = """
train {model} on rows {{
  epochs = 1
  {statements}
}}
"""


def example_of(name: str) -> str:
    """The example of a library item; of a table only a few rows."""
    found = definition(name)
    assert found is not None
    return found.documentation.splitlines()[-1].removeprefix("Example: ").replace("10000", "40")


def family_of(name: str) -> str:
    """The file of a library item, below the library's folder."""
    return index()[name].file.name.removeprefix("std/")


NAMES = tuple(sorted(name for name in index() if family_of(name) not in INSIDE and not name.startswith("metric ")))


@cache
def program_of(name: str) -> Program:
    """A program with the library item `name`, or with the step that is written so."""
    example = example_of(name) if name in index() else name
    return _first([_DATA + text for text in _candidates(example)], name)


def _candidates(example: str) -> list[str]:
    steps = [_STEP.format(before=before, step=example, given="image") for before in _BEFORE]
    steps.append(_STEP.format(before="", step=example, given="int(abs(image) * 4)"))
    blocks: list[str] = []
    for names in ("scores = Digits(image)", "scores = Survival(x)"):
        shared = [names, "prediction = price(x)", "loss = mse(price(x), target)"]
        endings = (
            [example],
            [f"minimize loss using {example}"],
            [f"minimize sum({example}) using SGD(learning_rate=0.01)"],
            [f"minimize loss + sum({example}) using SGD(learning_rate=0.01)"],
            ["minimize cross_entropy(scores, label) using Adam()", example],
            ["minimize mse(scores, target) using Adam()", example],
            ["minimize loss using Adam()", example],
        )
        texts = ["\n  ".join([*shared, *statements]) for statements in endings]
        blocks += [_MODELS + _BLOCK.format(model="First", statements=text) for text in texts]
    return [*steps, *blocks]


def _first(texts: list[str], name: str) -> Program:
    """The first of these programs that has no mistake."""
    said: list[str] = []
    for text in texts:
        try:
            return check(SourceFile(f"{name}.nn", text))
        except UserError as failure:
            said.append(str(failure).strip())
    raise AssertionError("\n\n".join([f"no program with {name}", *said]))

"""NN3xx: layers, models, functions and their arguments."""

from __future__ import annotations

from nndsl.diagnostics.model import Code


def _model(*lines: str, inputs: str = "x: [4]") -> str:
    body = "".join(f"  {line}\n" for line in lines)
    return f"model M {{\n  input {inputs}\n{body}}}\n"


_SHIFT = """layer Shift(direction: left | right) {
  input x: [d]
  if direction == left { output x - 1 } else { output x + 1 }
}

"""

CODES: tuple[Code, ...] = (
    Code(
        "NN301",
        "an argument that is not there",
        "Arguments have the names of the definition's parameters; nothing that is given is ignored.",
        _model("Dense(units=8, activaton=relu)"),
        _model("Dense(units=8, activation=relu)"),
    ),
    Code(
        "NN302",
        "an argument of the wrong kind",
        "A parameter says what it takes: a whole number, a text, a list, a value of some shape.",
        _model("Dense(8.5)"),
        _model("Dense(8)"),
    ),
    Code(
        "NN303",
        "too many arguments",
        "Something is given twice, or more is given than there are parameters.",
        _model("Dense(8, units=4)"),
        _model("Dense(8)"),
    ),
    Code(
        "NN304",
        "something that applies itself",
        "A network has an end: no model or layer may contain itself.",
        _model("M"),
        _model("Dense(4)"),
    ),
    Code(
        "NN305",
        "parameters given twice",
        "A step or an optimizer takes its parameters once.",
        _model("Dense(4)").replace("model", "let optimizer = Adam(0.1)\nlet second = optimizer(0.2)\n\nmodel"),
        _model("Dense(4)"),
    ),
    Code(
        "NN306",
        "not something to call or apply",
        "Parentheses after a layer give a step; a value flows into a step with an arrow: `x -> Dense(10)`.",
        _model("y = Dense(10)(x)", "output y"),
        _model("y = x -> Dense(10)", "output y"),
    ),
    Code(
        "NN307",
        "an argument or input that is missing",
        "Parameters without a default, and inputs without one, must be given.",
        _model("Dense()"),
        _model("Dense(10)"),
    ),
    Code(
        "NN308",
        "an assertion of the definition does not hold",
        "A layer or function says with `assert` what it needs; the message is its author's.",
        _model("Dropout(1.5)"),
        _model("Dropout(0.5)"),
    ),
    Code(
        "NN309",
        "a statement in the wrong place",
        "Each kind of block has its own statements.",
        _model("Dense(4)", "minimize x using Adam"),
        _model("Dense(4)"),
    ),
    Code(
        "NN310",
        "not one of the options",
        "Some parameters take one of a few words, written bare, without quotes.",
        _SHIFT + _model("Shift(up)"),
        _SHIFT + _model("Shift(left)"),
    ),
    Code(
        "NN311",
        "a step without a start",
        "A bare line applies a step to the line before. After a second `input` or a `name = ...` it says its start.",
        _model("y = x * 2", "Dense(4)"),
        _model("y = x * 2", "y -> Dense(4)"),
    ),
    Code(
        "NN312",
        "no output, or one too many",
        "A body ends with a step or says `output value`; several outputs have names.",
        "function double(x) {\n  y = 2 * x\n}\n\n" + _model("output double(x)"),
        "function double(x) {\n  output 2 * x\n}\n\n" + _model("output double(x)"),
    ),
    Code(
        "NN313",
        "one set of weights for two shapes",
        "A named step has the same weights wherever it is applied, so its inputs must have one shape.",
        _model("shared = Dense(4)", "a = x -> shared", "b = x[0:2] -> shared", "output a + b"),
        _model("shared = Dense(4)", "a = x -> shared", "b = x[0:2] -> copy(shared)", "output a + b"),
    ),
    Code(
        "NN314",
        "declared twice",
        "A weight, a state or an optimizer's state has one declaration.",
        _model("weight w: [4] = ones", "weight w: [4] = zeros", "output x * w"),
        _model("weight w: [4] = ones", "weight b: [4] = zeros", "output x * w + b"),
    ),
    Code(
        "NN315",
        "a network made from something that is no model",
        "`model Deep = ResNet(depth=9)` makes a second network from a model's definition.",
        "model Deep = Dense(9)\n",
        _model("Dense(4)") + "\nmodel Deep = M\n",
    ),
    Code(
        "NN316",
        "a run folder that can't be used",
        '`Model from "runs/Name"` takes a model out of a folder that `nndsl run` filled. The path starts from the '
        "folder of the file that says it, or from the current folder.",
        _model("Dense(4)") + '\nmodel N {\n  input x: [4]\n  body = M from "runs/M" frozen\n  output body(x)\n}\n',
        _model("Dense(4)") + "\nmodel N {\n  input x: [4]\n  output M(x)\n}\n",
    ),
    Code(
        "NN317",
        "a loop that can't be",
        "The sequences of a scan are equally long; what is carried keeps its shape from step to step.",
        _model("scan t in x with h = zeros([2]) { h = concatenate([h, reshape(t, [1])]) }", "output last(h)"),
        _model("scan t in x with h = zeros([2]) { h = h + t }", "output last(h)"),
    ),
    Code(
        "NN318",
        "a model that the run does not have",
        "Before `from` stands the name of a model that the run's own program defines.",
        'body = Digit from "runs/Digits"    # its program calls it Digits',
        None,
    ),
    Code(
        "NN319",
        "weights of a run that do not fit",
        "A model that is taken out of a run is made anew from the run's program, for the values that it is applied to, "
        "and gets the run's weights. Here they have other shapes, or other names.",
        'body = Digits from "runs/Digits"    # trained on [8, 8], and applied to images of [16, 16]',
        None,
    ),
)

"""NN2xx: shapes, types and compile-time values."""

from __future__ import annotations

from nndsl.diagnostics.model import Code


def _model(*lines: str, inputs: str = "x: [4]") -> str:
    body = "".join(f"  {line}\n" for line in lines)
    return f"model M {{\n  input {inputs}\n{body}}}\n"


def _average(value: str) -> str:
    return f"""layer Average {{
  input x: [d]
  state average: [d] = zeros
  if training {{ average = {value} }}
  output x - average
}}

"""


CODES: tuple[Code, ...] = (
    Code(
        "NN201",
        "shapes that do not fit each other",
        "Matrices need equal inner sizes; elementwise operations need sizes that are equal or 1, from the last axis.",
        _model("weight kernel: [3, 2] = glorot_uniform", "output x @ kernel"),
        _model("weight kernel: [4, 2] = glorot_uniform", "output x @ kernel"),
    ),
    Code(
        "NN202",
        "an operand that an operation can't take",
        "The operation says what it needs; the value given is something else.",
        _model('output einsum("ab,bc->ac", x, x)'),
        _model('output einsum("a,b->ab", x, x)'),
    ),
    Code(
        "NN203",
        "a value with the wrong number of axes",
        "The pattern of an input or a parameter says how many axes a value has; `...` stands for any number of them.",
        "layer Rows {\n  input x: [rows, columns]\n  output sum(x, axis=-1)\n}\n\n" + _model("Rows"),
        "layer Rows {\n  input x: [rows, columns]\n  output sum(x, axis=-1)\n}\n\n"
        + _model("Rows", inputs="x: [4, 3]"),
    ),
    Code(
        "NN204",
        "a size that is another than the pattern says",
        "A name in a pattern is one size: where it stands twice, both must be equal.",
        _model("output mse(x, x[0:3])"),
        _model("output mse(x, x)"),
    ),
    Code(
        "NN205",
        "not a type",
        "Types are shapes (`[8, 8]`, `[..., d]`, `int[time]`), words (`int`, `float`, `bool`, `string`) or options "
        "(`valid | same`).",
        _model("Dense(2)", inputs="x: 4"),
        _model("Dense(2)"),
    ),
    Code(
        "NN206",
        "not a value to compute with",
        "Arithmetic takes numbers and values of the network; this is something else, such as a layer or a text.",
        _model('output x + "one"'),
        _model("output x + 1"),
    ),
    Code(
        "NN207",
        "a list whose rows differ",
        "A list of lists is an array: its rows have equal lengths.",
        _model("output x @ [[1, 0], [0, 1], [1], [1, 1]]"),
        _model("output x @ [[1, 0], [0, 1], [1, 0], [1, 1]]"),
    ),
    Code(
        "NN208",
        "arithmetic without a result",
        "A compile-time number divides by zero, or is too large, or has no real value.",
        "let share = 1 / 0\n",
        "let share = 1 / 2\n",
    ),
    Code(
        "NN209",
        "not a size",
        "Sizes, axes and counts are whole numbers known at compile time; sizes are at least 1.",
        _model("weight kernel: [4, 3 / 2] = glorot_uniform", "output x @ kernel"),
        _model("weight kernel: [4, 3 // 2] = glorot_uniform", "output x @ kernel"),
    ),
    Code(
        "NN210",
        "an index or an axis that is not there",
        "Axes and indices count from 0, or from the end with -1. The batch axis is never counted.",
        _model("output x[4]"),
        _model("output x[3]"),
    ),
    Code(
        "NN211",
        "the wrong kind of numbers",
        "Class ids are whole numbers, masks are true or false, and neither is made of floats in silence.",
        _model("output cross_entropy(x, sum(x))"),
        _model("output cross_entropy(x, argmax(x))"),
    ),
    Code(
        "NN212",
        "not known at compile time",
        "`if`, `for`, `repeat` and `assert` are decided while the network is built, before it sees a sample.",
        _model("if sum(x) > 0 { output x } else { output -x }"),
        _model("output where(sum(x) > 0, x, -x)"),
    ),
    Code(
        "NN213",
        "a value of one sample where all must share it",
        "States and initial values are shared by all samples; `batch_mean` looks across the batch.",
        _average("x") + _model("Average"),
        _average("batch_mean(x)") + _model("Average"),
    ),
    Code(
        "NN214",
        "elements that do not come out even",
        "Reshaping keeps the number of elements; splitting needs equal parts.",
        _model("output reshape(x, [3, 2])"),
        _model("output reshape(x, [2, 2])"),
    ),
    Code(
        "NN215",
        "not something to differentiate",
        "`grad(y, x)` takes one number a sample, and the floats that it depends on.",
        _model("output grad(x^2, x)"),
        _model("output grad(sum(x^2), x)"),
    ),
    Code(
        "NN216",
        "windows that do not fit",
        "A kernel or a pooling window is no larger than what it slides over, unless padding adds to that.",
        _model("output window_max(x, 5)"),
        _model("output window_max(x, 2)"),
    ),
    Code(
        "NN217",
        "more than can be worked out",
        "Lists, loops and calls are worked out before anything runs. A list has at most a million items, those of "
        "lists in it included, and the statements of a program are walked at most 300,000 times in all, each in "
        "every turn of a loop and in every call of its function. Large values are made as a whole: "
        "`zeros([1000, 1000])`.",
        _model("output x + length(range(10^9))"),
        _model("output x + length(range(9))"),
    ),
)

"""Small checked programs made by hand, for tests of the rooms behind `check`: their gradients are written out too."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir import Builder, DType, Kind, Node, Origin, TensorType
from nndsl.ir.program import (
    Column,
    DataProgram,
    Expectation,
    Field,
    Fit,
    LayerInfo,
    Minimize,
    ModelInfo,
    Program,
    ReaderCall,
    Reported,
    Slot,
    Split,
    StepGraph,
    Total,
    TrainProgram,
    Update,
    Weight,
)
from nndsl.source import SourceFile, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

DIGITS = """\
# digits.nn - reads handwritten digits

let hidden = 64

data digits from builtin("digits") {
  image = standardize(column("image"))
  label = class(column("label"))
  split train 80%, validation 10%, test 10%, stratify=label
}

model Digits {
  input image
  Flatten
  features: Dense(hidden, activation=relu)
  Dense(digits.label.classes)
}

train Digits on digits {
  epochs = 3
  batch_size = 32

  scores = Digits(image)
  minimize cross_entropy(scores, label) using Adam(learning_rate=1e-3)
  metric accuracy(scores, label)
  predict digit = argmax(scores)
  expect test accuracy >= 0.9
}
"""


class Writer:
    """Makes nodes as `check` does: each knows the line of `file` that it came from."""

    def __init__(self, text: str, name: str = "digits.nn") -> None:
        self.file = SourceFile(name, text, Path(name))
        self.builder = Builder()

    def span(self, line: str) -> Span:
        """The first place in the file that reads `line`."""
        start = self.file.text.index(line)
        return Span(self.file, start, start + len(line))

    def origin(self, line: str, scope: str = "", *, backward: bool = False) -> Origin:
        """Where nodes of the step written as `line` come from."""
        return Origin(self.span(line), scope, line if scope else "", backward=backward)

    @contextmanager
    def at(self, line: str, scope: str = "", *, backward: bool = False) -> Iterator[None]:
        """Nodes made inside come from `line`."""
        with self.builder.at(self.origin(line, scope, backward=backward)):
            yield

    def constant(self, value: float, type: TensorType) -> Node:
        """`value` everywhere."""
        return ops.constant.make(self.builder, type, value=value)

    def leaf(self, op: str, type: TensorType, **attributes: int | str) -> Node:
        """A leaf of the op called `op`."""
        return getattr(ops, op).make(self.builder, type, **attributes)

    def step_number(self, op: str, **attributes: int | str) -> Node:
        """A leaf of kind STEP."""
        return self.leaf(op, TensorType(DType.FLOAT, (), Kind.STEP), **attributes)


def sample(*shape: int, dtype: DType = DType.FLOAT) -> TensorType:
    """Type of a value of each sample."""
    return TensorType(dtype, shape, Kind.SAMPLE)


def shared(*shape: int, dtype: DType = DType.FLOAT) -> TensorType:
    """Type of a value that all samples share."""
    return TensorType(dtype, shape, Kind.SHARED)


def filled(like: Node, value: float) -> Node:
    """`value` in the type of `like`."""
    return ops.constant.make(like.builder, like.type, value=value)


def to_sample(value: Node, *shape: int) -> Node:
    """`value` repeated for every sample."""
    return ops.broadcast(value, shape=shape, kind="sample")


def adam(w: Writer, minimize: int, number: int, weights: tuple[str, ...], size: int, line: str) -> Update:
    """Adam with Keras's defaults over `size` weights."""
    update = f"{minimize}.{number}"
    vector = shared(size)
    with w.at(line):
        weight = w.leaf("flat_weight", vector, update=update)
        gradient = w.leaf("flat_gradient", vector, update=update)
        m = w.leaf("slot", vector, update=update, name="m").named("m")
        v = w.leaf("slot", vector, update=update, name="v").named("v")
        step = w.step_number("step", counts=str(minimize))

        def decaying(old: Node, new: Node, rate: float) -> Node:
            return ops.add(ops.multiply(filled(old, rate), old), ops.multiply(filled(new, 1 - rate), new))

        def correction(rate: float) -> Node:
            base = filled(step, rate)
            return ops.subtract(filled(step, 1.0), ops.power(base, step))

        new_m = decaying(m, gradient, 0.9).named("m")
        new_v = decaying(v, ops.square(gradient), 0.999).named("v")
        rate = ops.divide(ops.multiply(filled(step, 1e-3), ops.sqrt(correction(0.999))), correction(0.9)).named("rate")
        rates = ops.broadcast(ops.from_step(rate), shape=(size,), kind="shared")
        slope = ops.divide(ops.multiply(rates, new_m), ops.add(ops.sqrt(new_v), filled(new_v, 1e-7)))
        new_weight = ops.subtract(weight, slope)
    return Update("Adam", weights, (Slot("m", 0.0), Slot("v", 0.0)), new_weight, (new_m, new_v), w.origin(line))


def digits_mlp(hidden: int = 64, classes: int = 10, side: int = 8) -> Program:
    """The program of `DIGITS`: two dense layers on images of `side` by `side`, trained by Adam, gradients included."""
    w = Writer(DIGITS)
    first_line, second_line = "features: Dense(hidden, activation=relu)", "Dense(digits.label.classes)"
    loss_line = "minimize cross_entropy(scores, label) using Adam(learning_rate=1e-3)"
    metric_line = "metric accuracy(scores, label)"
    inputs = side * side
    shapes = {
        "Digits/features/kernel": (inputs, hidden),
        "Digits/features/bias": (hidden,),
        "Digits/dense/kernel": (hidden, classes),
        "Digits/dense/bias": (classes,),
    }
    kept = {path: w.leaf("weight", shared(*shape), path=path, version=0) for path, shape in shapes.items()}

    with w.at("Flatten", "Digits/flatten"):
        image = w.leaf("field", sample(side, side), name="image")
        flat = ops.reshape(image, shape=(inputs,)).named("Digits/flatten")
    with w.at(first_line, "Digits/features"):
        kernel, bias = kept["Digits/features/kernel"], kept["Digits/features/bias"]
        product = ops.einsum(flat, kernel, equation="a,ab->b", kind="sample").named("Digits/features/y")
        y = ops.add(product, to_sample(bias, hidden)).named("Digits/features/y")
        features = ops.maximum(y, filled(y, 0.0)).named("Digits/features")
    with w.at(second_line, "Digits/dense"):
        kernel, bias = kept["Digits/dense/kernel"], kept["Digits/dense/bias"]
        product = ops.einsum(features, kernel, equation="a,ab->b", kind="sample").named("Digits/dense/y")
        scores = ops.add(product, to_sample(bias, classes)).named("Digits/dense/y").named("scores")
    with w.at(loss_line):
        label = w.leaf("field", sample(dtype=DType.INT), name="label")
        largest = to_sample(ops.max(scores, axes=(0,)), 1)
        shifted = ops.subtract(scores, to_sample(largest, classes)).named("shifted")
        exponentials = ops.exp(shifted)
        total = ops.sum(exponentials, axes=(0,))
        losses = ops.subtract(ops.log(total), ops.pick(shifted, label)).named("loss")
        count = w.step_number("batch_size")
        loss = ops.divide(ops.batch_sum(losses), ops.from_step(count))
    with w.at(metric_line):
        right = ops.equal(ops.argmax(scores, axis=0), label).named("accuracy")
        reported = (
            Reported("loss", ops.divide(w.step_number("total", index=0), count), w.span(loss_line)),
            Reported("accuracy", ops.divide(w.step_number("total", index=1), count), w.span(metric_line)),
        )

    with w.at(loss_line, backward=True):
        share = to_sample(ops.from_step(ops.reciprocal(count)))
        probabilities = ops.divide(exponentials, to_sample(ops.reshape(total, shape=(1,)), classes))
        truth = ops.place(filled(losses, 1.0), label, size=classes)
        scaled = to_sample(ops.reshape(share, shape=(1,)), classes)
        d_scores = ops.multiply(ops.subtract(probabilities, truth), scaled).named("scores_gradient")
    gradients: dict[str, Node] = {}
    with w.at(second_line, "Digits/dense", backward=True):
        gradients["Digits/dense/kernel"] = ops.einsum(features, d_scores, equation="a,b->ab", kind="shared")
        gradients["Digits/dense/bias"] = ops.batch_sum(d_scores)
        kernel = kept["Digits/dense/kernel"]
        d_features = ops.einsum(d_scores, kernel, equation="b,ab->a", kind="sample").named("Digits/features_gradient")
    with w.at(first_line, "Digits/features", backward=True):
        positive = ops.greater(y, filled(y, 0.0))
        d_y = ops.where(positive, d_features, filled(d_features, 0.0)).named("Digits/features/y_gradient")
        gradients["Digits/features/kernel"] = ops.einsum(flat, d_y, equation="a,b->ab", kind="shared")
        gradients["Digits/features/bias"] = ops.batch_sum(d_y)

    size = sum(node.type.size for node in kept.values())
    update = adam(w, 0, 0, tuple(shapes), size, loss_line)
    minimize = Minimize(0, loss, (update,), 1, w.span(loss_line), tuple(gradients.items()))
    totals = (Total(losses), Total(right))
    with w.at("predict digit = argmax(scores)"):
        digit = ops.argmax(scores, axis=0).named("digit")
    names = tuple(map(str, range(classes)))
    train = TrainProgram(
        name="Digits",
        data="digits",
        fields=("image", "label"),
        settings=(("epochs", 3), ("batch_size", 32), ("shuffle", True)),
        training=StepGraph(totals, reported, (), (), (minimize,)),
        evaluation=StepGraph(totals, reported, (("digit", digit, names),), (), ()),
        callbacks=(),
        expectations=(Expectation("test", "accuracy", ">=", 0.9, w.span("expect test accuracy >= 0.9")),),
        span=w.span("train Digits on digits"),
    )
    layers = (
        LayerInfo("Digits/features", "Dense", features.type, tuple(shapes)[:2], w.span(first_line)),
        LayerInfo("Digits/dense", "Dense", scores.type, tuple(shapes)[2:], w.span(second_line)),
    )
    return Program(
        file=w.file,
        sources=(w.file,),
        builder=w.builder,
        weights=tuple(_initial(w, path, shape) for path, shape in shapes.items()),
        states=(),
        data=(_digits_data(w, side, names),),
        models=(ModelInfo("Digits", (("image", image.type),), layers, w.span("model Digits")),),
        trains=(train,),
    )


def _initial(w: Writer, path: str, shape: tuple[int, ...]) -> Weight:
    """A weight that starts as glorot_uniform has it (kernels), or at 0 (biases)."""
    dense = path.rpartition("/")[0]
    line = "features: Dense(hidden, activation=relu)" if dense.endswith("features") else "Dense(digits.label.classes)"
    type = shared(*shape)
    with w.at(line, dense):
        if len(shape) == 1:
            initial = w.constant(0.0, type)
        else:
            limit = (6 / sum(shape)) ** 0.5
            drawn = w.leaf("random_uniform", type, site=f"initial {path}#0")
            initial = ops.add(ops.multiply(drawn, filled(drawn, 2 * limit)), filled(drawn, -limit))
    return Weight(path, type, initial, w.origin(line, dense))


def _digits_data(w: Writer, side: int, names: tuple[str, ...]) -> DataProgram:
    line, label_line = 'image = standardize(column("image"))', 'label = class(column("label"))'
    with w.at(line):
        raw = w.leaf("column", sample(side, side), name="image")
        mean = w.leaf("fitted", shared(side, side), name="image_mean")
        spread = w.leaf("fitted", shared(side, side), name="image_standard_deviation")
        centered = ops.subtract(raw, to_sample(mean, side, side))
        image = ops.divide(centered, to_sample(spread, side, side)).named("image")
    with w.at(label_line):
        label = w.leaf("column", sample(dtype=DType.INT), name="label")
    return DataProgram(
        name="digits",
        reader=ReaderCall("builtin", (("name", "digits"),), Path(), w.span('builtin("digits")')),
        inline=(),
        columns=(
            Column("image", "image", "number", raw.type, span=w.span('column("image")')),
            Column("label", "label", "class", label.type, names, span=w.span('column("label")')),
        ),
        fits=(Fit("image_mean", "mean", raw), Fit("image_standard_deviation", "standard_deviation", raw)),
        fields=(Field("image", image, None, w.span(line)), Field("label", label, names, w.span(label_line))),
        split=Split((("train", 0.8), ("validation", 0.1), ("test", 0.1)), stratify="label"),
        part_readers=(),
        span=w.span('data digits from builtin("digits")'),
    )

"""Where weights lie: those that one optimizer updates are neighbours, whatever order the file has them in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nndsl.emit import emit
from nndsl.emit.layout import Range, layout
from nndsl.ir.program import Program
from tests.emit.loading import load, mathematics, trained
from tests.programs import Writer, adam, digits_mlp

LINE = "minimize cross_entropy(scores, label) using Adam(learning_rate=1e-3)"


def with_groups(*groups: tuple[str, ...]) -> Program:
    """The digits program, its weights updated in these groups by an Adam each."""
    program = digits_mlp()
    sizes = {weight.path: weight.type.size for weight in program.weights}
    w = Writer(program.file.text)
    w.builder = program.builder
    updates = tuple(adam(w, 0, k, group, sum(sizes[path] for path in group), LINE) for k, group in enumerate(groups))
    train = program.trains[0]
    minimize = replace(train.training.minimizes[0], updates=updates)
    return replace(program, trains=(replace(train, training=replace(train.training, minimizes=(minimize,))),))


def kernel(layer: str) -> str:
    return f"Digits/{layer}/kernel"


def bias(layer: str) -> str:
    return f"Digits/{layer}/bias"


def test_each_group_is_one_range() -> None:
    kernels, biases = (kernel("features"), kernel("dense")), (bias("features"), bias("dense"))
    program = with_groups(kernels, biases)
    made = layout(program)
    assert [weight.path for weight in made.weights] == [*kernels, *biases]
    first, second = program.trains[0].training.minimizes[0].updates
    assert made.ranges(first) == [Range(0, 4736)]
    assert made.ranges(second) == [Range(4736, 4810)]


def test_weights_that_nothing_updates_lie_apart() -> None:
    program = with_groups((kernel("dense"), bias("features")))
    made = layout(program)
    (update,) = program.trains[0].training.minimizes[0].updates
    assert len(made.ranges(update)) == 2
    assert sum(r.size for r in made.ranges(update)) == 640 + 64


def test_group_in_another_order_than_the_layout_is_updated_all_the_same() -> None:
    random = np.random.default_rng(0)
    fields = {"image": random.normal(size=(5, 8, 8)), "label": random.integers(0, 10, 5)}
    paths = tuple(weight.path for weight in digits_mlp().weights)
    shapes = {weight.path: weight.type.shape for weight in digits_mlp().weights}
    expected = trained(emit(with_groups(paths)), fields, steps=3)
    for level in (0, 1):
        text = emit(with_groups(tuple(reversed(paths))), level=level)
        assert "group_weights" in mathematics(text)
        found = trained(text, fields, steps=3)
        np.testing.assert_allclose(found["weights"], expected["weights"], rtol=1e-12)
        sizes = [int(np.prod(shapes[path])) for path in paths]
        turned = np.concatenate(list(reversed(np.split(expected["Digits/0.0/m"], np.cumsum(sizes)[:-1]))))
        np.testing.assert_allclose(found["Digits/0.0/m"], turned, rtol=1e-12)


def test_memory_and_module_agree_on_places() -> None:
    program = with_groups((kernel("features"), kernel("dense")), (bias("features"), bias("dense")))
    module = load(emit(program))
    memory = module.PROGRAM.memory(0)
    for path, place in layout(program).places.items():
        memory.weights[place.start : place.stop] = 7.0
        assert (memory.weight(path) == 7.0).all()
        memory.weights.fill(0.0)


def test_optimizers_that_are_alike_share_one_function() -> None:
    text = mathematics(emit(with_groups((kernel("features"), bias("features")), (kernel("dense"), bias("dense")))))
    assert text.count("def adam_update") == 1

"""The textbook form is what a program means; the planned form computes the same in prepared buffers."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nndsl.emit import emit
from nndsl.passes import optimise
from tests.emit.loading import trained
from tests.emit.random_programs import random_program
from tests.programs import digits_mlp

N = 5
TOLERANCE = 1e-9


def rows(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "x": random.normal(size=(N, 3)),
        "z": random.normal(size=(N, 3)),
        "y": random.normal(size=N),
        "label": random.integers(0, 7, N),
    }


def assert_same(planned: dict[str, np.ndarray], textbook: dict[str, np.ndarray]) -> None:
    assert planned.keys() == textbook.keys()
    for name, expected in textbook.items():
        np.testing.assert_allclose(planned[name], expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)
        assert planned[name].dtype.kind == expected.dtype.kind, name


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_planned_code_computes_what_textbook_code_says(data: st.DataObject) -> None:
    program = random_program(lambda low, high: data.draw(st.integers(low, high)))
    textbook = trained(emit(program, level=0), rows(), steps=3)
    assert all(np.isfinite(array).all() for array in textbook.values())
    assert_same(trained(emit(program, level=1), rows(), steps=3), textbook)
    assert_same(trained(emit(optimise(program), level=1), rows(), steps=3), textbook)


def test_both_forms_train_the_digits_network_alike() -> None:
    program = digits_mlp()
    random = np.random.default_rng(0)
    fields = {"image": random.normal(size=(N, 8, 8)), "label": random.integers(0, 10, N)}
    textbook = trained(emit(program, level=0), fields, steps=10)
    assert textbook["Digits training totals"][0] > 0
    assert not np.allclose(textbook["weights"], textbook["initial"])
    assert_same(trained(emit(program, level=1), fields, steps=10), textbook)


def test_floats_are_those_of_the_memory() -> None:
    program = digits_mlp()
    random = np.random.default_rng(0)
    fields = {"image": random.normal(size=(N, 8, 8)), "label": random.integers(0, 10, N)}
    for level in (0, 1):
        single = trained(emit(program, level=level), fields, steps=10, dtype="float32")
        double = trained(emit(program, level=level), fields, steps=10, dtype="float64")
        assert single["weights"].dtype == np.float32
        assert single["Digits/0.0/m"].dtype == np.float32
        assert double["weights"].dtype == np.float64

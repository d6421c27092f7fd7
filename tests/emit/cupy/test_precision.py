"""Products of tf32 and of bfloat16: losses stay near those of float32, and all else is float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nndsl.check import check
from nndsl.diagnostics import UserError
from nndsl.emit.cupy import emit_cupy
from nndsl.runtime.devices import Found
from nndsl.runtime.load import compiled, generate, read_program
from nndsl.runtime.model import Model
from nndsl.runtime.planning import planned_of
from tests.cupy_standin import standin
from tests.emit.cupy.comparing import fields_of
from tests.emit.loading import load, mathematics, trained

FOLDER = Path(__file__).parents[3] / "examples"

TOLERANCES = {"tf32": 5e-3, "bfloat16": 4e-2}
"""How far losses of training may be from those of float32, as a part of them: what docs/gpu.md says."""

OF_GRADIENTS = {"tf32": 5e-3, "bfloat16": 5e-2}
"""How far all gradients together may be from those of float32, as a part of their length."""

EXAMPLES = ("autoencoder", "custom_layer", "digits", "gan", "iris", "lenet", "long_memory", "vae")


def losses_of(name: str, precision: str) -> tuple[Model, np.ndarray[Any, Any]]:
    """A model after two epochs, and its losses in them."""
    model = compiled(read_program(FOLDER / name), sets={}, device="gpu", precision=precision)
    rows = model.fit(train=model.train_named(None).name, epochs=2)
    return model, np.array([row["train.loss"] for row in rows])


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("name", ["digits.nn", "diabetes.nn", "autoencoder.nn", "lenet.nn", "residual.nn"])
def test_losses_are_near_those_of_float32(name: str) -> None:
    _, expected = losses_of(name, "float32")
    for precision, tolerance in TOLERANCES.items():
        model, found = losses_of(name, precision)
        np.testing.assert_allclose(found, expected, rtol=tolerance, err_msg=precision)
        assert (found != expected).any()
        assert model.memory.weights.dtype == model.memory.gradients.dtype == np.float32
        assert (model.memory.weights.view(np.uint32) & 0xFFFF).any()  # the updated weights keep all their bits


def after_a_step(name: str, precision: str, dtype: str = "float32") -> dict[str, np.ndarray[Any, Any]]:
    program = check(read_program(FOLDER / f"{name}.nn"))
    planned = planned_of(program, precision=precision, device="gpu").program
    return trained(emit_cupy(planned, precision=precision), fields_of(program, 8), steps=1, dtype=dtype)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("name", EXAMPLES)
def test_gradients_are_near_those_of_float32(name: str) -> None:
    """In loops and convolutions too, and where a second update reads weights that the first has changed."""
    exact = after_a_step(name, "float32")["gradients"]
    for precision, most in OF_GRADIENTS.items():
        found = after_a_step(name, precision)["gradients"]
        off = np.linalg.norm(found.astype(np.float64) - exact) / np.linalg.norm(exact.astype(np.float64))
        assert 0 < off < most, precision


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("name", ["digits", "gan"])
def test_in_float64_products_are_exact_whatever_the_program_asks_for(name: str) -> None:
    """Gradients are checked so."""
    exact, found = (after_a_step(name, each, "float64") for each in ("float32", "bfloat16"))
    for key, values in exact.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-10, atol=1e-10, err_msg=key)


def source_of(name: str, precision: str) -> str:
    return generate(check(read_program(FOLDER / name)), precision=precision, device="gpu")


def test_what_only_products_read_is_kept_in_bfloat16_alone() -> None:
    text = mathematics(source_of("digits.nn", "bfloat16"))
    training = text[text.index("def digits_training(") : text.index("def digits_evaluation(")]
    made = [line.strip() for line in training.splitlines() if "space.empty(" in line]
    narrow = {line.split(" = ")[0] for line in made if "space.narrow" in line}
    assert "dense_scores_gradient_narrow" in narrow
    assert "dropout_narrow = buffer" in training
    assert not any(line.startswith("dropout =") for line in made)
    assert training.count("narrow_weights = space.narrowing()") == training.count("narrow_weights()") == 1
    products = [line for line in training.splitlines() if "products.of(" in line]
    assert products
    assert all(line.split("products.of(")[1].split(", ")[k].endswith("_narrow") for line in products for k in (0, 1))


def test_of_tf32_the_source_is_that_of_float32_but_for_its_name() -> None:
    exact, found = (source_of("digits.nn", each).splitlines() for each in ("float32", "tf32"))
    assert [line for line in found if line not in exact] == ['        products="tf32",']
    assert mathematics("\n".join(found)).replace('        products="tf32",\n', "") == mathematics("\n".join(exact))


@pytest.mark.parametrize("precision", TOLERANCES)
def test_a_cpu_has_no_such_products(precision: str) -> None:
    with pytest.raises(UserError) as raised:
        compiled(read_program(FOLDER / "digits.nn"), sets={}, precision=precision)
    (mistake,) = raised.value.diagnostics
    assert mistake.code == "NN654"
    assert mistake.help is not None
    assert mistake.help.startswith("`--device gpu`")


def test_without_nvmath_there_are_exact_products_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from nndsl.runtime import devices

    found = Found(("cupy-cuda13x",), True, 13000, ("A GPU",), None, 13, nvmath=False, free=1 << 30)
    monkeypatch.setattr(devices, "look", lambda: found)
    assert devices.choose("gpu").device == "gpu"
    with pytest.raises(UserError) as raised:
        devices.choose("gpu", "bfloat16")
    assert raised.value.diagnostics[0].code == "NN654"
    assert devices.choose("auto", "tf32").device == "cpu"
    with standin(nvmath=False):
        program: Any = load(source_of("digits.nn", "tf32")).PROGRAM
        memory = program.memory(0)
        memory.begin(program.trains["Digits"])
        with pytest.raises(Exception, match="nvmath-python"):
            program.trains["Digits"].training(4, memory, 0)

"""What the examples promise beside their expectations: one thing is better than another, or goes wrong without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.autoencoder import errors
from benchmarks.gan import judged
from nndsl.diagnostics import UserError
from nndsl.runtime.load import load

FOLDER = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("block", ["ByValue", "ByNorm", "ByGlobalNorm"])
def test_without_clipping_the_loss_is_lost_at_once(block):
    model = load(FOLDER / "exploding.nn", sets={"limit": "1e9"}, train=block)
    with pytest.raises(UserError) as lost:
        model.fit()
    (diagnostic,) = lost.value.diagnostics
    assert diagnostic.code == "NN617"
    assert "at epoch 1, step 2" in diagnostic.message


def test_the_tool_says_where_the_gradient_blows_up():
    (flow,) = load(FOLDER / "exploding.nn", train="ByValue").gradient_flows()
    (verdict,) = flow.verdicts()
    assert verdict.startswith("Total/simple_rnn/h: the gradient blows up, 1.0e+03 times its size after 38 steps back")


@pytest.fixture
def trained(name, lenet_folder, monkeypatch):
    """An example that begins with the run of `lenet.nn`, trained."""
    monkeypatch.chdir(lenet_folder)
    model = load(FOLDER / name)
    model.fit()
    return model


@pytest.mark.parametrize("name", ["features.nn"])
def test_a_linear_classifier_sees_more_in_features_than_in_pixels(name, trained):
    pixels, features = (trained.evaluate(part="test", train=block)["accuracy"] for block in ("Pixels", "Features"))
    assert features >= pixels + 0.01


@pytest.mark.parametrize("name", ["transfer.nn"])
def test_a_trained_body_beats_the_same_network_from_nothing(name, trained):
    frozen, tuned, fresh = (
        trained.evaluate(part="test", train=block)["accuracy"] for block in ("Frozen", "Tuned", "Fresh")
    )
    assert min(frozen, tuned) >= fresh + 0.01
    sizes = {path.partition("/")[0]: 0 for path in trained.weights}
    for path, values in trained.weights.items():
        sizes[path.partition("/")[0]] += values.size if "body/dense" not in path else 0
    assert sizes["Frozen"] == sizes["Tuned"] == sizes["Fresh"], "not the same network"


@pytest.mark.slow
def test_the_autoencoder_loses_less_than_principal_components():
    _, learnt, linear = errors(epochs=20)
    assert learnt < 0.8 * linear


@pytest.mark.slow
@pytest.mark.parametrize(("name", "epochs"), [("gan.nn", 60), ("wgan_gp.nn", 60)])
def test_a_classifier_of_real_digits_recognises_those_drawn(name, epochs):
    confidence, counts = judged(name, 500, epochs)
    assert confidence > 0.75
    assert sum(count >= 10 for count in counts.values()) >= 8

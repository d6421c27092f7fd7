"""`show` lines: what they give, under which names, how often, and what can't be drawn."""

from __future__ import annotations

import pytest

from nndsl import ops
from nndsl.ir import reachable
from tests.check.programs import checked, mistakes, training

MINIMIZE = "minimize cross_entropy(scores, label) using Adam"


def shows(*lines: str):
    (train,) = checked(training(MINIMIZE, *lines)).trains
    return train.shows


@pytest.mark.parametrize(
    ("line", "name", "every", "unit"),
    [
        ("show image", "image", 0, "epochs"),
        ("show image every 10 epochs", "image", 10, "epochs"),
        ("show image every 1 epoch", "image", 1, "epochs"),
        ("show image every 5", "image", 5, "epochs"),
        ("show softmax(scores) every 100 steps", "softmax", 100, "steps"),
        ("show M(image) every 2 epochs", "M", 2, "epochs"),
        ("show M.dense.kernel", "kernel", 0, "epochs"),
        ("show image -> M", "M", 0, "epochs"),
        ("show ink = image * 2", "ink", 0, "epochs"),
        ("show image * 2", "value", 0, "epochs"),
    ],
)
def test_a_value_is_named_after_itself_and_shown_as_often_as_it_says(line, name, every, unit):
    (show,) = shows(line)
    assert (show.name, show.every, show.unit) == (name, every, unit)


def test_each_value_has_a_name_of_its_own():
    assert [show.name for show in shows("show image, image * 2, 3 * image", "show image")] == [
        "image",
        "value",
        "value_2",
        "image_2",
    ]


def test_what_all_samples_share_is_known_to_be_shared():
    assert [show.shared for show in shows("show M.dense.kernel, image")] == [True, False]


def test_values_are_those_of_evaluation():
    program = checked(training(MINIMIZE, "show M(image)", network="Flatten\n  Dropout(0.5)\n  Dense(10)"))
    nodes = reachable(program.trains[0].shows[0].graph.roots())
    assert all(node.op is not ops.random_bernoulli for node in nodes)


def test_draws_of_a_show_change_no_draw_of_the_training():
    def sites(*lines):
        text = training(*lines, "noise = normal([8, 8])", "minimize mse(M(image + noise), 0) using Adam")
        nodes = reachable(checked(text.replace("scores = M(image)\n", "")).trains[0].training.roots())
        return [node["site"] for node in nodes if node.op is ops.random_normal]

    assert sites("show normal([8, 8])") == sites()


def test_fields_that_only_a_show_reads_are_prepared():
    text = training("minimize mse(scores, 0) using Adam", "show label")
    assert "label" in checked(text).trains[0].fields


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("show image every 10 batches", "NN530", "epochs or steps"),
        ("show image every 10 epoch s", "NN001", ""),
        ("show image every 0 epochs", "NN209", "counts from 1"),
        ("show reshape(image, [4, 4, 4])", "NN530", "can't be drawn"),
        ("show reshape(image, [2, 2, 4, 4])", "NN530", "can't be drawn"),
        ("show 3", "NN530", "no picture"),
        ("show step", "NN530", "no picture"),
        ("show M", "NN206", ""),
        ("show imag", "NN101", "imag"),
    ],
)
def test_what_cannot_be_shown_is_said(line, code, says):
    (mistake, *_) = mistakes(training(MINIMIZE, line))
    assert mistake.code == code
    assert says in mistake.message


def test_without_data_shows_count_steps():
    block = "model M {\n  input x: [2]\n  Dense(1)\n}\ntrain M {\n  steps = 10\n  x = normal([2])\n"
    block += "  minimize mse(M(x), 0) using SGD\n  show x every 5 UNIT\n}\n"
    (mistake,) = mistakes(block.replace("UNIT", "epochs"))
    assert mistake.code == "NN530"
    for unit in ("steps", ""):
        (show,) = checked(block.replace("UNIT", unit)).trains[0].shows
        assert show.unit == "steps"


def test_show_belongs_into_a_train_block():
    (mistake, *_) = mistakes("model M {\n  input x: [4]\n  show x\n  Dense(2)\n}\n")
    assert mistake.code == "NN309"
    assert mistake.help is not None
    assert "train block" in mistake.help

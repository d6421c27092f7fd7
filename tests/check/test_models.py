"""Layers, models and steps: shapes follow, names are stable, weights are shared where they should be."""

from __future__ import annotations

import pytest

from nndsl.ir import Kind
from tests.check.programs import checked, mistakes, model, shapes


def test_shapes_follow_from_the_input() -> None:
    assert shapes(checked(model("Dense(8)", "Dense(3)"))) == {
        "M/dense/kernel": (4, 8),
        "M/dense/bias": (8,),
        "M/dense_1/kernel": (8, 3),
        "M/dense_1/bias": (3,),
    }


def test_a_label_names_the_step() -> None:
    assert "M/features/kernel" in shapes(checked(model("features: Dense(8)", "Dense(3)")))


def test_a_name_bound_to_a_step_names_it_and_shares_its_weights() -> None:
    program = checked(model("body = Dense(4)", "a = x -> body", "b = a -> body", "output a + b"))
    assert list(shapes(program)) == ["M/body/kernel", "M/body/bias"]


def test_a_copy_has_weights_of_its_own() -> None:
    program = checked(model("body = Dense(4)", "a = x -> body", "b = a -> copy(body)", "output a + b"))
    assert list(shapes(program)) == ["M/body/kernel", "M/body/bias", "M/dense/kernel", "M/dense/bias"]


def test_each_turn_of_repeat_makes_new_weights() -> None:
    program = checked(model("repeat 2 { block: Dense(4) }"))
    assert [path for path in shapes(program) if path.endswith("kernel")] == ["M/block[0]/kernel", "M/block[1]/kernel"]


def test_for_goes_through_a_list_at_compile_time() -> None:
    program = checked(model("for units in [8, 6, 2] { Dense(units, use_bias=false) }"))
    assert list(shapes(program).values()) == [(4, 8), (8, 6), (6, 2)]


@pytest.mark.parametrize(("units", "kernels"), [("4", 1), ("6", 2)])
def test_if_is_decided_at_compile_time(units: str, kernels: int) -> None:
    before = """
    layer Residual(units: int) {
      input x: [..., d]
      y = x -> Dense(units, use_bias=false)
      if d != units { x = x -> Dense(units, use_bias=false) }
      output x + y
    }
    """
    assert len(shapes(checked(model(f"Residual({units})", before=before)))) == kernels


def test_a_model_made_from_a_model_is_a_network_of_its_own() -> None:
    text = model("Dense(units)", inputs="x: [4]").replace("model M", "model M(units = 3)") + "model Wide = M(units=7)\n"
    assert shapes(checked(text)) == {
        "M/dense/kernel": (4, 3),
        "M/dense/bias": (3,),
        "Wide/dense/kernel": (4, 7),
        "Wide/dense/bias": (7,),
    }


def test_a_model_inside_a_model_keeps_its_own_name() -> None:
    text = model("Dense(3)") + "model Outer {\n  input x: [4]\n  y = M(x)\n  z = M(x * 2)\n  output y + z\n}\n"
    assert list(shapes(checked(text))) == ["M/dense/kernel", "M/dense/bias"]


def test_layers_nest_their_names() -> None:
    before = "layer Pair(units: int) {\n  input x: [..., d]\n  x -> Dense(units) -> Dense(units)\n}\n"
    paths = list(shapes(checked(model("Pair(3)", "deep: Pair(3)", before=before))))
    assert paths[::2] == [
        "M/pair/dense/kernel",
        "M/pair/dense_1/kernel",
        "M/deep/dense/kernel",
        "M/deep/dense_1/kernel",
    ]


def test_outputs_and_labels_are_read_with_the_dot() -> None:
    text = model("code: Dense(2)", "output mean = code * 2", "output spread = code + 1")
    text += "model Outer {\n  input x: [4]\n  m, s = M(x)\n  output M(x).mean + m + s + M(x).code\n}\n"
    program = checked(text)
    assert [info.name for info in program.models] == ["M", "Outer"]


def test_the_summary_lists_the_layers_of_each_model() -> None:
    (info,) = checked(model("features: Dense(8)", "Dropout(0.5)", "Dense(3)")).models
    assert [(layer.path, layer.kind, layer.output.shape) for layer in info.layers] == [
        ("M/features", "Dense", (8,)),
        ("M/dropout", "Dropout", (8,)),
        ("M/dense", "Dense", (3,)),
    ]


def test_sizes_named_alike_must_be_equal() -> None:
    before = "layer Both {\n  input a: [n, d]\n  input b: [d]\n  output a @ b\n}\n"
    text = model("output x -> Both(b=x[0])", inputs="x: [3, 5]", before=before)
    assert checked(text).models
    (mistake,) = mistakes(model("output x -> Both(b=x[0][0:2])", inputs="x: [3, 5]", before=before))
    assert mistake.code == "NN204"


def test_initial_values_are_shared_by_all_samples() -> None:
    assert all(weight.initial.type.kind is Kind.SHARED for weight in checked(model("Dense(8)")).weights)


def test_random_sites_do_not_depend_on_where_a_line_stands() -> None:
    def sites(text: str) -> set[str]:
        program = checked(text)
        return {
            str(node["site"])
            for weight in program.weights
            for node in [weight.initial, *weight.initial.inputs, *(i for n in weight.initial.inputs for i in n.inputs)]
            if node.op.name.startswith("random")
        }

    plain = model("Dense(8)", "Dense(3)")
    assert sites(plain) == sites("# a comment\n\n\n" + plain.replace("Dense(8)", "Dense(8)   # wide"))
    assert len(sites(plain)) == 2


def test_a_line_after_a_name_must_say_where_it_starts() -> None:
    (mistake,) = mistakes(model("y = x * 2", "Dense(3)", "output y"))
    assert (mistake.code, mistake.labels[0].span.line) == ("NN311", 5)


def test_several_mistakes_are_said_in_one_go_and_once_each() -> None:
    found = mistakes(model("Dense(unit=3)", "y = x + relo(x)", "repeat 3 { z = x @ 3 }", "output y"))
    assert [(mistake.code, mistake.labels[0].span.line) for mistake in found] == [
        ("NN301", 4),
        ("NN101", 5),
        ("NN206", 6),
    ]


def test_a_failure_in_the_library_points_at_the_users_call() -> None:
    (mistake,) = mistakes(model("Flatten", "Dropout(2)"))
    assert mistake.labels[0].span.text == "Dropout(2)"
    assert any("std/layers/dropout.nn" in note for note in mistake.notes)


def test_what_depends_on_a_mistake_is_not_a_second_one() -> None:
    found = mistakes(model("y = x + unknown", "z = y * 2", "output z @ y"))
    assert [mistake.code for mistake in found] == ["NN101"]


def test_a_layer_that_applies_itself_is_refused() -> None:
    before = "layer Loop {\n  input x: [d]\n  output x -> Loop\n}\n"
    assert {mistake.code for mistake in mistakes(model("Loop", before=before))} == {"NN304"}


def test_weights_of_one_step_have_one_shape() -> None:
    (mistake,) = mistakes(model("body = Dense(4)", "a = x -> body", "b = x[0:2] -> body", "output a + b"))
    assert mistake.code == "NN313"


def test_unused_names_are_warned_about_and_underscores_are_not() -> None:
    program = checked(model("y = x * 2", "_z = x * 3", "output x"))
    assert [warning.message for warning in program.warnings] == ["`y` is never used"]

"""A library layer that is applied again is made without walking its body, and is what walking would have made."""

from __future__ import annotations

import pytest

from nndsl.check import check
from nndsl.check.bodies import statements, steps
from nndsl.diagnostics import UserError
from nndsl.ir import Node, reachable
from nndsl.ir.program import Program
from nndsl.passes.programs import graphs
from nndsl.source import SourceFile

PROGRAM = """data batch {{
  x = [[[0.5, 1, 2, 3], [4, 5, 6, 7], [0.5, 1, 2, 3], [4, 5, 6, 7]]]
}}

layer Block(units) {{
  input x
  output x + (x -> LayerNormalization -> Dense(units, activation=relu) -> Dropout(0.1) -> Dense(4))
}}

model Net {{
  input x
  {body}
  Dense(4)
}}

train Net on batch {{
  minimize mse(Net(x), x) using SGD(0.1)
  minimize mse(Net(x * 2), x) using SGD(0.1)
  metric size = mean(Net(x))
}}
"""

BODIES = [
    "repeat 3 { Dense(4, activation=relu) }",
    "Dense(4, activation=relu)\n  Dense(4, activation=relu)\n  Dense(4, activation=relu)",
    "Dense(4, activation=softmax)\n  a: Dense(4, activation=softmax)",
    "repeat 2 { a: Dense(4, activation=leaky_relu(negative_slope=0.2), kernel_initializer=he_normal) }",
    "for units in [4, 5, 4, 5] { Dense(units, use_bias=false) }\n  Dense(4)",
    "for rate in [0.1, 0.2, 0.1] { Dropout(rate) }",
    "repeat 3 { Dense(\n    4,\n    activation=tanh\n  ) }",
    "repeat 3 { Block(8) }",
    "one = Dense(4)\n  h = one(x)\n  g = one(h)\n  g -> one -> one",
    "repeat 2 { Dense(4, use_bias=false)\n  BatchNormalization\n  relu }",
    "repeat 2 { LSTM(4, return_sequences=true) }",
    "repeat 2 { Bidirectional(SimpleRNN(2, return_sequences=true)) }",
    "repeat 2 { MultiHeadAttention(2, 2) }",
    "repeat 3 { Conv1D(4, 3, padding=same, activation=gelu) }\n  repeat 2 { GaussianNoise(0.1) }",
    "Dense(1)\n  Dense(4)\n  Dense(1)\n  Dense(4)",
]


def _checked(body: str) -> Program:
    return check(SourceFile("net.nn", PROGRAM.format(body=body)))


def _described(node: Node) -> tuple[object, ...]:
    origins = [(str(o.span), o.scope, o.title, str(o.library), o.backward) for o in node.origins]
    inputs = [operand.id for operand in node.inputs]
    attributes = [(name, node[name]) for name in node.plain_attributes]
    return (node.id, node.op.name, inputs, attributes, str(node.type), node.names, origins)


def _contents(program: Program) -> list[object]:
    """Everything about a program's nodes and weights."""
    found: list[object] = [(name, [_described(node) for node in reachable(roots)]) for name, roots in graphs(program)]
    for kept in (*program.weights, *program.states):
        origin = kept.origin
        found.append((kept.path, str(kept.type), kept.initial.id, str(origin.span), origin.scope, origin.title))
        found.append(kept.layers)
    found.append([str(model) for model in program.models])
    return found


@pytest.mark.parametrize("body", BODIES)
def test_layers_made_again_are_what_walking_makes(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    repeated = _contents(_checked(body))
    monkeypatch.setattr(steps, "repeatable", lambda *_: None)
    assert repeated == _contents(_checked(body))


@pytest.mark.parametrize(
    "step", ["Dense(4, activation=relu)", "Block(4)", "Dropout(0.5)", "Conv1D(4, 3, padding=same)"]
)
def test_a_body_of_the_library_is_walked_no_more_often_where_more_layers_have_it(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[str] = []
    run_body = statements.run_body

    def counting(context: object, scope: object, frame: object, definition: object) -> object:
        if definition.span.file.library:  # type: ignore[attr-defined]
            walked.append(definition.name.name)  # type: ignore[attr-defined]
        return run_body(context, scope, frame, definition)  # type: ignore[arg-type]

    monkeypatch.setattr(statements, "run_body", counting)
    _checked(f"Dense(4)\n  repeat 3 {{ {step} }}\n  Dense(4)")
    few = sorted(walked)
    walked.clear()
    _checked(f"Dense(4)\n  repeat 20 {{ {step} }}\n  Dense(4)")
    assert sorted(walked) == few


def test_a_shared_step_of_another_shape_is_refused_though_its_kind_was_walked_before() -> None:
    body = "a = Dense(4)\n  b = Dense(4)\n  p = a(x * 2)\n  w = x -> Dense(5)\n  q = b(w)\n  b(p)"
    with pytest.raises(UserError) as caught:
        _checked(body)
    assert [each.code for each in caught.value.diagnostics] == ["NN313"]


def test_a_mistake_in_a_layer_is_said_as_if_it_were_walked_each_time() -> None:
    with pytest.raises(UserError) as caught:
        _checked("repeat 2 { Dense(0) }\n  repeat 2 { Dense(4) }")
    assert [each.code for each in caught.value.diagnostics] == ["NN308"]

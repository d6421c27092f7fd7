from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nndsl import ops
from nndsl.check import check
from nndsl.diagnostics import InternalError
from nndsl.ir import Builder, DType, Kind, Node, Origin, TensorType, reachable
from nndsl.ir.program import Program
from nndsl.passes import PIPELINE, STAGES, optimise, run_until
from nndsl.passes.rewrite import rewrite, table
from nndsl.plan import ApplyUpdate, Compute, plan_step
from nndsl.plan.work import bytes_of
from nndsl.source import SourceFile, Span
from tests.executor import Machine, Memory
from tests.programs import digits_mlp

N = 6


def undifferentiated() -> Program:
    """The digits program as `check` hands it on: without gradients."""
    program = digits_mlp()
    (train,) = program.trains
    minimizes = tuple(replace(minimize, gradients=()) for minimize in train.training.minimizes)
    return replace(program, trains=(replace(train, training=replace(train.training, minimizes=minimizes)),))


def checked_digits() -> Program:
    """The first example, as `check` hands it on."""
    path = Path(__file__).parents[2] / "examples" / "digits.nn"
    return check(SourceFile(path.name, path.read_text(encoding="utf-8"), path))


def after_one_step(program: Program) -> dict[str, object]:
    """The weights after a training step in float64."""
    training = program.trains[0].training
    rng = np.random.default_rng(0)
    weights = {w.path: rng.normal(0, 0.3, w.type.shape) for w in program.weights}
    fields = {"image": rng.normal(size=(N, 8, 8)), "label": rng.integers(0, 10, N).astype(np.int32)}
    memory = Memory(weights)

    def leaves(node: Node) -> object:
        return fields[str(node["name"])] if node.op is ops.field else float(N) if node.op is ops.batch_size else 1.0

    Machine(plan_step(training), memory, leaves, N).run()
    return memory.weights


def test_stages_are_those_of_the_pipeline() -> None:
    assert ("check", *(each.name for each in PIPELINE)) == STAGES
    order = [
        STAGES.index(name) for name in ("check", "numerics", "differentiate", "fold", "simplify", "share", "totals")
    ]
    assert order == sorted(order)


def test_the_stage_check_changes_nothing() -> None:
    program = undifferentiated()
    assert run_until(program, "check") is program


def test_an_unknown_stage_is_a_bug() -> None:
    with pytest.raises(InternalError, match="no stage fuse"):
        run_until(undifferentiated(), "fuse")


def test_every_stage_leaves_valid_graphs() -> None:
    optimise(undifferentiated(), verify=True)


def test_an_optimised_program_takes_the_same_step() -> None:
    program = undifferentiated()
    plain = after_one_step(run_until(program, "differentiate"))
    for stage in STAGES[STAGES.index("differentiate") :]:
        optimised = after_one_step(run_until(program, stage, verify=True))
        assert plain.keys() == optimised.keys()
        for path, value in plain.items():
            assert np.allclose(value, optimised[path], rtol=1e-9, atol=1e-12), (stage, path)


def test_optimising_saves_work() -> None:
    program = checked_digits()

    def elements(stage: str) -> int:
        """Numbers that a step over 32 samples computes."""
        actions = plan_step(run_until(program, stage).trains[0].training).actions
        return sum(bytes_of(action.node.type, 32, 1) for action in actions if isinstance(action, Compute))

    assert elements("totals") < elements("differentiate")


def test_optimising_twice_changes_nothing() -> None:
    once = optimise(undifferentiated())
    roots = once.trains[0].training.roots()
    from nndsl.passes.pipeline import share, simplify

    assert share(simplify(roots)) == roots


def test_the_input_of_relu_need_not_be_kept() -> None:
    graph = optimise(checked_digits()).trains[0].training
    compared = [node.inputs[0].op for node in reachable(graph.roots()) if node.op is ops.greater]
    assert compared == [ops.maximum]


def test_every_graph_of_a_program_is_optimised() -> None:
    program = undifferentiated()
    (data,) = program.data
    one = data.fields[0].node
    doubled = replace(data.fields[0], node=ops.multiply(one, ops.splat(one, 1.0)))
    initial = program.weights[0].initial
    program = replace(
        program,
        data=(replace(data, fields=(doubled, *data.fields[1:])),),
        weights=(replace(program.weights[0], initial=ops.negate(ops.negate(initial))), *program.weights[1:]),
    )
    found = optimise(program)
    assert found.weights[0].initial is rewrite([initial], {})[0]
    assert ops.multiply not in {node.op for node in reachable([found.data[0].fields[0].node])}


def test_totals_are_sums_of_truth_values() -> None:
    program = undifferentiated()
    (train,) = program.trains
    right = train.evaluation.totals[1]
    cast = replace(right, node=ops.cast(right.node, to="float"))
    evaluation = replace(train.evaluation, totals=(train.evaluation.totals[0], cast))
    found = optimise(replace(program, trains=(replace(train, evaluation=evaluation),)))
    assert found.trains[0].evaluation.totals[1].node.type.dtype is DType.BOOL


# ------------------------------------------------------------------------------------------------ the driver


def leaf(builder: Builder, name: str = "x") -> Node:
    return ops.field.make(builder, TensorType(DType.FLOAT, (3,), Kind.SAMPLE), name=name)


def span(text: str) -> Span:
    return Span(SourceFile("a.nn", text), 0, len(text))


def test_names_and_origins_stay() -> None:
    builder = Builder()
    x, origin = leaf(builder), Origin(span("y = exp(x * 1)"), "Net/y")
    with builder.at(origin):
        y = ops.power(ops.exp(x), ops.splat(x, 2.0)).named("Net/y")
    (made,) = rewrite([y], table((ops.power, lambda node: ops.square(node.inputs[0]))))
    assert made.op is ops.square
    assert made.names == ["Net/y"]
    assert made.origins == [origin]


def test_a_rule_that_changes_a_type_is_a_bug() -> None:
    x = leaf(Builder())

    def summed(node: Node) -> Node:
        """exp(x) -> sum(x)"""
        return ops.sum(node.inputs[0], axes=(0,))

    with pytest.raises(InternalError, match="summed turns"):
        rewrite([ops.exp(x)], table((ops.exp, summed)))


def test_rules_that_never_end_are_a_bug() -> None:
    x = leaf(Builder())
    there, back = table((ops.sin, lambda node: ops.cos(node.inputs[0]))), (lambda node: ops.sin(node.inputs[0]))
    with pytest.raises(InternalError, match="never come to an end"):
        rewrite([ops.sin(x)], {**there, ops.cos: (back,)})
    with pytest.raises(InternalError, match="never come to an end"):
        rewrite([ops.sin(x)], table((ops.sin, lambda node: ops.sin(ops.exp(node.inputs[0])))))


def test_rewriting_reaches_what_rules_make() -> None:
    x = leaf(Builder())
    rules = table(
        (ops.sin, lambda node: ops.exp(ops.cos(node.inputs[0]))),
        (ops.cos, lambda node: ops.tanh(node.inputs[0])),
    )
    assert rewrite([ops.sin(x)], rules) == (ops.exp(ops.tanh(x)),)


def test_a_product_read_twice_is_not_taken_apart() -> None:
    from nndsl.passes.pipeline import simplify

    x = leaf(Builder())
    scaled = ops.multiply(x, ops.splat(x, 3.0))
    once, twice = ops.sum(scaled, axes=(0,)), (ops.sum(scaled, axes=(0,)), ops.exp(scaled))
    assert simplify((once,))[0].op is ops.multiply
    assert simplify(twice) == twice


def test_updates_are_optimised_too() -> None:
    program = optimise(undifferentiated())
    schedule = plan_step(program.trains[0].training)
    update = next(action.schedule for action in schedule.actions if isinstance(action, ApplyUpdate))
    vectors = [action for action in update.actions if isinstance(action, Compute) and action.node.type.rank == 1]
    assert len(vectors) == 12

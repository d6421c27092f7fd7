"""Graphs as text: readable, and the same for the same graph."""

from __future__ import annotations

from nndsl import ops
from nndsl.ir import Builder, DType, Kind, Node, Origin, TensorType
from nndsl.ir.printer import graph_text, nodes_text, program_text, step_text
from nndsl.ir.program import (
    DataProgram,
    Field,
    Fit,
    Minimize,
    Program,
    Reported,
    Slot,
    State,
    StepGraph,
    Total,
    TrainProgram,
    Update,
    Weight,
)
from nndsl.source import SourceFile, Span

FILE = SourceFile("digits.nn", "input image\nDense(2)\n")
FLOAT = DType.FLOAT


def dense(builder: Builder) -> Node:
    with builder.at(Origin(Span(FILE, 0, 11))):
        x = ops.field.make(builder, TensorType(FLOAT, (3,), Kind.SAMPLE), name="image")
    kernel = ops.weight.make(builder, TensorType(FLOAT, (3, 2), Kind.SHARED), path="Digits/kernel", version=0)
    with builder.at(Origin(Span(FILE, 12, 20))):
        return ops.einsum(x, kernel, equation="a,ab->b", kind="sample").named("Digits/scores")


def test_nodes_are_numbered_from_zero_each_behind_what_it_needs() -> None:
    builder = Builder()
    ops.epoch.make(builder, TensorType(FLOAT, (), Kind.STEP))
    assert graph_text([("scores", dense(builder))]) == (
        '%0 = field(name="image"): float[3] per sample  # digits.nn:1\n'
        '%1 = weight(path="Digits/kernel", version=0): float[3, 2] shared\n'
        '%2 = einsum(%0, %1, equation="a,ab->b", kind="sample"): float[2] per sample  # Digits/scores, digits.nn:2\n'
        "scores = %2\n"
    )


def test_backward_nodes_say_so() -> None:
    builder = Builder()
    with builder.at(Origin(Span(FILE, 12, 20), backward=True)):
        node = ops.epoch.make(builder, TensorType(FLOAT, (), Kind.STEP))
    assert nodes_text([node]) == "%0 = epoch(): float[] step  # digits.nn:2 backward\n"


def test_attributes_are_written_as_in_the_language_and_long_ones_counted() -> None:
    builder = Builder()
    short = ops.array.make(builder, TensorType(FLOAT, (2, 2), Kind.SHARED), value=((0, 1), (1, 0.5)))
    long = ops.array.make(builder, TensorType(FLOAT, (10, 10), Kind.SHARED), value=((0.25,) * 10,) * 10)
    true = ops.constant.make(builder, TensorType(DType.BOOL, (), Kind.SAMPLE), value=True)
    assert nodes_text([short, long, true]) == (
        "%0 = array(value=[[0, 1], [1, 0.5]]): float[2, 2] shared\n"
        "%1 = array(value=[... 100 numbers]): float[10, 10] shared\n"
        "%2 = constant(value=true): bool[] per sample\n"
    )


def test_a_step_shows_results_reports_and_updates() -> None:
    builder = Builder()
    scores = dense(builder)
    loss = ops.batch_sum(ops.sum(scores, axes=(0,)))
    flat = TensorType(FLOAT, (6,), Kind.SHARED)
    update = Update(
        "SGD",
        ("Digits/kernel",),
        (Slot("m", 0.0),),
        ops.flat_weight.make(builder, flat, update="0.0"),
        (ops.slot.make(builder, flat, update="0.0", name="m"),),
        Origin(Span(FILE, 0, 5)),
    )
    graph = StepGraph(
        totals=(Total(ops.sum(scores, axes=(0,))),),
        reported=(
            Reported("loss", ops.total.make(builder, TensorType(FLOAT, (), Kind.STEP), index=0), Span(FILE, 0, 5)),
        ),
        predictions=(("digit", ops.argmax(scores, axis=0), None),),
        states=(("Digits/mean", ops.batch_sum(scores)),),
        minimizes=(Minimize(0, loss, (update,), 5, Span(FILE, 0, 5), (("Digits/kernel", scores.inputs[1]),)),),
    )
    text = step_text(graph)
    lines = text.splitlines()
    for expected in (
        "total 0 = %3",
        "state Digits/mean = %6",
        "predict digit = %5",
        "minimize 0 = %4",
        "gradient 0 Digits/kernel = %1",
        "# reported",
        "loss = %0",
        "# update 0.0: SGD over Digits/kernel, every 5 steps",
        "weight = %0",
        "slot m = %1",
    ):
        assert expected in lines
    assert text == step_text(graph)
    assert "# Digits, training" in program_text(_program(builder, graph))


def _program(builder: Builder, graph: StepGraph) -> Program:
    span = Span(FILE, 0, 5)
    zero = ops.constant.make(builder, TensorType(FLOAT, (3, 2), Kind.SHARED), value=0.0)
    column = ops.column.make(builder, TensorType(FLOAT, (3,), Kind.SAMPLE), name="image")
    data = DataProgram(
        "digits", None, (), (), (Fit("m", "mean", column),), (Field("image", column, None, span),), None, (), span
    )
    train = TrainProgram("Digits", "digits", (), (), graph, StepGraph((), (), (), (), ()), (), (), span)
    weights = (Weight("Digits/kernel", zero.type, zero, Origin(span)),)
    states = (State("Digits/mean", zero.type, zero, Origin(span)),)
    return Program(FILE, (FILE,), builder, weights, states, (data,), (), (train,))


def test_a_program_shows_weights_data_and_both_graphs_of_a_block() -> None:
    builder = Builder()
    text = program_text(_program(builder, StepGraph((), (), (), (), ())))
    assert text.startswith("# initial weights and states\n%0 = constant(value=0.0): float[3, 2] shared\n")
    for line in (
        "weight Digits/kernel = %0",
        "# data digits",
        "mean m = %0",
        "field image = %0",
        "# Digits, evaluation",
    ):
        assert line in text.splitlines()


def test_the_body_of_a_loop_is_a_block_under_the_first_node_of_it() -> None:
    builder = Builder()
    x = ops.field.make(builder, TensorType(DType.FLOAT, (4, 2), Kind.SAMPLE), name="x")
    first = ops.constant.make(builder, TensorType(DType.FLOAT, (2,), Kind.SAMPLE), value=0.0)
    parameters = ops.LoopParameters(builder, 0)
    carry, element = parameters.make("carry", first.type), parameters.make("element", first.type)
    body = ops.Body((carry,), (element,), (), (new := ops.add(carry, element),), (new,))
    last, kept = (ops.scan(first, x, body=body, length=4, output=o, reverse=False) for o in ("last:0", "stack:0"))
    assert graph_text([("last", last), ("kept", kept)]).splitlines() == [
        '%0 = field(name="x"): float[4, 2] per sample',
        "%1 = constant(value=0.0): float[2] per sample",
        '%2 = scan(%1, %0, body 0, length=4, output="last:0", reverse=false): float[2] per sample',
        '    %0 = loop_parameter(index=0, loop=0, role="carry"): float[2] per sample',
        '    %1 = loop_parameter(index=0, loop=0, role="element"): float[2] per sample',
        "    %2 = add(%0, %1): float[2] per sample",
        "    next 0 = %2",
        "    stack 0 = %2",
        '%3 = scan(%1, %0, body 0, length=4, output="stack:0", reverse=false): float[4, 2] per sample',
        "last = %2",
        "kept = %3",
    ]

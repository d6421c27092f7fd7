"""Loops of both forms compute what a plain loop does, and read as one would write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from nndsl import ops
from nndsl.emit import emit
from nndsl.ir import Node
from nndsl.plan import plan_prediction, verify_schedule
from tests.emit.loading import load, mathematics
from tests.emit.loops import LoopMaker, fields_of, looped, predicted, zeros
from tests.emit.test_allocation import ALLOWED, peak_of, small_buffers
from tests.programs import filled, sample, shared

N = 5
Parts = Sequence[Node]
Steps = tuple[Parts, Parts]
Made = Mapping[str, Node]


def simple_rnn(maker: LoopMaker, *, length: int = 4, reverse: bool = False) -> Made:
    """`h = tanh(x_t @ kernel + h @ recurrent_kernel)`, all of h kept, and the last."""

    def step(carries: Parts, elements: Parts, constants: Parts) -> Steps:
        (h,), (x,), (kernel, recurrent) = carries, elements, constants
        z = ops.add(_dense(x, kernel), _dense(h, recurrent)).named("z")
        new = ops.tanh(z).named("h")
        return [new], [new, z]

    x = maker.field("x", sample(length, 3))
    weights = [maker.field("kernel", shared(3, 2)), maker.field("recurrent_kernel", shared(2, 2))]
    names = ["h", "x_t", "kernel", "recurrent_kernel"]
    output = maker.loop(step, [zeros(maker.w, 2)], [x], weights, names=names, reverse=reverse)
    return {"all": output("stack:0").named("hidden"), "last": output("last:0")}


def lstm(maker: LoopMaker, *, length: int = 4, reverse: bool = False) -> Made:
    """Keras's LSTM with a mask; h and c start as fields."""

    def step(carries: Parts, elements: Parts, constants: Parts) -> Steps:
        (h, c), (x, keep), (kernel, recurrent, bias) = carries, elements, constants
        spread = ops.broadcast(bias, shape=(8,), kind="sample")
        z = ops.add(ops.add(_dense(x, kernel), _dense(h, recurrent)), spread).named("z")
        i, f, g, o = (ops.slice(z, starts=(k,), stops=(k + 2,), steps=(1,)) for k in (0, 2, 4, 6))
        new = ops.add(ops.multiply(ops.sigmoid(f), c), ops.multiply(ops.sigmoid(i), ops.tanh(g))).named("new_c")
        kept = ops.broadcast(ops.reshape(keep, shape=(1,)), shape=(2,), kind="sample")
        out = ops.where(kept, ops.multiply(ops.sigmoid(o), ops.tanh(new)), h).named("h")
        return [out, ops.where(kept, new, c).named("c")], [out, new, c]

    x, mask = maker.field("x", sample(length, 3)), maker.field("mask", sample(length))
    mask = ops.greater(mask, filled(mask, 0.0))
    weights = [maker.field("kernel", shared(3, 8)), maker.field("recurrent", shared(2, 8)), maker.field("b", shared(8))]
    firsts = [maker.field("first_h", sample(2)), maker.field("first_c", sample(2))]
    names = ["h", "c", "x_t", "keep", "kernel", "recurrent_kernel", "bias"]
    output = maker.loop(step, firsts, [x, mask], weights, names=names, reverse=reverse)
    return {name: output(name) for name in ("stack:0", "stack:2", "stack:1", "last:1", "last:0")}


def swapped(maker: LoopMaker, *, length: int = 4, reverse: bool = False) -> Made:
    """Carries that change places; what they were before is kept."""

    def step(carries: Parts, elements: Parts, constants: Parts) -> Steps:
        a, b, c = carries
        return [b, a, ops.add(c, elements[0])], [a, ops.subtract(a, b), c]

    firsts = [maker.field("a", sample(2)), maker.field("b", sample(2)), maker.field("c", sample(2))]
    output = maker.loop(step, firsts, [maker.field("x", sample(length, 2))], reverse=reverse)
    return {name: output(name) for name in ("last:0", "last:1", "stack:0", "stack:1", "last:2", "stack:2")}


def turned(maker: LoopMaker, *, length: int = 4, reverse: bool = False) -> Made:
    """Carries whose new values are views of old ones, elements, constants and numbers."""

    def step(carries: Parts, elements: Parts, constants: Parts) -> Steps:
        a, b, c, d, e = carries
        after = [ops.transpose(b, permutation=(1, 0)), ops.transpose(a, permutation=(1, 0)), elements[0], constants[0]]
        return [*after, filled(e, 2.0)], [elements[0], c, d, ops.add(e, a)]

    types = [sample(2, 2)] * 5
    firsts = [maker.field(f"first_{k}", type) for k, type in enumerate(types)]
    x, same = maker.field("x", sample(length, 2, 2)), maker.field("same", sample(2, 2))
    output = maker.loop(step, firsts, [x], [same], reverse=reverse)
    return {what: output(what) for what in [*(f"last:{k}" for k in range(5)), *(f"stack:{k}" for k in range(4))]}


def shared_and_own(maker: LoopMaker, *, length: int = 4, reverse: bool = False) -> Made:
    """Carries and sequences of one number, shared and per sample, side by side; the batch is summed in each step."""

    def step(carries: Parts, elements: Parts, constants: Parts) -> Steps:
        (own, common, table), (x, y, rows), _ = carries, elements, constants
        common = ops.add(ops.multiply(common, y), ops.batch_sum(x))
        own = ops.add(ops.tanh(own), ops.broadcast(common, shape=(), kind="sample"))
        product = ops.einsum(table, rows, equation="ab,bc->ac", kind="shared")
        return [own, common, product], [ops.square(own), ops.negate(common), ops.tanh(product)]

    firsts = [zeros(maker.w), maker.w.constant(0.5, shared()), maker.field("table", shared(2, 2))]
    sequences = [
        maker.field("x", sample(length)),
        maker.field("y", shared(length)),
        maker.field("r", shared(length, 2, 2)),
    ]
    output = maker.loop(step, firsts, sequences, reverse=reverse)
    return {what: output(what) for what in ("last:0", "stack:0", "last:1", "stack:1", "last:2", "stack:2")}


def one_block(maker: LoopMaker, *, length: int = 4, reverse: bool = False) -> Made:
    """Elements and constants that ops want in one block, where they do not lie so."""

    def step(carries: Parts, elements: Parts, constants: Parts) -> Steps:
        (h,), (x,), (kernel,) = carries, elements, constants
        flat = ops.reshape(x, shape=(6,))
        part = ops.slice(x, starts=(0, 1), stops=(2, 3), steps=(1, 1))
        z = ops.add(_dense(flat, kernel), ops.reshape(part, shape=(4,)))
        return [ops.tanh(ops.add(h, z))], [ops.multiply(z, h), _dense(flat, kernel)]

    x = ops.transpose(maker.field("x", sample(2, length, 3)), permutation=(1, 0, 2))
    kernel = ops.transpose(maker.field("kernel", shared(4, 6)), permutation=(1, 0))
    output = maker.loop(step, [zeros(maker.w, 4)], [x], [kernel], reverse=reverse)
    return {what: output(what) for what in ("stack:0", "stack:1", "last:0")}


def two_loops(maker: LoopMaker, *, length: int = 4, reverse: bool = False) -> Made:
    """One over what the other kept, the other way."""
    first = simple_rnn(maker, length=length, reverse=reverse)

    def step(carries: Parts, elements: Parts, constants: Parts) -> Steps:
        new = ops.add(ops.multiply(carries[0], elements[0]), elements[1])
        return [new], [new]

    through = [first["all"], ops.tanh(first["all"])]
    output = maker.loop(step, [first["last"]], through, reverse=not reverse)
    return {**first, "again": output("last:0"), "all again": output("stack:0")}


def chained(maker: LoopMaker, *, length: int = 4, reverse: bool = False) -> Made:
    """Loops of which one alone reads what another kept: numbers, matrices, products of its elements."""

    def first(carries: Parts, elements: Parts, constants: Parts) -> Steps:
        new = ops.tanh(ops.add(carries[0], elements[0]))
        table = ops.broadcast(ops.reshape(new, shape=(1, 2)), shape=(3, 2), kind="sample")
        return [new], [new, ops.sum(new, axes=(0,)), ops.square(table), elements[0]]

    def second(carries: Parts, elements: Parts, constants: Parts) -> Steps:
        vector, count, table, x = elements
        flat = ops.reshape(table, shape=(6,))
        product = ops.einsum(vector, table, equation="b,ab->a", kind="sample")
        total = ops.add(ops.sum(product, axes=(0,)), ops.add(count, ops.sum(ops.multiply(vector, x), axes=(0,))))
        return [ops.add(ops.sum(flat, axes=(0,)), ops.multiply(total, carries[0]))], [total]

    output = maker.loop(first, [zeros(maker.w, 2)], [maker.field("x", sample(length, 2))], reverse=reverse)
    kept = [output(f"stack:{k}") for k in range(4)]
    output = maker.loop(second, [zeros(maker.w)], kept, reverse=not reverse)
    return {"last": output("last:0"), "all": output("stack:0")}


def within(maker: LoopMaker, *, length: int = 4, reverse: bool = False) -> Made:
    """A loop in the body of a loop."""

    def step(carries: Parts, elements: Parts, constants: Parts) -> Steps:
        def inner(own: Parts, parts: Parts, same: Parts) -> Steps:
            new = ops.tanh(ops.add(ops.add(own[0], parts[0]), same[0]))
            return [new], [ops.multiply(new, parts[0])]

        output = maker.loop(inner, [carries[0]], [elements[0]], [carries[0]], reverse=reverse)
        return [output("last:0")], [output("stack:0")]

    output = maker.loop(step, [zeros(maker.w, 2)], [maker.field("x", sample(length, 3, 2))], reverse=reverse)
    return {"last": output("last:0"), "all": output("stack:0")}


def _dense(x: Node, kernel: Node) -> Node:
    return ops.einsum(x, kernel, equation="a,ab->b", kind="sample")


MAKERS = (simple_rnn, lstm, swapped, turned, shared_and_own, one_block, two_loops, chained, within)


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("make", MAKERS)
def test_loops_compute_what_a_plain_loop_does(make: Callable[..., Made], reverse: bool, length: int) -> None:
    maker = LoopMaker()
    results = make(maker, length=length, reverse=reverse)
    program = maker.program(results)
    graph = program.trains[0].evaluation
    verify_schedule(plan_prediction(graph))
    fields = fields_of(results, N)
    expected = looped(results, fields, N)
    for level in (0, 1):
        found = predicted(program, fields, N, level=level)
        for name, array in expected.items():
            np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-12, err_msg=f"{name} at -O{level}")


@pytest.mark.parametrize("make", MAKERS)
def test_each_output_can_be_had_alone(make: Callable[..., Made]) -> None:
    names = list(make(LoopMaker()))
    for name in names:
        maker = LoopMaker()
        results = {name: make(maker)[name]}
        fields = fields_of(results, N)
        expected = looped(results, fields, N)[name]
        program = maker.program(results)
        verify_schedule(plan_prediction(program.trains[0].evaluation))
        for level in (0, 1):
            np.testing.assert_allclose(predicted(program, fields, N, level=level)[name], expected, rtol=1e-12)


def test_the_textbook_form_reads_like_one() -> None:
    maker = LoopMaker()
    assert """
        # loop: scan  (recurrent.nn:2)
        h = np.zeros((n, 2), real)
        loop_hidden = np.empty((n, 4, 2), real)
        for t in range(4):
            x_t = x[:, t]
            loop_z = x_t @ batch_sum_result + h @ batch_sum_result_2
            h = np.tanh(loop_z)
            loop_hidden[:, t] = h
        outputs["all"] = loop_hidden
        outputs["last"] = h
""" in mathematics(emit(maker.program({**simple_rnn(maker)}), level=0))


def test_the_planned_form_goes_through_views_and_computes_over_the_carry() -> None:
    maker = LoopMaker()
    text = mathematics(emit(maker.program({"last": simple_rnn(maker)["last"]})))
    assert "\n    x_by_time = [x[:, t] for t in range(4)]\n" in text
    assert (
        """
        # loop: scan  (recurrent.nn:2)
        last.fill(0.0)
        for x_t_2 in x_by_time:
            copyto(x_t, x_t_2)
            dot(last, batch_sum_result, out=h_einsum)
            dot(x_t, batch_sum_result_2, out=last)
            add(last, h_einsum, out=last)
            tanh(last, out=last)
"""
        in text
    )


def test_sequences_between_loops_are_neither_copied_nor_scattered() -> None:
    maker = LoopMaker()
    text = mathematics(emit(maker.program(chained(maker))))
    assert "loop_square_all = aligned((4, n, 3, 2), real)" in text
    assert "square(loop_reshape, out=loop_square_t)" in text
    assert "matmul(loop_square_t_2, loop_tanh_t_2_matrix, out=loop_einsum_matrix)" in text


@pytest.mark.parametrize("make", [lstm, swapped, turned, chained])
def test_a_planned_loop_allocates_no_array(make: Callable[..., Made]) -> None:
    maker, n = LoopMaker(), 1 << 15
    results = make(maker)
    fields = fields_of(results, n)
    module = load(emit(maker.program(results)))
    step = module.PROGRAM.trains["Recurrent"].prediction(n, module.PROGRAM.memory(0), 0)
    for name, array in step.inputs.items():
        array[...] = fields[name]
    with small_buffers(module):
        step.run(0, 1, 0)
        assert peak_of(lambda: step.run(0, 1, 0)) <= ALLOWED

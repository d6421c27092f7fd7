"""Every rewrite with the equation that it stands for: what it is given, and what must come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir import DType, Kind, TensorType
from nndsl.passes import algebra, choices, fold, movement, numerics, reductions, spreading
from tests.passes.graphs import Graph, spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndsl.ir import Node

    Case = tuple[Callable[..., Node | None], str, Callable[[Graph], Node], Callable[[Graph], Node]]


def times(x: Node, number: float) -> Node:
    return ops.multiply(x, full(x, number))


def plus(x: Node, number: float) -> Node:
    return ops.add(x, full(x, number))


def full(like: Node, number: float) -> Node:
    return ops.constant.make(like.builder, like.type, value=number)


def softmax_denominator(x: Node) -> Node:
    """sum(exp(x)) over the last axis, in the shape of x: [2, 3]."""
    return spread(ops.reshape(ops.sum(ops.exp(x), axes=(1,)), shape=(2, 1)), x)


def largest(x: Node) -> Node:
    """max(x) over the last axis, in the shape of x: [2, 3]."""
    return spread(ops.reshape(ops.stop_gradient(ops.max(x, axes=(1,))), shape=(2, 1)), x)


def shifted_logsumexp(x: Node) -> Node:
    return ops.add(
        ops.log(ops.sum(ops.exp(ops.subtract(x, largest(x))), axes=(1,))), ops.stop_gradient(ops.max(x, axes=(1,)))
    )


def shifted(g: Graph) -> Node:
    return ops.subtract(g.x(), spread(ops.reshape(ops.max(g.x(), axes=(1,)), shape=(2, 1)), g.x()))


def log_of_shifted(g: Graph) -> Node:
    return ops.log(ops.sum(ops.exp(shifted(g)), axes=(1,)))


def norm(x: Node) -> Node:
    s = ops.sum(ops.square(x), axes=(1,))
    zero = ops.equal(s, full(s, 0))
    return ops.where(zero, full(s, 0), ops.sqrt(ops.where(zero, full(s, 1), s)))


def samples(g: Graph) -> Node:
    return ops.from_step(ops.batch_size.make(g.builder, TensorType(DType.FLOAT, (), Kind.STEP)))


def part(x: Node, starts: tuple[int, int], stops: tuple[int, int], steps: tuple[int, int] = (1, 1)) -> Node:
    return ops.slice(x, starts=starts, stops=stops, steps=steps)


NUMERIC: list[Case] = [
    (numerics.log_of_one_plus, "log(1 + x) -> log1p(x)", lambda g: ops.log(plus(g.x(), 1)), lambda g: ops.log1p(g.x())),
    (
        numerics.log_of_one_plus,
        "log(1 + x) -> log1p(x), with the number first",
        lambda g: ops.log(ops.add(full(g.x(), 1), g.x())),
        lambda g: ops.log1p(g.x()),
    ),
    (
        numerics.softplus_of,
        "log1p(exp(x)) -> softplus(x)",
        lambda g: ops.log1p(ops.exp(g.x())),
        lambda g: ops.softplus(g.x()),
    ),
    (numerics.log_of_exp, "log(exp(x)) -> x", lambda g: ops.log(ops.exp(g.x())), lambda g: g.x()),
    (
        numerics.exp_minus_one,
        "exp(x) - 1 -> expm1(x)",
        lambda g: ops.subtract(ops.exp(g.x()), full(g.x(), 1)),
        lambda g: ops.expm1(g.x()),
    ),
    (
        numerics.exp_minus_one,
        "1 - exp(x) -> -expm1(x)",
        lambda g: ops.subtract(full(g.x(), 1), ops.exp(g.x())),
        lambda g: ops.negate(ops.expm1(g.x())),
    ),
    (
        numerics.log_of_sum_of_exp,
        "log(sum(exp(x))) -> log(sum(exp(x - max(x)))) + max(x)",
        lambda g: ops.log(ops.sum(ops.exp(g.x()), axes=(1,))),
        lambda g: shifted_logsumexp(g.x()),
    ),
    (
        numerics.log_of_softmax,
        "log(exp(x) / sum(exp(x))) -> x - log(sum(exp(x)))",
        lambda g: ops.log(ops.divide(ops.exp(g.x()), softmax_denominator(g.x()))),
        lambda g: ops.subtract(
            g.x(), spread(ops.reshape(ops.log(ops.sum(ops.exp(g.x()), axes=(1,))), shape=(2, 1)), g.x())
        ),
    ),
    (
        numerics.log_of_picked_softmax,
        "log(pick(softmax(x), i)) -> pick(log(softmax(x)), i)",
        lambda g: ops.log(ops.pick(ops.divide(ops.exp(g.x()), softmax_denominator(g.x())), g.i("i", 2))),
        lambda g: ops.pick(ops.log(ops.divide(ops.exp(g.x()), softmax_denominator(g.x()))), g.i("i", 2)),
    ),
    (
        numerics.sigmoid_of_tanh,
        "0.5 * tanh(0.5 * x) + 0.5 -> sigmoid(x)",
        lambda g: plus(ops.multiply(full(g.x(), 0.5), ops.tanh(ops.multiply(full(g.x(), 0.5), g.x()))), 0.5),
        lambda g: ops.sigmoid(g.x()),
    ),
    (
        numerics.sigmoid_of_exp,
        "1 / (1 + exp(-x)) -> sigmoid(x)",
        lambda g: ops.divide(full(g.x(), 1), ops.add(full(g.x(), 1), ops.exp(ops.negate(g.x())))),
        lambda g: ops.sigmoid(g.x()),
    ),
    (
        numerics.log_of_sigmoid,
        "log(sigmoid(x)) -> -softplus(-x)",
        lambda g: ops.log(ops.sigmoid(g.x())),
        lambda g: ops.negate(ops.softplus(ops.negate(g.x()))),
    ),
    (
        numerics.log_of_one_minus_sigmoid,
        "log(1 - sigmoid(x)) -> -softplus(x)",
        lambda g: ops.log(ops.subtract(full(g.x(), 1), ops.sigmoid(g.x()))),
        lambda g: ops.negate(ops.softplus(g.x())),
    ),
    (
        numerics.root_of_square,
        "sqrt(x^2) -> |x|",
        lambda g: ops.sqrt(ops.power(g.x(), full(g.x(), 2))),
        lambda g: ops.absolute(g.x()),
    ),
    (
        numerics.norm,
        "sqrt(sum(x^2)) -> where(s == 0, 0, sqrt(where(s == 0, 1, s)))",
        lambda g: ops.sqrt(ops.sum(ops.square(g.x()), axes=(1,))),
        lambda g: norm(g.x()),
    ),
]

ALGEBRAIC: list[Case] = [
    (algebra.splat_behind, "2 + x -> x + 2", lambda g: ops.add(full(g.x(), 2), g.x()), lambda g: plus(g.x(), 2)),
    (
        algebra.splat_behind,
        "rate * x -> x * rate",
        lambda g: ops.multiply(g.step_splat(g.h(), g.x()), g.x()),
        lambda g: ops.multiply(g.x(), g.step_splat(g.h(), g.x())),
    ),
    (algebra.add_zero, "x + 0 -> x", lambda g: plus(g.x(), 0), lambda g: g.x()),
    (
        algebra.add_negative,
        "a + -b -> a - b",
        lambda g: ops.add(g.x("a"), ops.negate(g.x("b"))),
        lambda g: ops.subtract(g.x("a"), g.x("b")),
    ),
    (
        algebra.add_negative,
        "-a + b -> b - a",
        lambda g: ops.add(ops.negate(g.x("a")), g.x("b")),
        lambda g: ops.subtract(g.x("b"), g.x("a")),
    ),
    (algebra.subtract_zero, "x - 0 -> x", lambda g: ops.subtract(g.x(), full(g.x(), 0)), lambda g: g.x()),
    (
        algebra.subtract_from_zero,
        "0 - x -> -x",
        lambda g: ops.subtract(full(g.x(), 0), g.x()),
        lambda g: ops.negate(g.x()),
    ),
    (
        algebra.subtract_negative,
        "a - -b -> a + b",
        lambda g: ops.subtract(g.x("a"), ops.negate(g.x("b"))),
        lambda g: ops.add(g.x("a"), g.x("b")),
    ),
    (
        algebra.subtract_itself,
        "i - i -> 0, of whole numbers",
        lambda g: ops.subtract(g.i(), g.i()),
        lambda g: full(g.i(), 0),
    ),
    (algebra.double_negation, "-(-x) -> x", lambda g: ops.negate(ops.negate(g.x())), lambda g: g.x()),
    (
        algebra.negated_difference,
        "-(a - b) -> b - a",
        lambda g: ops.negate(ops.subtract(g.x("a"), g.x("b"))),
        lambda g: ops.subtract(g.x("b"), g.x("a")),
    ),
    (
        algebra.negated_multiple,
        "-(x * 2) -> x * -2",
        lambda g: ops.negate(times(g.x(), 2)),
        lambda g: ops.multiply(g.x(), ops.negate(full(g.x(), 2))),
    ),
    (
        algebra.negated_multiple,
        "-(2 / x) -> -2 / x",
        lambda g: ops.negate(ops.divide(full(g.x(), 2), g.x())),
        lambda g: ops.divide(ops.negate(full(g.x(), 2)), g.x()),
    ),
    (
        algebra.sign_out_of_product,
        "-a * b -> -(a * b)",
        lambda g: ops.multiply(ops.negate(g.x("a")), g.x("b")),
        lambda g: ops.negate(ops.multiply(g.x("a"), g.x("b"))),
    ),
    (
        algebra.sign_out_of_product,
        "-a * -b -> a * b",
        lambda g: ops.multiply(ops.negate(g.x("a")), ops.negate(g.x("b"))),
        lambda g: ops.multiply(g.x("a"), g.x("b")),
    ),
    (
        algebra.sign_out_of_product,
        "-a * 2 -> a * -2",
        lambda g: times(ops.negate(g.x()), 2),
        lambda g: ops.multiply(g.x(), ops.negate(full(g.x(), 2))),
    ),
    (
        algebra.sign_out_of_quotient,
        "-a / b -> -(a / b)",
        lambda g: ops.divide(ops.negate(g.x("a")), g.x("b")),
        lambda g: ops.negate(ops.divide(g.x("a"), g.x("b"))),
    ),
    (
        algebra.sign_out_of_quotient,
        "a / -b -> -(a / b)",
        lambda g: ops.divide(g.x("a"), ops.negate(g.x("b"))),
        lambda g: ops.negate(ops.divide(g.x("a"), g.x("b"))),
    ),
    (
        algebra.sign_out_of_quotient,
        "-a / -b -> a / b",
        lambda g: ops.divide(ops.negate(g.x("a")), ops.negate(g.x("b"))),
        lambda g: ops.divide(g.x("a"), g.x("b")),
    ),
    (
        algebra.even_of_negative,
        "square(-x) -> square(x)",
        lambda g: ops.square(ops.negate(g.x())),
        lambda g: ops.square(g.x()),
    ),
    (
        algebra.even_of_negative,
        "square(|x|) -> square(x)",
        lambda g: ops.square(ops.absolute(g.x())),
        lambda g: ops.square(g.x()),
    ),
    (algebra.multiply_by_zero, "x * 0 -> 0", lambda g: times(g.x(), 0), lambda g: full(g.x(), 0)),
    (algebra.multiply_by_one, "x * 1 -> x", lambda g: times(g.x(), 1), lambda g: g.x()),
    (algebra.multiply_by_minus_one, "x * -1 -> -x", lambda g: times(g.x(), -1), lambda g: ops.negate(g.x())),
    (
        algebra.multiply_by_itself,
        "x * x -> square(x)",
        lambda g: ops.multiply(g.x(), g.x()),
        lambda g: ops.square(g.x()),
    ),
    (
        algebra.multiply_by_reciprocal,
        "a * (1 / b) -> a / b",
        lambda g: ops.multiply(g.x("a"), ops.reciprocal(g.x("b"))),
        lambda g: ops.divide(g.x("a"), g.x("b")),
    ),
    (
        algebra.multiply_by_reciprocal,
        "(1 / b) * a -> a / b",
        lambda g: ops.multiply(ops.divide(full(g.x("b"), 1), g.x("b")), g.x("a")),
        lambda g: ops.divide(g.x("a"), g.x("b")),
    ),
    (
        algebra.chain_of_factors,
        "(x * 2) * 3 -> x * (2 * 3)",
        lambda g: times(times(g.x(), 2), 3),
        lambda g: ops.multiply(g.x(), times(full(g.x(), 2), 3)),
    ),
    (
        algebra.chain_of_factors,
        "(2 / x) * 3 -> (2 * 3) / x",
        lambda g: times(ops.divide(full(g.x(), 2), g.x()), 3),
        lambda g: ops.divide(times(full(g.x(), 2), 3), g.x()),
    ),
    (
        algebra.product_of_multiples,
        "(a * 2) * (b * 3) -> (a * b) * (2 * 3)",
        lambda g: ops.multiply(times(g.x("a"), 2), times(g.x("b"), 3)),
        lambda g: ops.multiply(ops.multiply(g.x("a"), g.x("b")), times(full(g.x(), 2), 3)),
    ),
    (
        algebra.divide_by_splat,
        "x / 4 -> x * (1 / 4)",
        lambda g: ops.divide(g.x(), full(g.x(), 4)),
        lambda g: ops.multiply(g.x(), ops.divide(full(g.x(), 1), full(g.x(), 4))),
    ),
    (algebra.divide_by_one, "x / 1 -> x", lambda g: ops.divide(g.x(), full(g.x(), 1)), lambda g: g.x()),
    (algebra.divide_zero, "0 / x -> 0", lambda g: ops.divide(full(g.x(), 0), g.x()), lambda g: full(g.x(), 0)),
    (algebra.small_power, "x^0 -> 1", lambda g: ops.power(g.x(), full(g.x(), 0)), lambda g: full(g.x(), 1)),
    (algebra.small_power, "x^1 -> x", lambda g: ops.power(g.x(), full(g.x(), 1)), lambda g: g.x()),
    (algebra.small_power, "x^2 -> square(x)", lambda g: ops.power(g.x(), full(g.x(), 2)), lambda g: ops.square(g.x())),
    (
        algebra.small_power,
        "x^3 -> x * square(x)",
        lambda g: ops.power(g.x(), full(g.x(), 3)),
        lambda g: ops.multiply(g.x(), ops.square(g.x())),
    ),
    (
        algebra.small_power,
        "x^4 -> square(square(x))",
        lambda g: ops.power(g.x(), full(g.x(), 4)),
        lambda g: ops.square(ops.square(g.x())),
    ),
    (
        algebra.root_or_reciprocal_power,
        "x^0.5 -> sqrt(x)",
        lambda g: ops.power(g.x(), full(g.x(), 0.5)),
        lambda g: ops.sqrt(g.x()),
    ),
    (
        algebra.root_or_reciprocal_power,
        "x^-0.5 -> 1 / sqrt(x)",
        lambda g: ops.power(g.x(), full(g.x(), -0.5)),
        lambda g: ops.reciprocal(ops.sqrt(g.x())),
    ),
    (
        algebra.root_or_reciprocal_power,
        "x^-1 -> 1 / x",
        lambda g: ops.power(g.x(), full(g.x(), -1)),
        lambda g: ops.reciprocal(g.x()),
    ),
    (
        algebra.root_or_reciprocal_power,
        "x^-2 -> 1 / square(x)",
        lambda g: ops.power(g.x(), full(g.x(), -2)),
        lambda g: ops.reciprocal(ops.square(g.x())),
    ),
    (
        algebra.square_of_root,
        "sqrt(square(x)) -> |x|",
        lambda g: ops.sqrt(ops.square(g.x())),
        lambda g: ops.absolute(g.x()),
    ),
]

CHOOSING: list[Case] = [
    (
        choices.number_on_the_right,
        "0 < x -> x > 0",
        lambda g: ops.less(full(g.x(), 0), g.x()),
        lambda g: ops.greater(g.x(), full(g.x(), 0)),
    ),
    (choices.double_not, "not not a -> a", lambda g: ops.logical_not(ops.logical_not(g.c())), lambda g: g.c()),
    (choices.and_with_known, "a and true -> a", lambda g: ops.logical_and(g.c(), full(g.c(), True)), lambda g: g.c()),
    (
        choices.and_with_known,
        "false and a -> false",
        lambda g: ops.logical_and(full(g.c(), False), g.c()),
        lambda g: full(g.c(), False),
    ),
    (choices.and_with_known, "a and a -> a", lambda g: ops.logical_and(g.c(), g.c()), lambda g: g.c()),
    (choices.or_with_known, "a or false -> a", lambda g: ops.logical_or(g.c(), full(g.c(), False)), lambda g: g.c()),
    (
        choices.or_with_known,
        "a or true -> true",
        lambda g: ops.logical_or(g.c(), full(g.c(), True)),
        lambda g: full(g.c(), True),
    ),
    (
        choices.where_known,
        "where(true, a, b) -> a",
        lambda g: ops.where(full(g.c(), True), g.x("a"), g.x("b")),
        lambda g: g.x("a"),
    ),
    (
        choices.where_known,
        "where(false, a, b) -> b",
        lambda g: ops.where(full(g.c(), False), g.x("a"), g.x("b")),
        lambda g: g.x("b"),
    ),
    (choices.where_alike, "where(c, a, a) -> a", lambda g: ops.where(g.c(), g.x(), g.x()), lambda g: g.x()),
    (
        choices.where_not,
        "where(not c, a, b) -> where(c, b, a)",
        lambda g: ops.where(ops.logical_not(g.c()), g.x("a"), g.x("b")),
        lambda g: ops.where(g.c(), g.x("b"), g.x("a")),
    ),
    (
        choices.where_in_where,
        "where(c, where(c, a, b), d) -> where(c, a, d)",
        lambda g: ops.where(g.c(), ops.where(g.c(), g.x("a"), g.x("b")), g.x("d")),
        lambda g: ops.where(g.c(), g.x("a"), g.x("d")),
    ),
    (
        choices.where_in_where,
        "where(c, a, where(c, b, d)) -> where(c, a, d)",
        lambda g: ops.where(g.c(), g.x("a"), ops.where(g.c(), g.x("b"), g.x("d"))),
        lambda g: ops.where(g.c(), g.x("a"), g.x("d")),
    ),
    (
        choices.where_one_or_zero,
        "where(c, 1, 0) -> cast(c)",
        lambda g: ops.where(g.c(), full(g.x(), 1), full(g.x(), 0)),
        lambda g: ops.cast(g.c(), to="float"),
    ),
    (
        choices.where_above_zero,
        "where(x > 0, x, 0) -> maximum(x, 0)",
        lambda g: ops.where(ops.greater(g.x(), full(g.x(), 0)), g.x(), full(g.x(), 0)),
        lambda g: ops.maximum(g.x(), full(g.x(), 0)),
    ),
    (
        choices.where_above_zero,
        "where(x <= 0, 0, x) -> maximum(x, 0)",
        lambda g: ops.where(ops.less_equal(g.x(), full(g.x(), 0)), full(g.x(), 0), g.x()),
        lambda g: ops.maximum(g.x(), full(g.x(), 0)),
    ),
    (
        choices.where_above_multiple,
        "where(x > 0, x, x * 0.2) -> maximum(x, x * 0.2)",
        lambda g: ops.where(ops.greater(g.x(), full(g.x(), 0)), g.x(), times(g.x(), 0.2)),
        lambda g: ops.maximum(g.x(), times(g.x(), 0.2)),
    ),
    (choices.same_cast, "cast(x, to what it is) -> x", lambda g: ops.cast(g.x(), to="float"), lambda g: g.x()),
    (
        choices.cast_of_cast,
        "cast(cast(c, int), float) -> cast(c, float)",
        lambda g: ops.cast(ops.cast(g.c(), to="int"), to="float"),
        lambda g: ops.cast(g.c(), to="float"),
    ),
    (choices.stopped_gradient, "stop_gradient(x) -> x", lambda g: ops.stop_gradient(g.x()), lambda g: g.x()),
]

FOLDING: list[Case] = [
    (
        fold.known_arithmetic,
        "2 + 3 -> 5",
        lambda g: ops.add(full(g.x(), 2), full(g.x(), 3)),
        lambda g: full(g.x(), 5),
    ),
    (
        fold.known_arithmetic,
        "7 // 2 -> 3, of whole numbers",
        lambda g: ops.floor_divide(full(g.i(), 7), full(g.i(), 2)),
        lambda g: full(g.i(), 3),
    ),
    (
        fold.known_arithmetic,
        "where(true, 1, 2) -> 1",
        lambda g: ops.where(full(g.c(), True), full(g.x(), 1), full(g.x(), 2)),
        lambda g: full(g.x(), 1),
    ),
    (
        fold.known_arithmetic,
        "cast(2.5, int) -> 2",
        lambda g: ops.cast(full(g.x(), 2.5), to="int"),
        lambda g: full(g.i(), 2),
    ),
    (
        fold.known_arithmetic,
        "sqrt(4) -> 2 on the host",
        lambda g: ops.sqrt(full(g.h(), 4)),
        lambda g: full(g.h(), 2),
    ),
    (
        fold.arithmetic_on_host,
        "rate * 2 -> rate * 2 on the host",
        lambda g: times(g.step_splat(g.h(), g.x()), 2),
        lambda g: g.step_splat(times(g.h(), 2), g.x()),
    ),
    (
        fold.arithmetic_on_host,
        "rate > other -> rate > other on the host",
        lambda g: ops.greater(ops.from_step(g.h("rate")), ops.from_step(g.h("other"))),
        lambda g: ops.from_step(ops.greater(g.h("rate"), g.h("other"))),
    ),
    (
        fold.cast_of_known,
        "from_step(2) -> 2",
        lambda g: ops.from_step(full(g.h(), 2)),
        lambda g: full(g.one("w", Kind.SHARED), 2),
    ),
    (
        fold.movement_of_known,
        "reshape(2) -> 2",
        lambda g: ops.reshape(full(g.x(), 2), shape=(6,)),
        lambda g: full(g.x("x", 6), 2),
    ),
    (
        fold.movement_of_known,
        "concatenate(2, 2) -> 2",
        lambda g: ops.concatenate(full(g.x(), 2), full(g.x("x", 2, 1), 2), axis=1),
        lambda g: full(g.x("x", 2, 4), 2),
    ),
    (
        fold.lookup_in_known,
        "pick(2, i) -> 2",
        lambda g: ops.pick(full(g.x(), 2), g.i("i", 2)),
        lambda g: full(g.x("x", 2), 2),
    ),
    (
        fold.padded_zeros,
        "place(0, i) -> 0",
        lambda g: ops.place(full(g.x("x", 2), 0), g.i("i", 2), size=3),
        lambda g: full(g.x(), 0),
    ),
    (
        fold.sum_of_known,
        "sum(2) -> 2 * 3",
        lambda g: ops.sum(full(g.x(), 2), axes=(1,)),
        lambda g: full(g.x("x", 2), 6),
    ),
    (
        fold.sum_of_step_splat,
        "sum(rate) -> rate * 3",
        lambda g: ops.sum(g.step_splat(g.h(), g.x()), axes=(1,)),
        lambda g: g.step_splat(times(g.h(), 3), g.x("x", 2)),
    ),
    (
        fold.batch_sum_of_splat,
        "batch_sum(2) -> 2 * batch_size",
        lambda g: ops.batch_sum(full(g.x(), 2)),
        lambda g: spread(ops.from_step(ops.multiply(full(g.h(), 2), samples(g).inputs[0])), g.w()),
    ),
    (
        fold.product_with_zero,
        "einsum(0, x) -> 0",
        lambda g: ops.einsum(full(g.x("x", 2), 0), g.w("w", 2, 3), equation="a,ab->b", kind="sample"),
        lambda g: full(g.x("x", 3), 0),
    ),
]

SPREAD: list[Case] = [
    (spreading.same_broadcast, "broadcast(x, to what it is) -> x", lambda g: spread(g.x(), g.x()), lambda g: g.x()),
    (
        spreading.broadcast_of_broadcast,
        "broadcast(broadcast(x)) -> broadcast(x)",
        lambda g: spread(spread(g.w("w", 3), g.w()), g.x()),
        lambda g: spread(g.w("w", 3), g.x()),
    ),
    (
        spreading.broadcast_of_axes_in_front,
        "broadcast(reshape(x)) -> broadcast(x), for axes of length 1 in front",
        lambda g: spread(ops.reshape(g.x("x", 3), shape=(1, 3)), g.x()),
        lambda g: spread(g.x("x", 3), g.x()),
    ),
    (
        spreading.moved_broadcast_of_one,
        "reshape(broadcast(x)) -> broadcast(x), for x of one element",
        lambda g: ops.reshape(spread(g.one("x"), g.x()), shape=(6,)),
        lambda g: spread(g.one("x"), g.x("y", 6)),
    ),
    (
        spreading.moved_broadcast_of_one,
        "transpose(broadcast(x)) -> broadcast(x), for x of one element",
        lambda g: ops.transpose(spread(g.x("x", 1, 1), g.x()), permutation=(1, 0)),
        lambda g: spread(ops.reshape(g.x("x", 1, 1), shape=()), g.x("y", 3, 2)),
    ),
    (
        spreading.slice_of_repeated,
        "slice(broadcast(x)) -> broadcast(x), of repeated axes only",
        lambda g: ops.slice(spread(g.x("x", 3), g.x("y", 4, 3)), starts=(1, 0), stops=(3, 3), steps=(1, 1)),
        lambda g: spread(g.x("x", 3), g.x("y", 2, 3)),
    ),
    (
        spreading.elementwise_before_broadcast,
        "exp(broadcast(x)) -> broadcast(exp(x))",
        lambda g: ops.exp(spread(g.w("w", 3), g.x())),
        lambda g: spread(ops.exp(g.w("w", 3)), g.x()),
    ),
    (
        spreading.elementwise_before_broadcast,
        "broadcast(a) * broadcast(b) * 2 -> broadcast(a * b), each brought to [3]",
        lambda g: ops.multiply(spread(g.w("w", 3), g.x()), spread(g.one("o", Kind.SHARED), g.x())),
        lambda g: spread(ops.multiply(g.w("w", 3), spread(g.one("o", Kind.SHARED), g.w("w", 3))), g.x()),
    ),
    (
        spreading.sum_of_broadcast,
        "sum(broadcast(x)) -> x * 2, over a new axis",
        lambda g: ops.sum(spread(g.x("x", 3), g.x()), axes=(0,)),
        lambda g: times(g.x("x", 3), 2),
    ),
    (
        spreading.sum_of_broadcast,
        "sum(broadcast(x)) -> broadcast(sum(x)), over an own axis",
        lambda g: ops.sum(spread(g.w("w", 3), g.x()), axes=(0, 1)),
        lambda g: spread(times(ops.sum(g.w("w", 3), axes=(0,)), 2), g.one("o")),
    ),
    (
        spreading.largest_of_broadcast,
        "max(broadcast(x)) -> x, over a new axis",
        lambda g: ops.max(spread(g.x("x", 3), g.x()), axes=(0,)),
        lambda g: g.x("x", 3),
    ),
    (
        spreading.batch_sum_of_broadcast,
        "batch_sum(broadcast(w)) -> w * batch_size",
        lambda g: ops.batch_sum(spread(g.w(), g.x())),
        lambda g: ops.multiply(g.w(), spread(samples(g), g.w())),
    ),
    (
        spreading.batch_sum_of_broadcast,
        "batch_sum(broadcast(x)) -> broadcast(batch_sum(x))",
        lambda g: ops.batch_sum(spread(g.x("x", 3), g.x())),
        lambda g: spread(ops.batch_sum(g.x("x", 3)), g.w()),
    ),
]

MOVING: list[Case] = [
    (
        movement.same_reshape,
        "reshape(x, to its own shape) -> x",
        lambda g: ops.reshape(g.x(), shape=(2, 3)),
        lambda g: g.x(),
    ),
    (
        movement.reshape_of_reshape,
        "reshape(reshape(x)) -> reshape(x)",
        lambda g: ops.reshape(ops.reshape(g.x(), shape=(6,)), shape=(3, 2)),
        lambda g: ops.reshape(g.x(), shape=(3, 2)),
    ),
    (
        movement.reshape_of_moved_ones,
        "reshape(transpose(x)) -> reshape(x), where an axis of length 1 moved",
        lambda g: ops.reshape(ops.transpose(g.x("x", 2, 1, 3), permutation=(1, 0, 2)), shape=(6,)),
        lambda g: ops.reshape(g.x("x", 2, 1, 3), shape=(6,)),
    ),
    (
        movement.transpose_of_ones,
        "transpose(x, in order) -> x",
        lambda g: ops.transpose(g.x(), permutation=(0, 1)),
        lambda g: g.x(),
    ),
    (
        movement.transpose_of_ones,
        "transpose(x) -> reshape(x), where an axis of length 1 moves",
        lambda g: ops.transpose(g.x("x", 2, 1), permutation=(1, 0)),
        lambda g: ops.reshape(g.x("x", 2, 1), shape=(1, 2)),
    ),
    (
        movement.transpose_of_transpose,
        "transpose(transpose(x)) -> transpose(x)",
        lambda g: ops.transpose(ops.transpose(g.x("x", 2, 3, 4), permutation=(2, 0, 1)), permutation=(1, 0, 2)),
        lambda g: ops.transpose(g.x("x", 2, 3, 4), permutation=(0, 2, 1)),
    ),
    (
        movement.reverse_of_reverse,
        "reverse(reverse(x)) -> reverse(x)",
        lambda g: ops.reverse(ops.reverse(g.x(), axes=(0, 1)), axes=(0,)),
        lambda g: ops.reverse(g.x(), axes=(1,)),
    ),
    (
        movement.reverse_of_ones,
        "reverse(x) -> x, along an axis of length 1",
        lambda g: ops.reverse(g.x("x", 1, 2), axes=(0,)),
        lambda g: g.x("x", 1, 2),
    ),
    (movement.whole_slice, "x[:] -> x", lambda g: part(g.x(), (0, 0), (2, 3)), lambda g: g.x()),
    (
        movement.slice_of_slice,
        "x[1:6:2][1:3] -> x[3:6:2]",
        lambda g: part(part(g.x("x", 7, 3), (1, 0), (6, 3), (2, 1)), (1, 1), (3, 3)),
        lambda g: part(g.x("x", 7, 3), (3, 1), (6, 3), (2, 1)),
    ),
    (
        movement.slice_of_concatenate,
        "concatenate(a, b)[part of b] -> b[part]",
        lambda g: part(ops.concatenate(g.x("a"), g.x("b"), axis=1), (0, 3), (2, 5)),
        lambda g: part(g.x("b"), (0, 0), (2, 2)),
    ),
    (
        movement.slice_of_pad,
        "pad(x)[within x] -> x[part]",
        lambda g: part(ops.pad(g.x(), before=(1, 2), after=(0, 1)), (1, 3), (3, 5)),
        lambda g: part(g.x(), (0, 1), (2, 3)),
    ),
    (
        movement.pad_with_nothing,
        "pad(x, nothing) -> x",
        lambda g: ops.pad(g.x(), before=(0, 0), after=(0, 0)),
        lambda g: g.x(),
    ),
    (
        movement.pad_of_pad,
        "pad(pad(x)) -> pad(x)",
        lambda g: ops.pad(ops.pad(g.x(), before=(1, 0), after=(0, 2)), before=(1, 1), after=(0, 1)),
        lambda g: ops.pad(g.x(), before=(2, 1), after=(0, 3)),
    ),
    (movement.concatenate_of_one, "concatenate(x) -> x", lambda g: ops.concatenate(g.x(), axis=0), lambda g: g.x()),
    (
        movement.concatenate_of_all_parts,
        "concatenate(x[:1], x[1:]) -> x",
        lambda g: ops.concatenate(part(g.x(), (0, 0), (2, 1)), part(g.x(), (0, 1), (2, 3)), axis=1),
        lambda g: g.x(),
    ),
    (
        movement.concatenate_of_concatenate,
        "concatenate(concatenate(a, b), c) -> concatenate(a, b, c)",
        lambda g: ops.concatenate(ops.concatenate(g.x("a"), g.x("b"), axis=1), g.x("d"), axis=1),
        lambda g: ops.concatenate(g.x("a"), g.x("b"), g.x("d"), axis=1),
    ),
    (
        movement.sum_of_padded_neighbours,
        "pad(a) + pad(b) -> pad(concatenate(a, b)), side by side",
        lambda g: ops.add(
            ops.pad(g.x("b"), before=(0, 4), after=(0, 2)), ops.pad(g.x("a"), before=(0, 1), after=(0, 5))
        ),
        lambda g: ops.pad(ops.concatenate(g.x("a"), g.x("b"), axis=1), before=(0, 1), after=(0, 2)),
    ),
    (
        movement.pick_of_place,
        "pick(place(x, i), i) -> x",
        lambda g: ops.pick(ops.place(g.x("x", 2), g.i("i", 2), size=3), g.i("i", 2)),
        lambda g: g.x("x", 2),
    ),
]

REDUCING: list[Case] = [
    (
        reductions.reduction_of_ones,
        "sum(x) -> reshape(x), over an axis of length 1",
        lambda g: ops.sum(g.x("x", 2, 1), axes=(1,)),
        lambda g: ops.reshape(g.x("x", 2, 1), shape=(2,)),
    ),
    (
        reductions.sum_of_sum,
        "sum(sum(x)) -> sum(x)",
        lambda g: ops.sum(ops.sum(g.x("x", 2, 3, 4), axes=(1,)), axes=(1,)),
        lambda g: ops.sum(g.x("x", 2, 3, 4), axes=(1, 2)),
    ),
    (
        reductions.sum_of_all_reshaped,
        "sum(reshape(x)) -> sum(x)",
        lambda g: ops.sum(ops.reshape(g.x(), shape=(6,)), axes=(0,)),
        lambda g: ops.sum(g.x(), axes=(0, 1)),
    ),
    (
        reductions.sum_of_transposed,
        "sum(transpose(x)) -> transpose(sum(x))",
        lambda g: ops.sum(ops.transpose(g.x("x", 2, 3, 4), permutation=(2, 1, 0)), axes=(1,)),
        lambda g: ops.transpose(ops.sum(g.x("x", 2, 3, 4), axes=(1,)), permutation=(1, 0)),
    ),
    (
        reductions.sum_of_multiple,
        "sum(x * 2) -> sum(x) * 2",
        lambda g: ops.sum(times(g.x(), 2), axes=(1,)),
        lambda g: times(ops.sum(g.x(), axes=(1,)), 2),
    ),
    (
        reductions.sum_of_multiple,
        "batch_sum(x * rate) -> batch_sum(x) * rate",
        lambda g: ops.batch_sum(ops.multiply(g.x(), g.step_splat(g.h(), g.x()))),
        lambda g: ops.multiply(ops.batch_sum(g.x()), g.step_splat(g.h(), g.w())),
    ),
    (
        reductions.sum_of_negative,
        "sum(-x) -> -sum(x)",
        lambda g: ops.sum(ops.negate(g.x()), axes=(1,)),
        lambda g: ops.negate(ops.sum(g.x(), axes=(1,))),
    ),
    (
        reductions.product_of_multiple,
        "einsum(x * 2, y) -> einsum(x, y) * 2",
        lambda g: ops.einsum(times(g.x(), 2), g.w("w", 3, 2), equation="ab,bc->ac", kind="sample"),
        lambda g: times(ops.einsum(g.x(), g.w("w", 3, 2), equation="ab,bc->ac", kind="sample"), 2),
    ),
    (
        reductions.slice_of_product,
        'einsum("ab,bc->ac", x, y)[:, 1:3] -> einsum("ab,bc->ac", x, y[:, 1:3])',
        lambda g: ops.slice(
            ops.einsum(g.x(), g.w("w", 3, 4), equation="ab,bc->ac", kind="sample"),
            starts=(0, 1),
            stops=(2, 3),
            steps=(1, 1),
        ),
        lambda g: ops.einsum(
            g.x(),
            ops.slice(g.w("w", 3, 4), starts=(0, 1), stops=(3, 3), steps=(1, 1)),
            equation="ab,bc->ac",
            kind="sample",
        ),
    ),
    (
        reductions.product_of_transposed,
        'einsum("ab,bc->ac", transpose(x), y) -> einsum("ba,bc->ac", x, y)',
        lambda g: ops.einsum(
            ops.transpose(g.x("x", 3, 2), permutation=(1, 0)), g.w("w", 3, 4), equation="ab,bc->ac", kind="sample"
        ),
        lambda g: ops.einsum(g.x("x", 3, 2), g.w("w", 3, 4), equation="ba,bc->ac", kind="sample"),
    ),
    (
        reductions.transposed_product,
        'transpose(einsum("ab,bc->ac", x, y)) -> einsum("ab,bc->ca", x, y)',
        lambda g: ops.transpose(
            ops.einsum(g.x(), g.w("w", 3, 4), equation="ab,bc->ac", kind="sample"), permutation=(1, 0)
        ),
        lambda g: ops.einsum(g.x(), g.w("w", 3, 4), equation="ab,bc->ca", kind="sample"),
    ),
    (
        reductions.product_of_axis_of_one,
        'einsum("ab,bc->ac", x, y) -> reshape(einsum("b,bc->c", reshape(x), y)), for a of length 1',
        lambda g: ops.einsum(g.x("x", 1, 3), g.w("w", 3, 4), equation="ab,bc->ac", kind="sample"),
        lambda g: ops.reshape(
            ops.einsum(ops.reshape(g.x("x", 1, 3), shape=(3,)), g.w("w", 3, 4), equation="b,bc->c", kind="sample"),
            shape=(1, 4),
        ),
    ),
    (
        reductions.product_of_broadcast_samples,
        "einsum(broadcast(w), x) -> einsum(w, x)",
        lambda g: ops.einsum(spread(g.w(), g.x()), g.x("x", 3, 2), equation="ab,bc->ac", kind="sample"),
        lambda g: ops.einsum(g.w(), g.x("x", 3, 2), equation="ab,bc->ac", kind="sample"),
    ),
]

CROSS_ENTROPY: list[Case] = [
    (
        reductions.pick_before_shift,
        "log(sum(exp(x - m))) + m - pick(x, i) -> log(sum(exp(x - m))) - pick(x - m, i)",
        lambda g: ops.subtract(ops.add(log_of_shifted(g), ops.max(g.x(), axes=(1,))), ops.pick(g.x(), g.i("i", 2))),
        lambda g: ops.subtract(log_of_shifted(g), ops.pick(shifted(g), g.i("i", 2))),
    ),
]

SIMPLIFYING = [*ALGEBRAIC, *CHOOSING, *FOLDING, *SPREAD, *MOVING, *REDUCING, *CROSS_ENTROPY]

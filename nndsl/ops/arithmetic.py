"""Arithmetic: sums, products, quotients, roots, signs and steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.op import Domain
from nndsl.ops.elementwise import elementwise
from nndsl.ops.leaves import splat
from nndsl.ops.logic import equal, where
from nndsl.ops.rules import NUMBER, STEPS

if TYPE_CHECKING:
    from nndsl.ir.graph import Node

_APART = Domain(distinct=True)
_NOT_ZERO = Domain(avoid=(0.0,), margin=0.3)
_DIVISOR = Domain(low=1, high=9, integers=True)


# ------------------------------------------------------------------------------------------------ two operands


def _add_gradient(ct: Node, out: Node) -> tuple[Node, Node]:
    return ct, ct


add = elementwise(
    "add",
    "The sum `a + b`.",
    _add_gradient,
    "{0} + {1}",
    "add",
    "{0} + {1}",
    "{0} + {1}",
    operands=2,
    accepted=NUMBER,
)


def _subtract_gradient(ct: Node, out: Node) -> tuple[Node, Node]:
    return ct, negate(ct)


subtract = elementwise(
    "subtract",
    "The difference `a - b`.",
    _subtract_gradient,
    "{0} - {1}",
    "subtract",
    "{0} - {1}",
    "{0} - {1}",
    operands=2,
    accepted=NUMBER,
)


def _multiply_gradient(ct: Node, out: Node) -> tuple[Node, Node]:
    a, b = out.inputs
    return multiply(ct, b), multiply(ct, a)


multiply = elementwise(
    "multiply",
    "The product `a * b`, element by element.",
    _multiply_gradient,
    "{0} * {1}",
    "multiply",
    "{0} * {1}",
    "{0} * {1}",
    operands=2,
    accepted=NUMBER,
)


def _divide_gradient(ct: Node, out: Node) -> tuple[Node, Node]:
    by_numerator = divide(ct, out.inputs[1])
    return by_numerator, negate(multiply(by_numerator, out))


divide = elementwise(
    "divide",
    "The quotient `a / b`.",
    _divide_gradient,
    "{0} / {1}",
    "divide",
    "host_divide({0}, {1})",
    "{0} / {1}",
    operands=2,
    domains=(Domain(), _NOT_ZERO),
)
floor_divide = elementwise(
    "floor_divide",
    "The quotient `a // b`, rounded down to a whole number.",
    STEPS,
    "{0} // {1}",
    "floor_divide",
    "host(np.floor_divide, {0}, {1})",
    "floor_divide({0}, {1})",
    operands=2,
    accepted=NUMBER,
    domains=(Domain(low=-9, high=9), _DIVISOR),
)
remainder = elementwise(
    "remainder",
    "What is left of `a` after taking away `b` a whole number of times: `a % b`, with the sign of `b`.",
    lambda ct, out: (ct, negate(multiply(ct, floor_divide(*out.inputs)))),
    "{0} % {1}",
    "remainder",
    "host(np.remainder, {0}, {1})",
    "remainder_of({0}, {1})",
    operands=2,
    accepted=NUMBER,
    domains=(Domain(low=-7, high=7, avoid=tuple(range(-7, 8))), _DIVISOR),
)


def _larger_gradient(ct: Node, out: Node) -> tuple[Node, Node]:
    """The larger operand gets it all; where they tie, each gets half."""
    a, b = out.inputs
    none, half = splat(ct, 0.0), multiply(ct, splat(ct, 0.5))
    tied = equal(a, b)
    chosen = equal(a, out)
    return where(tied, half, where(chosen, ct, none)), where(tied, half, where(chosen, none, ct))


maximum = elementwise(
    "maximum",
    "The larger of `a` and `b`. Where they tie, each gets half of the gradient.",
    _larger_gradient,
    "np.maximum({0}, {1})",
    "maximum",
    "max({0}, {1})",
    "larger({0}, {1})",
    operands=2,
    accepted=NUMBER,
    spread=True,
    domains=(_APART, Domain(low=-2.05, high=1.95, distinct=True)),
)
minimum = elementwise(
    "minimum",
    "The smaller of `a` and `b`. Where they tie, each gets half of the gradient.",
    _larger_gradient,
    "np.minimum({0}, {1})",
    "minimum",
    "min({0}, {1})",
    "smaller({0}, {1})",
    operands=2,
    accepted=NUMBER,
    spread=True,
    domains=(_APART, Domain(low=-2.05, high=1.95, distinct=True)),
)


# ------------------------------------------------------------------------------------------------ one operand


def _negate_gradient(ct: Node, out: Node) -> tuple[Node]:
    return (negate(ct),)


negate = elementwise(
    "negate",
    "The same number with the other sign, `-x`.",
    _negate_gradient,
    "-{0}",
    "negative",
    "-{0}",
    "-{0}",
    accepted=NUMBER,
)
absolute = elementwise(
    "absolute",
    "The size of `x` without its sign. Its gradient at 0 is 0.",
    lambda ct, out: (multiply(ct, sign(out.inputs[0])),),
    "np.abs({0})",
    "absolute",
    "abs({0})",
    "absolute({0})",
    accepted=NUMBER,
    domains=(_NOT_ZERO,),
)
square = elementwise(
    "square",
    "`x` times itself.",
    lambda ct, out: (multiply(ct, multiply(splat(ct, 2.0), out.inputs[0])),),
    "{0} ** 2",
    "square",
    "{0} * {0}",
    "{0} * {0}",
    accepted=NUMBER,
)
sqrt = elementwise(
    "sqrt",
    "The square root. Its gradient grows without bound towards 0.",
    lambda ct, out: (divide(multiply(ct, splat(ct, 0.5)), out),),
    "np.sqrt({0})",
    "sqrt",
    "host_sqrt({0})",
    "sqrt({0})",
    domains=(Domain(low=0.3, high=3.0),),
)
reciprocal = elementwise(
    "reciprocal",
    "One divided by `x`.",
    lambda ct, out: (negate(multiply(ct, square(out))),),
    "1.0 / {0}",
    "reciprocal",
    "host_divide(1.0, {0})",
    "real(1) / {0}",
    domains=(_NOT_ZERO,),
)
sign = elementwise(
    "sign",
    "-1, 0 or 1: which side of 0 `x` is on.",
    STEPS,
    "np.sign({0})",
    "sign",
    "host(np.sign, {0})",
    "sign_of({0})",
    accepted=NUMBER,
    domains=(_NOT_ZERO,),
)
_BETWEEN = Domain(low=-2.9, high=2.9, avoid=(-2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5))
floor = elementwise(
    "floor",
    "The largest whole number that is not above `x`.",
    STEPS,
    "np.floor({0})",
    "floor",
    "host(np.floor, {0})",
    "floor({0})",
    domains=(_BETWEEN,),
)
ceil = elementwise(
    "ceil",
    "The smallest whole number that is not below `x`.",
    STEPS,
    "np.ceil({0})",
    "ceil",
    "host(np.ceil, {0})",
    "ceil({0})",
    domains=(_BETWEEN,),
)
round = elementwise(
    "round",
    "The whole number nearest to `x`; of two equally near, the even one.",
    STEPS,
    "np.round({0})",
    "rint",
    "host(np.rint, {0})",
    "rint({0})",
    domains=(_BETWEEN,),
)

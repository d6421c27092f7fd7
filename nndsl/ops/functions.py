"""Functions of one number: exponentials, logarithms, waves, the bell curve's; and powers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from nndsl.ir.op import Domain, GradientRule, NumpyRule, Op, Sample
from nndsl.ir.types import DType
from nndsl.ops.arithmetic import add, divide, multiply, negate, square, subtract
from nndsl.ops.elementwise import (
    TRANSCENDENTAL,
    constant_operand,
    elementwise,
    floats,
    on_device,
    samples_of,
    textbook,
)
from nndsl.ops.leaves import splat
from nndsl.ops.logic import equal, logical_and, where
from nndsl.ops.rules import FLOAT, elementwise_type
from nndsl.ops.text import dtype_text

if TYPE_CHECKING:
    from nndsl.ir.device import Element
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Emission
    from nndsl.ops.text import Define, Writer


def _function(
    name: str,
    documentation: str,
    gradient: Callable[[Node, Node, Node], Node],
    *,
    expression: str | None = None,
    planned: str | Writer | None = None,
    host: str | None = None,
    device: str | None = None,
    domain: Domain | None = None,
    scratch: bool = False,
    runtime: tuple[str, ...] = (),
) -> Op:
    """A smooth function of one number, NumPy's of that name unless said otherwise. gradient: (ct, x, out) -> by x."""
    rule: GradientRule = lambda ct, out: (gradient(ct, out.inputs[0], out),)  # noqa: E731  # its type is said here
    return elementwise(
        name,
        documentation,
        rule,
        expression or f"np.{name}({{0}})",
        planned or name,
        host or f"host(np.{name}, {{0}})",
        device or f"{name}({{0}})",
        domains=(domain or Domain(),),
        flops=TRANSCENDENTAL,
        scratch=scratch,
        runtime=runtime,
    )


def _times(ct: Node, factor: float) -> Node:
    return multiply(ct, splat(ct, factor))


def _one_minus(x: Node) -> Node:
    return subtract(splat(x, 1.0), x)


def _one_plus(x: Node) -> Node:
    return add(splat(x, 1.0), x)


# ------------------------------------------------------------------------------------------------ exponentials

exp = _function("exp", "e to the power of `x`.", lambda ct, x, out: multiply(ct, out), host="host_exp({0})")
expm1 = _function("expm1", "`exp(x) - 1`, exact for small `x` too.", lambda ct, x, out: multiply(ct, _one_plus(out)))
log = _function(
    "log",
    "The natural logarithm of `x`, a positive number.",
    lambda ct, x, out: divide(ct, x),
    host="host_log({0})",
    domain=Domain(low=0.3, high=3.0),
)
log1p = _function(
    "log1p",
    "`log(1 + x)`, exact for small `x` too.",
    lambda ct, x, out: divide(ct, _one_plus(x)),
    domain=Domain(low=-0.5, high=2.0),
)


def _write_sigmoid(e: Emission, define: Define) -> list[str]:
    (x,) = e.operands
    half = define("half", f"np.array(0.5, {dtype_text(e)})")
    return [
        f"np.multiply({x}, {half}, out={e.out})",
        f"np.tanh({e.out}, out={e.out})",
        f"np.multiply({e.out}, {half}, out={e.out})",
        f"np.add({e.out}, {half}, out={e.out})",
    ]


sigmoid = _function(
    "sigmoid",
    "`1 / (1 + exp(-x))`, computed as `0.5 * tanh(0.5 * x) + 0.5`, which can't overflow.",
    lambda ct, x, out: multiply(ct, multiply(out, _one_minus(out))),
    expression="0.5 * np.tanh(0.5 * {0}) + 0.5",
    planned=_write_sigmoid,
    host="0.5 * math.tanh(0.5 * {0}) + 0.5",
    device="real(0.5) * tanh(real(0.5) * {0}) + real(0.5)",
)


def _write_softplus(e: Emission, define: Define) -> list[str]:
    (x,), (s,) = e.operands, e.scratch
    return [
        f"np.absolute({x}, out={s})",
        f"np.negative({s}, out={s})",
        f"np.exp({s}, out={s})",
        f"np.log1p({s}, out={s})",
        f"np.maximum({x}, 0.0, out={e.out})",
        f"np.add({e.out}, {s}, out={e.out})",
    ]


softplus = _function(
    "softplus",
    "`log(1 + exp(x))`, computed as `max(x, 0) + log1p(exp(-|x|))`, which can't overflow.",
    lambda ct, x, out: multiply(ct, sigmoid(x)),
    expression="np.logaddexp(0.0, {0})",
    planned=_write_softplus,
    host="host(np.logaddexp, 0.0, {0})",
    device="larger({0}, real(0)) + log1p(exp(-absolute({0})))",
    scratch=True,
)


# ------------------------------------------------------------------------------------------------ waves

sin = _function("sin", "The sine of `x`, in radians.", lambda ct, x, out: multiply(ct, cos(x)))
cos = _function("cos", "The cosine of `x`, in radians.", lambda ct, x, out: negate(multiply(ct, sin(x))))
tan = _function(
    "tan",
    "The tangent of `x`, in radians.",
    lambda ct, x, out: multiply(ct, _one_plus(square(out))),
    domain=Domain(low=-1.2, high=1.2),
)
tanh = _function(
    "tanh",
    "The hyperbolic tangent: an S between -1 and 1.",
    lambda ct, x, out: multiply(ct, _one_minus(square(out))),
    host="math.tanh({0})",
)


# ------------------------------------------------------------------------------------------------ the bell curve

erf = _function(
    "erf",
    "The error function: the share of a normal distribution within `x * sqrt(2)` deviations of its mean.",
    lambda ct, x, out: multiply(_times(ct, 2.0 / math.sqrt(math.pi)), exp(negate(square(x)))),
    expression="erf({0})",
    planned=lambda e, define: [f"erf({e.operands[0]}, out={e.out})"],
    host="math.erf({0})",
    runtime=("erf",),
)
normal_quantile = _function(
    "normal_quantile",
    "Where a standard normal distribution has the share `x` of its values below; `x` is between 0 and 1.",
    lambda ct, x, out: multiply(_times(ct, math.sqrt(2 * math.pi)), exp(_times(square(out), 0.5))),
    expression="normal_quantile({0})",
    planned=lambda e, define: [f"normal_quantile({e.operands[0]}, out={e.out})"],
    host="host(normal_quantile, {0})",
    domain=Domain(low=0.05, high=0.95),
    runtime=("normal_quantile",),
)


# ------------------------------------------------------------------------------------------------ powers


def _power_gradient(ct: Node, out: Node) -> tuple[Node | None, Node | None]:
    base, exponent = out.inputs
    value = constant_operand(out, 1)
    if value is not None:
        return _constant_power_gradient(ct, base, value), None
    zero, one = splat(ct, 0.0), splat(ct, 1.0)
    at_zero = equal(base, zero)
    # x^0 is 1 everywhere, so its slope is 0 even at 0, where x^(0 - 1) has no value.
    lowered = where(logical_and(at_zero, equal(exponent, zero)), one, subtract(exponent, one))
    by_base = multiply(ct, multiply(exponent, power(base, lowered)))
    # 0^y stays 0 when y moves, and log(0) would spoil that.
    return by_base, multiply(ct, multiply(out, log(where(at_zero, one, base))))


def _constant_power_gradient(ct: Node, base: Node, exponent: float) -> Node | None:
    if exponent == 0:
        return None
    if exponent == 1:
        return ct
    lowered = base if exponent == 2 else power(base, splat(ct, exponent - 1))
    return multiply(ct, multiply(splat(ct, exponent), lowered))


def _power_text(e: Emission) -> str:
    base, exponent = e.operands
    value = constant_operand(e.node, 1)
    if value is not None and value.is_integer() and abs(value) < 100:
        exponent = str(int(value))
    return f"{base} ** {exponent}"


_POWER_UFUNCS = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"}


def _power_statements(e: Emission) -> list[str]:
    base, exponent = e.operands
    value = constant_operand(e.node, 1)
    if value == 1:
        return [f"np.copyto({e.out}, {base})"]
    if value in _POWER_UFUNCS:
        return [f"np.{_POWER_UFUNCS[value]}({base}, out={e.out})"]
    return [f"np.power({base}, {exponent}, out={e.out})"]


_DEVICE_POWERS = {1.0: "{0}", 2.0: "{0} * {0}", 3.0: "{0} * {0} * {0}", 0.5: "sqrt({0})", -1.0: "real(1) / {0}"}


def _power_on_device(e: Element) -> str:
    base = e.operand(0)
    known = _DEVICE_POWERS.get(constant_operand(e.node, 1) or 0.0)
    return known.format(base) if known is not None else f"pow({base}, {e.operand(1)})"


def _power_host(e: Emission) -> str:
    """`beta_1 ** step` where it can't fail: a base of at most 1 raised to the number of a step, from 1."""
    base, exponent = e.operands
    value = constant_operand(e.node, 0)
    if value is not None and abs(value) <= 1 and e.node.inputs[1].op.name == "step":
        return f"{base} ** {exponent}"
    return f"host_power({base}, {exponent})"


_POSITIVE = Domain(low=0.3, high=2.0)
power = Op(
    name="power",
    documentation="`base ^ exponent`. The gradient of a constant power is right at 0 too; by the exponent it is "
    "`out * log(base)`, which wants a base that is not negative.",
    type_rule=elementwise_type("power", 2, FLOAT, None),
    gradient=_power_gradient,
    numpy=NumpyRule(
        textbook(_power_text),
        statements=_power_statements,
        in_place=(0, 1),
        host=_power_host,
        runtime=("host_power",),
    ),
    flops=lambda node: TRANSCENDENTAL * node.type.size,
    cupy=on_device(_power_on_device),
    samples=(
        *samples_of([DType.FLOAT] * 2, (_POSITIVE, Domain())),
        Sample((floats(3), floats(3)), (_POSITIVE, Domain(low=0, high=3, integers=True))),
    ),
    elementwise=True,
)

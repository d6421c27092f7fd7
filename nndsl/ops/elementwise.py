"""How elementwise ops are made: each element of the result depends on the same element of every operand.

Operands are of one number type, shape and kind: broadcasting is an op of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nndsl.ir.device import Pointwise
from nndsl.ir.op import Domain, GradientRule, NoGradient, Op, Sample
from nndsl.ir.types import DType, Kind, TensorType
from nndsl.ops.rules import FLOAT, elementwise_type
from nndsl.ops.text import Line, Writer, filled, is_constant, is_literal, like, workspace_rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndsl.ir.device import Element
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Emission

ARITHMETIC = 1
"""Floating-point operations of an addition."""

TRANSCENDENTAL = 10
"""Floating-point operations that an exponential, a logarithm and the like are counted as."""


def floats(*shape: int, kind: Kind = Kind.SAMPLE) -> TensorType:
    """Type of a test input: floats, per sample unless said otherwise."""
    return TensorType(DType.FLOAT, shape, kind)


def ints(*shape: int, kind: Kind = Kind.SAMPLE) -> TensorType:
    """Type of a test input: whole numbers."""
    return TensorType(DType.INT, shape, kind)


def bools(*shape: int, kind: Kind = Kind.SAMPLE) -> TensorType:
    """Type of a test input: truth values."""
    return TensorType(DType.BOOL, shape, kind)


def samples_of(types: Sequence[DType], domains: Sequence[Domain]) -> tuple[Sample, ...]:
    """Samples of an elementwise op: a matrix per sample, a shared vector, scalars of both kinds."""
    shapes = (((2, 3), Kind.SAMPLE), ((4,), Kind.SHARED), ((), Kind.SHARED), ((), Kind.SAMPLE))
    return tuple(
        Sample(tuple(TensorType(dtype, shape, kind) for dtype in types), tuple(domains)) for shape, kind in shapes
    )


def from_template(template: str) -> Line:
    """A rule's source from a format string over the operands: `"{0} + {1}"`."""
    return lambda e: template.format(*e.operands)


def textbook(line: Line) -> Line:
    """A textbook expression, made an array where every operand is a bare number."""

    def rule(e: Emission) -> str:
        expression = line(e)
        return filled(e, expression) if all(map(is_literal, e.operands)) else expression

    return rule


def ufunc(name: str) -> Writer:
    """The planned form of an op that is one of NumPy's ufuncs."""
    return lambda e, define: [f"np.{name}({', '.join(e.operands)}, out={e.out})"]


def elementwise(
    name: str,
    documentation: str,
    gradient: GradientRule | NoGradient,
    expression: str | Line,
    planned: str | Writer,
    host: str | None,
    device: str | Callable[[Element], str],
    *,
    operands: int = 1,
    accepted: Sequence[DType] = FLOAT,
    result: DType | None = None,
    domains: Sequence[Domain] = (),
    flops: int = ARITHMETIC,
    scratch: bool = False,
    in_place: tuple[int, ...] | None = None,
    runtime: tuple[str, ...] = (),
    spread: bool = False,
) -> Op:
    """An elementwise op over `operands` operands of one type.

    expression, host, device: format strings over the operands (`device` in C), or the rule. planned: a ufunc's name, or
    the rule. result: the result's number type, None for the operands'. domains: one for each operand (the last for the
    rest). scratch: whether the planned form needs a buffer like the result. in_place: None for every operand of its
    type. spread: as `NumpyRule` has it.
    """
    line = from_template(expression) if isinstance(expression, str) else expression
    domains = [*domains, *[(domains or [Domain()])[-1]] * (operands - len(domains))]
    sampled = tuple(sample for dtype in accepted for sample in samples_of([dtype] * operands, domains))
    if in_place is None:
        in_place = () if result is not None else tuple(range(operands))
    return Op(
        name=name,
        documentation=documentation,
        type_rule=elementwise_type(name, operands, accepted, result),
        gradient=gradient,
        numpy=workspace_rule(
            textbook(line),
            ufunc(planned) if isinstance(planned, str) else planned,
            scratch=(lambda node: (like(node.type),)) if scratch else None,
            in_place=in_place,
            host=None if host is None else from_template(host),
            spread=spread,
            runtime=runtime + (() if host is None else host_functions(host)),
        ),
        flops=lambda node: flops * node.type.size,
        cupy=on_device(device),
        samples=sampled,
        elementwise=True,
    )


def on_device(device: str | Callable[[Element], str]) -> Pointwise:
    """The rule of an elementwise op: a format string over its operands in C, or what writes that."""
    if not isinstance(device, str):
        return Pointwise(device)
    return Pointwise(lambda e: device.format(*(e.operand(k) for k in range(len(e.node.inputs)))))


def host_functions(host: str) -> tuple[str, ...]:
    """Names of the runtime's functions that a host expression calls."""
    name = host.partition("(")[0]
    return (name,) if name == "host" or name.startswith("host_") else ()


def constant_operand(node: Node, position: int) -> float | None:
    """The number that operand `position` is everywhere, or None where it isn't known."""
    operand = node.inputs[position]
    if not is_constant(operand):
        return None
    value = operand["value"]
    return float(value) if isinstance(value, int | float) else None

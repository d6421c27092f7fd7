"""Draws: leaves whose numbers depend on the seed, the site in the program, the step and the sample alone.

The source calls `uniform`, `normal` and `bernoulli` of `nndsl.runtime.standalone.random`, which fill `out`:
`uniform(out, seed, SITE, step, first)` for a draw of each sample (`out` is [n, ...]; `seed`, `step` and `first`, the
position of the batch's first sample, are in scope), `uniform(out, seed, SITE, 0, 0, shared=True)` for one draw shared
by all. SITE is a whole number, `site_key` of the site's name. The textbook form needs them to return `out`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.device import Pointwise
from nndsl.ir.op import NoGradient, NumpyRule, Op
from nndsl.ir.types import Kind
from nndsl.ops.elementwise import TRANSCENDENTAL
from nndsl.ops.rules import real, text
from nndsl.ops.text import empty

if TYPE_CHECKING:
    from nndsl.ir.device import Element
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ir.types import TensorType


def site_key(site: str) -> int:
    """The number of a random site in the generator's key, as `nndsl.runtime.standalone.random` has it."""
    import hashlib

    return int.from_bytes(hashlib.blake2b(site.encode(), digest_size=8).digest(), "little")


def _given_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    raise InternalError("ops: the type of a draw is given, not computed")


def _draw(name: str, documentation: str, function: str, *attributes: str) -> Op:
    def call(e: Emission, out: str) -> str:
        shared = e.node.type.kind is not Kind.SAMPLE
        arguments = [out, "seed", str(site_key(text(e.node, "site"))), *(("0", "0") if shared else ("step", "first"))]
        arguments += [f"{attribute}={real(e.node, attribute)!r}" for attribute in attributes]
        return f"{function}({', '.join(arguments)}{', shared=True' if shared else ''})"

    def element(e: Element) -> str:
        more = "".join(f", {round(real(e.node, each) * 65536)}u" for each in attributes)
        return f"{function}_at({e.draw}, {e.flat_of_sample}, {e.node.type.size}{more})"

    return Op(
        name=name,
        documentation=documentation,
        type_rule=_given_type,
        gradient=NoGradient("it is drawn, not computed"),
        numpy=NumpyRule(lambda e: call(e, empty(e)), statements=lambda e: [call(e, e.out)], runtime=(function,)),
        flops=lambda node: TRANSCENDENTAL * node.type.size,
        cupy=Pointwise(element),
        leaf=True,
        attributes=("site", *attributes),
    )


random_uniform = _draw("random_uniform", "Numbers drawn evenly from 0 to 1.", "uniform")
random_normal = _draw(
    "random_normal", "Numbers drawn from the normal distribution of mean 0 and deviation 1.", "normal"
)
random_bernoulli = _draw(
    "random_bernoulli", "Truth values, each true with the given probability.", "bernoulli", "probability"
)

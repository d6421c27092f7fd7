"""Products summed over axes: matrix products of every shape, as one op; and orthogonal matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.device import NotOnDevice, Product
from nndsl.ir.op import Along, NoGradient, NumpyRule, Op, RuleError, Sample
from nndsl.ir.types import DType, Kind, TensorType
from nndsl.ops.elementwise import floats
from nndsl.ops.products import BLOCKS, contraction_of, einsum_text, parse_equation, product_scratch, write_product
from nndsl.ops.rules import FLOAT, counted, kind_name, kind_of, not_step, takes, text
from nndsl.ops.text import over_arrays, workspace_rule

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Attributes
_SHARED, _SAMPLE = Kind.SHARED, Kind.SAMPLE
_SAMPLED = (
    # matrix products as layers make them, forward and backward
    ("a,ab->b", (3,), _SAMPLE, (3, 4), _SHARED, "sample"),
    ("b,ab->a", (4,), _SAMPLE, (3, 4), _SHARED, "sample"),
    ("a,b->ab", (3,), _SAMPLE, (4,), _SAMPLE, "shared"),
    ("ta,ab->tb", (2, 3), _SAMPLE, (3, 4), _SHARED, "sample"),
    ("ta,tb->ab", (2, 3), _SAMPLE, (2, 4), _SAMPLE, "shared"),
    ("ab,bc->ac", (2, 3), _SHARED, (3, 4), _SHARED, "shared"),
    ("ab,b->a", (2, 3), _SHARED, (3,), _SHARED, "shared"),
    ("a,a->", (3,), _SHARED, (3,), _SHARED, "shared"),
    ("a,a->", (3,), _SAMPLE, (3,), _SHARED, "sample"),
    # a product for each sample
    ("ab,bc->ac", (2, 3), _SAMPLE, (3, 4), _SAMPLE, "sample"),
    ("ab,cb->ac", (2, 3), _SAMPLE, (4, 3), _SAMPLE, "sample"),
    ("hab,hcb->hac", (2, 2, 3), _SAMPLE, (2, 4, 3), _SAMPLE, "sample"),
    ("ahb,chb->hac", (3, 2, 2), _SAMPLE, (4, 2, 2), _SAMPLE, "sample"),
    ("a,ab->b", (3,), _SAMPLE, (3, 4), _SAMPLE, "sample"),
    ("ab,b->a", (2, 3), _SAMPLE, (3,), _SAMPLE, "sample"),
    ("a,a->", (3,), _SAMPLE, (3,), _SAMPLE, "sample"),
    ("ab,ab->", (2, 3), _SAMPLE, (2, 3), _SAMPLE, "shared"),
    ("ab,ab->b", (2, 3), _SAMPLE, (2, 3), _SAMPLE, "sample"),
    # nothing is summed
    ("a,b->ab", (2,), _SAMPLE, (3,), _SAMPLE, "sample"),
    ("a,b->ba", (2,), _SHARED, (3,), _SAMPLE, "sample"),
    ("ab,b->ba", (2, 3), _SAMPLE, (3,), _SHARED, "sample"),
    # axes that stand apart and have to be copied together
    ("abc,adc->bd", (2, 3, 4), _SHARED, (2, 5, 4), _SHARED, "shared"),
    ("abc,cad->bd", (2, 3, 4), _SAMPLE, (4, 2, 5), _SHARED, "sample"),
    ("ab,bca->c", (2, 3), _SAMPLE, (3, 4, 2), _SAMPLE, "sample"),
    ("abc,bd->adc", (2, 3, 4), _SAMPLE, (3, 2), _SHARED, "sample"),
    ("ab,acb->cb", (2, 3), _SAMPLE, (2, 2, 3), _SAMPLE, "sample"),
)

# ------------------------------------------------------------------------------------------------ types


def _einsum_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("einsum", types, 2)
    not_step("einsum", *types)
    left, right, out = parse_equation(text(attributes, "equation"))
    kind = kind_of(attributes)
    sizes: dict[str, tuple[int, int]] = {}
    for position, (letters, type) in enumerate(zip((left, right), types, strict=True)):
        takes("einsum", type, FLOAT, position)
        if len(letters) != type.rank:
            raise RuleError(f'"{letters}" names {len(letters)} axes, and {type.shape_text} has {type.rank}', position)
        for letter, size in zip(letters, type.shape, strict=True):
            known, where = sizes.setdefault(letter, (size, position))
            if known != size:
                raise RuleError(f"{known} is not {size}", where, position)
    _check_letters(left, right, out)
    kinds = {type.kind for type in types}
    if kind is Kind.SAMPLE and Kind.SAMPLE not in kinds:
        raise RuleError("neither operand is per sample, so the result can't be", 0, 1)
    if kind is Kind.SHARED and len(kinds) > 1:
        raise RuleError("a sum over the samples needs both operands per sample", 0, 1)
    return TensorType(types[0].dtype, tuple(sizes[letter][0] for letter in out), kind)


def _check_letters(left: str, right: str, out: str) -> None:
    for position, letters in enumerate((left, right)):
        if len(set(letters)) != len(letters):
            raise RuleError(f'an axis is named twice in "{letters}"', position, help="take the diagonal first")
        other = right if position == 0 else left
        lonely = [letter for letter in letters if letter not in other and letter not in out]
        if lonely:
            raise RuleError(f'axis "{lonely[0]}" is in neither the other operand nor the result', position)
    unknown = [letter for letter in out if letter not in left and letter not in right]
    if unknown or len(set(out)) != len(out):
        raise RuleError(f'the result "{out}" can only have axes of the operands, each once', 0, 1)


def _einsum_gradient(ct: Node, out: Node) -> tuple[Node, Node]:
    left, right, result = parse_equation(text(out, "equation"))
    a, b = out.inputs
    return (
        einsum(ct, b, equation=f"{result},{right}->{left}", kind=kind_name(a.type.kind)),
        einsum(ct, a, equation=f"{result},{left}->{right}", kind=kind_name(b.type.kind)),
    )


def _flops(node: Node) -> int:
    c = contraction_of(node)
    size = 1
    for _, length in c.sizes:
        size *= length or 1
    return size * (2 if c.summed else 1)


def _by_time(node: Node, by_time: tuple[bool, ...]) -> NumpyRule | None:
    """One product of matrices with the samples' axis where it is; None where there would be a stack of them."""
    if not contraction_of(node, by_time).is_one_product:
        return None
    return workspace_rule(
        einsum_text,
        lambda e, define: write_product(e, define, by_time),
        scratch=lambda node: product_scratch(node, by_time),
        contiguous=(0, 1),
        runtime=BLOCKS,
    )


def _along(node: Node, axes: tuple[int | None, ...]) -> Along | None:
    """An axis that is not summed over."""
    left, right, out = parse_equation(text(node, "equation"))
    letters = {names[axis] for names, axis in zip((left, right), axes, strict=True) if axis is not None}
    if len(letters) != 1 or not letters <= set(out):
        return None
    (letter,) = letters
    return Along(out.index(letter), tuple(names.index(letter) if letter in names else None for names in (left, right)))


einsum = Op(
    name="einsum",
    documentation="The product of two values, summed over the axes whose letters are missing in the result: "
    '`einsum("ab,bc->ac", x, y)` is the matrix product. The samples\' axis is never written.',
    type_rule=_einsum_type,
    gradient=_einsum_gradient,
    numpy=over_arrays(
        workspace_rule(
            einsum_text,
            write_product,
            scratch=product_scratch,
            contiguous=(0, 1),
            runtime=BLOCKS,
            by_time=_by_time,
        )
    ),
    flops=_flops,
    cupy=Product(),
    samples=tuple(
        Sample((TensorType(DType.FLOAT, a, ka), TensorType(DType.FLOAT, b, kb)), (), {"equation": eq, "kind": kind})
        for eq, a, ka, b, kb, kind in _SAMPLED
    ),
    attributes=("equation", "kind"),
    along=_along,
)


# ------------------------------------------------------------------------------------------------ orthogonal matrices


def _orthogonalize_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("orthogonalize", types, 1)
    (type,) = types
    takes("orthogonalize", type, FLOAT)
    if type.rank != 2 or type.kind is not Kind.SHARED:
        raise RuleError(f"`orthogonalize` takes one matrix, shared by all samples, not {type}", 0)
    return type


orthogonalize = Op(
    name="orthogonalize",
    documentation="The matrix with its columns (or rows, if there are fewer) made orthogonal and of length 1: Q of its "
    "QR decomposition, with the signs that make it unique. For initial weights.",
    type_rule=_orthogonalize_type,
    gradient=NoGradient("it is there to draw initial weights", zero=False),
    numpy=over_arrays(
        NumpyRule(
            lambda e: f"orthogonalize({e.operands[0]})",
            statements=lambda e: [f"np.copyto({e.out}, orthogonalize({e.operands[0]}))"],
            runtime=("orthogonalize",),
        )
    ),
    flops=lambda node: 2 * node.type.size * min(node.type.shape),
    cupy=NotOnDevice("initial weights are drawn on the host"),
    samples=tuple(Sample((floats(*shape, kind=Kind.SHARED),)) for shape in ((3, 3), (4, 2), (2, 5))),
)

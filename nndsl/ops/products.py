"""How `einsum` is written in NumPy: `x @ kernel` and its kin where axes stand so, copies into order where not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.types import Kind
from nndsl.ops.contraction import Contraction, Gemm, Matrix, sizes_text
from nndsl.ops.rules import text
from nndsl.ops.text import derived, reshaped, transposed

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Emission
    from nndsl.ir.types import TensorType
    from nndsl.ops.text import Define, Scratch

LARGE = 1_000_000
"""Multiply-adds of a product that may be worth writing as a stack of smaller ones."""

BLOCKS = ("row_blocks", "column_blocks")
"""What of the runtime the planned form calls."""

_SAMPLES_LETTERS = "nNmMbBqQzZacdefghijklopqrstuvwxyACDEFGHIJKLOPRSTUVWXY"


def parse_equation(equation: str) -> tuple[str, str, str]:
    """Letters of the left operand, the right one and the result, of `"ab,bc->ac"`."""
    inputs, arrow, out = equation.partition("->")
    left, comma, right = inputs.partition(",")
    if not arrow or not comma or not all(part.isalpha() or not part for part in (left, right, out)):
        raise InternalError(f"ops: {equation!r} is not an equation of two operands")
    return left, right, out


def contraction_of(node: Node, by_time: tuple[bool, ...] = (False, False, False)) -> Contraction:
    """The node's contraction over whole arrays: the samples' axis has a letter too.

    by_time: whether the arrays of left, right and result are [time, samples, ...].
    """
    a, b = node.inputs
    return _contraction(text(node, "equation"), a.type, b.type, node.type, by_time)


@lru_cache(maxsize=4096)
def _contraction(
    equation: str, a: TensorType, b: TensorType, result: TensorType, by_time: tuple[bool, ...]
) -> Contraction:
    left, right, out = parse_equation(equation)
    samples = next(letter for letter in _SAMPLES_LETTERS if letter not in left + right + out)
    sizes: dict[str, int | None] = dict(zip(left + right, a.shape + b.shape, strict=True))
    sizes[samples] = None
    left, right, out = (
        letters if type.kind is not Kind.SAMPLE else f"{letters[:second]}{samples}{letters[second:]}"
        for letters, type, second in zip((left, right, out), (a, b, result), by_time, strict=True)
    )
    return Contraction(left, right, out, tuple(sorted(sizes.items())))


# ------------------------------------------------------------------------------------------------ textbook form


def einsum_text(e: Emission) -> str:
    """The textbook form: a product of matrices as one would write it by hand, NumPy's `einsum` where none fits."""
    c = contraction_of(e.node)
    a, b = e.operands
    if not c.summed:
        return f"{_aligned(a, c.left, c.out)} * {_aligned(b, c.right, c.out)}"
    gemm = c.gemm
    product = _batched_text(e, gemm) if gemm.out.batch else _matrix_text(e, gemm)
    return product or f'np.einsum("{c.left},{c.right}->{c.out}", {a}, {b})'


def _aligned(array: str, letters: str, out: str) -> str:
    """`array` with its axes in the order of `out` and an axis of one element for each that it lacks."""
    present = [letter for letter in out if letter in letters]
    array = transposed(array, [letters.index(letter) for letter in present])
    index = [":" if letter in letters else "None" for letter in out]
    while index and index[0] == "None":
        index.pop(0)
    if all(part == ":" for part in index):
        return array
    return f"{array}[{', '.join(index)}]"


def _operands(e: Emission, gemm: Gemm) -> tuple[str, str]:
    """Texts of the left and the right matrix's arrays."""
    a, b = e.operands
    return (b, a) if gemm.swapped else (a, b)


def _matrix_text(e: Emission, gemm: Gemm) -> str | None:
    """`x @ kernel`, `x.T @ ct`, reshaped where a group has several axes; None where axes stand apart."""
    if gemm.left.copied or gemm.right.copied or gemm.out.copied or gemm.out.axes != gemm.out.order:
        return None
    left, right = _operands(e, gemm)
    rows, summed, columns = gemm.left.first, gemm.left.second, gemm.right.second
    if not rows and not columns and len(summed) > 1:
        return f"np.vdot({left}, {right})"
    right_is_matrix = len(summed) == 1 and len(columns) <= 1
    if right_is_matrix and gemm.left.axes == gemm.left.order and rows:
        return f"{left} @ {_as_matrix(e, gemm.right, right)}"
    product = f"{_as_matrix(e, gemm.left, left)} @ {_as_matrix(e, gemm.right, right)}"
    if len(rows) <= 1 and len(columns) <= 1:
        return product
    return reshaped(f"({product})", sizes_text(list(gemm.out.axes), dict(contraction_of(e.node).sizes), e.n))


def _batched_text(e: Emission, gemm: Gemm) -> str | None:
    """`a @ b` over stacks of matrices, the last two axes exchanged where needed; None where axes stand otherwise."""
    matrices = (gemm.left, gemm.right, gemm.out)
    plain = all(
        matrix.axes.startswith(matrix.batch) and len(matrix.first) == len(matrix.second) == 1 for matrix in matrices
    )
    if not plain or gemm.out.axes != gemm.out.order:
        return None
    left, right = _operands(e, gemm)
    return f"{_as_matrix(e, gemm.left, left)} @ {_as_matrix(e, gemm.right, right)}"


def _as_matrix(e: Emission, matrix: Matrix, array: str) -> str:
    """`array` with its axes grouped and ordered as the product wants them; vectors stay vectors."""
    stored = matrix.stored_groups
    if any(len(group) > 1 for group in stored):
        array = reshaped(array, sizes_text(stored, dict(contraction_of(e.node).sizes), e.n))
    return transposed(array, matrix.turn)


# ------------------------------------------------------------------------------------------------ planned form


def _way(gemm: Gemm, c: Contraction) -> str:
    """How the planned form computes: "multiply", "einsum" (NumPy's own loops), "dot" or "matmul"."""
    if not c.summed:
        return "multiply"
    if not gemm.out.batch:
        return "dot"
    vectors = not gemm.out.first and not gemm.out.second
    return "einsum" if vectors and (gemm.left.copied or gemm.right.copied) else "matmul"


def product_scratch(node: Node, by_time: tuple[bool, ...] = (False, False, False)) -> tuple[Scratch, ...]:
    """A buffer for each array whose axes must be copied into another order: left matrix, right matrix, result."""
    c = contraction_of(node, by_time)
    gemm = c.gemm
    if _way(gemm, c) not in ("dot", "matmul"):
        return ()
    sizes = dict(c.sizes)
    found: list[Scratch] = []
    for matrix in (gemm.left, gemm.right, gemm.out):
        if matrix.copied:
            lengths = [sizes[letter] for letter in matrix.order]
            found.append((tuple(size for size in lengths if size is not None), "float", None in lengths))
    return tuple(found)


def write_product(e: Emission, define: Define, by_time: tuple[bool, ...] = (False, False, False)) -> list[str]:
    """The planned form: one call into the result's place, between copies where axes do not stand as BLAS wants them."""
    c = contraction_of(e.node, by_time)
    gemm = c.gemm
    way = _way(gemm, c)
    if way == "multiply":
        a, b = (
            view if (view := _aligned(array, letters, c.out)) == array else define(derived(array, "aligned"), view)
            for array, letters in zip(e.operands, (c.left, c.right), strict=True)
        )
        return [f"np.multiply({a}, {b}, out={e.out})"]
    if way == "einsum":
        a, b = e.operands
        return [f'np.einsum("{c.left},{c.right}->{c.out}", {a}, {b}, out={e.out})']
    return _write_gemm(e, define, gemm, "np.dot" if way == "dot" else "np.matmul")


def _write_gemm(e: Emission, define: Define, gemm: Gemm, function: str) -> list[str]:
    scratch = iter(e.scratch)
    lines: list[str] = []
    factors: list[_Seen] = []
    for matrix, array in zip((gemm.left, gemm.right), _operands(e, gemm), strict=True):
        buffer = next(scratch) if matrix.copied else None
        if buffer is not None:
            to, source = _copy_sides(e, define, matrix, array, buffer)
            lines.append(f"np.copyto({to}, {source})")
        factors.append(_seen(e, matrix, array, buffer))
    left, right = factors
    buffer = next(scratch) if gemm.out.copied else None
    lines.append(_product_line(e, define, gemm, function, left, right, _seen(e, gemm.out, e.out, buffer)))
    if buffer is None:
        return lines
    source, to = _copy_sides(e, define, gemm.out, e.out, buffer)
    return [*lines, f"np.copyto({to}, {source})"]


def _product_line(e: Emission, define: Define, gemm: Gemm, function: str, left: _Seen, right: _Seen, out: _Seen) -> str:
    if function == "np.dot" and not gemm.out.copied and gemm.out.axes != gemm.out.order:
        # `dot` fills only what is stored row by row; `matmul` fills the transpose as well.
        function = "np.matmul"
    if function != "np.dot" or not e.blocks or not _is_large(e, gemm):
        return f"{function}({left.name(define)}, {right.name(define)}, out={out.name(define)})"
    if gemm.right.turned:
        a = left.name(define)
        b, c = (define(derived(m.array, "blocks"), f"column_blocks({m.view}, {left.view})") for m in (right, out))
        return f"np.matmul({a}, {b}, out={c})"
    each = f"{right.array}.size" + (", least=32" if gemm.left.turned else "")
    a, c = (define(derived(m.array, "blocks"), f"row_blocks({m.view}, {each})") for m in (left, out))
    if not gemm.left.turned and _is_of_samples(e, gemm.left.first):
        # One row is no stack, and `dot` starts sooner; of a stack it makes no use of BLAS.
        function = define("product", f"np.dot if {e.n} == 1 else np.matmul")
    else:
        function = "np.matmul"
    return f"{function}({a}, {right.name(define)}, out={c})"


def _is_of_samples(e: Emission, letters: str) -> bool:
    """Whether the letters are that of the samples' axis alone."""
    return len(letters) == 1 and dict(contraction_of(e.node).sizes)[letters] is None


def _is_large(e: Emission, gemm: Gemm) -> bool:
    """Whether it is a product of two matrices that BLAS would put in order first, for a typical batch."""
    groups = (gemm.left.first, gemm.left.second, gemm.right.second)
    c = contraction_of(e.node)
    return all(groups) and c.size("".join(groups)) > LARGE and not (gemm.left.turned and gemm.right.turned)


def _copy_sides(e: Emission, define: Define, matrix: Matrix, array: str, buffer: str) -> tuple[str, str]:
    """The buffer and the array, axis by axis in the order batch, first, second."""
    sizes = sizes_text(list(matrix.order), dict(contraction_of(e.node).sizes), e.n)
    ordered = transposed(array, [matrix.axes.index(letter) for letter in matrix.order])
    return (
        define(derived(array, "copied"), reshaped(buffer, sizes)),
        ordered if ordered == array else define(derived(array, "in_order"), ordered),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """The matrix that a product takes, or fills: the text of its `view` of an `array`."""

    array: str
    view: str

    def name(self, define: Define) -> str:
        """A name of it."""
        if self.view == self.array:
            return self.array
        return define(derived(self.array, "transposed" if self.view == f"{self.array}.T" else "matrix"), self.view)


def _seen(e: Emission, matrix: Matrix, array: str, buffer: str | None) -> _Seen:
    """The matrix of the array itself or of the buffer that it is copied to."""
    if buffer is None:
        return _Seen(array, _stacked(matrix, _as_matrix(e, matrix, array)))
    view = reshaped(buffer, sizes_text(matrix.groups, dict(contraction_of(e.node).sizes), e.n))
    return _Seen(array, _stacked(matrix, view))


def _stacked(matrix: Matrix, view: str) -> str:
    """In a stack of matrices a vector is a matrix of one row or one column; alone it may stay a vector."""
    if not matrix.batch or (matrix.first and matrix.second):
        return view
    index = [":"] * len(matrix.batch) + [":" if group else "None" for group in (matrix.first, matrix.second)]
    return f"{view}[{', '.join(index)}]"

"""`einsum`: right for every equation, and a matrix product wherever one fits."""

from __future__ import annotations

from string import ascii_lowercase

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nndsl import ops
from nndsl.autodiff import gradients
from nndsl.ir import Builder, DType, Emission, Kind, Node, RuleError, TensorType
from tests.evaluation import SAMPLES, field, inner_product, planned, shape_of, textbook


def einsum(equation: str, a: TensorType, b: TensorType, kind: str) -> Node:
    builder = Builder()
    return ops.einsum(field(builder, a, "a"), field(builder, b, "b"), equation=equation, kind=kind)


def floats(shape: tuple[int, ...], kind: Kind) -> TensorType:
    return TensorType(DType.FLOAT, shape, kind)


@st.composite
def products(draw: st.DrawFn) -> Node:
    """A random equation over operands of random kinds and sizes."""
    letters = ascii_lowercase[: draw(st.integers(0, 5))]
    sizes = {letter: draw(st.integers(1, 4)) for letter in letters}
    left, right, out = "", "", ""
    for letter in letters:
        where = draw(st.sampled_from(["left", "right", "both", "summed"]))
        left += letter if where != "right" else ""
        right += letter if where != "left" else ""
        out += letter if where != "summed" else ""
    left, right, out = ("".join(draw(st.permutations(part))) for part in (left, right, out))
    kinds = draw(
        st.sampled_from(
            [
                (Kind.SAMPLE, Kind.SAMPLE, "sample"),
                (Kind.SAMPLE, Kind.SAMPLE, "shared"),
                (Kind.SAMPLE, Kind.SHARED, "sample"),
                (Kind.SHARED, Kind.SAMPLE, "sample"),
                (Kind.SHARED, Kind.SHARED, "shared"),
            ]
        )
    )
    types = [floats(tuple(sizes[x] for x in part), kind) for part, kind in zip((left, right), kinds, strict=False)]
    return einsum(f"{left},{right}->{out}", types[0], types[1], kinds[2])


def numpy_equation(node: Node) -> str:
    """The node's equation with a letter for the samples."""
    inputs, _, out = str(node["equation"]).partition("->")
    parts = zip((*inputs.split(","), out), (*(i.type for i in node.inputs), node.type), strict=True)
    left, right, result = (("z" if type.kind is Kind.SAMPLE else "") + part for part, type in parts)
    return f"{left},{right}->{result}"


def arrays_for(node: Node, n: int = SAMPLES) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape_of(operand.type, n)) for operand in node.inputs]


@settings(max_examples=400, deadline=None)
@given(products())
def test_both_forms_agree_with_numpy_on_any_equation(node: Node) -> None:
    arrays = arrays_for(node)
    expected = np.einsum(numpy_equation(node), *arrays)
    np.testing.assert_allclose(textbook(node, arrays), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(planned(node, arrays), expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(products())
def test_one_sample_is_a_batch_like_any_other(node: Node) -> None:
    arrays = arrays_for(node, 1)
    expected = np.einsum(numpy_equation(node), *arrays)
    np.testing.assert_allclose(planned(node, arrays, 1), expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(products())
def test_gradients_of_any_equation_are_equations_again(node: Node) -> None:
    root, _ = inner_product(node, "factors")
    for operand, gradient in zip(node.inputs, gradients(root, node.inputs), strict=True):
        assert gradient is not None
        assert gradient.op is ops.einsum
        assert gradient.type == operand.type


# ------------------------------------------------------------------------------------------------ source


def names(node: Node) -> Emission:
    return Emission(node, ("x", "y"), "out")


TEXTBOOK = [
    # equation, kinds of the operands and the result, the expression
    ("a,ab->b", "n.n", "x @ y"),
    ("ta,ab->tb", "n.n", "x @ y"),
    ("tsa,ab->tsb", "n.n", "x @ y"),
    ("b,ab->a", "n.n", "x @ y.T"),
    ("tb,ab->ta", "n.n", "x @ y.T"),
    ("a,b->ab", "nn.", "x.T @ y"),
    ("ta,tb->ab", "nn.", "x.reshape(n * 2, 3).T @ y.reshape(n * 2, 4)"),
    ("ab,bc->ac", "...", "x @ y"),
    ("ba,bc->ac", "...", "x.T @ y"),
    ("ab,b->a", "...", "x @ y"),
    ("a,a->", "...", "x @ y"),
    ("ab,ab->", "nn.", "np.vdot(x, y)"),
    ("ab,bc->ac", "nnn", "x @ y"),
    ("ab,cb->ac", "nnn", "x @ y.transpose(0, 2, 1)"),
    ("hab,hbc->hac", "nnn", "x @ y"),
    ("hab,hcb->hac", "nnn", "x @ y.transpose(0, 1, 3, 2)"),
    ("a,a->a", "nnn", "x * y"),
    ("a,b->ab", "nnn", "x[:, :, None] * y[:, None, :]"),
    ("a,a->", "nnn", 'np.einsum("na,na->n", x, y)'),
]
SIZES = {"a": 3, "b": 4, "c": 5, "h": 2, "t": 2, "s": 6}


def product(equation: str, kinds: str) -> Node:
    inputs, _, _ = equation.partition("->")
    types = [
        floats(tuple(SIZES[letter] for letter in part), Kind.SAMPLE if kind == "n" else Kind.SHARED)
        for part, kind in zip(inputs.split(","), kinds, strict=False)
    ]
    return einsum(equation, types[0], types[1], "sample" if kinds[2] == "n" else "shared")


@pytest.mark.parametrize(("equation", "kinds", "expression"), TEXTBOOK)
def test_textbook_form_reads_as_written_by_hand(equation: str, kinds: str, expression: str) -> None:
    node = product(equation, kinds)
    assert node.op.numpy.expression(names(node)) == expression


PLANNED = [
    ("a,ab->b", "n.n", {}, "np.dot(x, y, out=out)"),
    ("b,ab->a", "n.n", {"y_transposed": "y.T"}, "np.dot(x, y_transposed, out=out)"),
    ("a,b->ab", "nn.", {"x_transposed": "x.T"}, "np.dot(x_transposed, y, out=out)"),
    (
        "ta,ab->tb",
        "n.n",
        {"x_matrix": "x.reshape(n * 2, 3)", "out_matrix": "out.reshape(n * 2, 4)"},
        "np.dot(x_matrix, y, out=out_matrix)",
    ),
    ("hab,hcb->hac", "nnn", {"y_matrix": "y.transpose(0, 1, 3, 2)"}, "np.matmul(x, y_matrix, out=out)"),
    (
        "a,ab->b",
        "nnn",
        {"x_matrix": "x[:, None, :]", "out_matrix": "out[:, None, :]"},
        "np.matmul(x_matrix, y, out=out_matrix)",
    ),
]


@pytest.mark.parametrize(("equation", "kinds", "views", "line"), PLANNED)
def test_planned_form_is_one_product_over_views(equation: str, kinds: str, views: dict[str, str], line: str) -> None:
    node = product(equation, kinds)
    rule = node.op.numpy
    assert rule.prepare is not None
    assert rule.statements is not None
    assert rule.scratch is not None
    assert rule.scratch(node) == ()
    prepared = dict(rule.prepare(names(node)))
    assert prepared == views
    assert rule.statements(Emission(node, ("x", "y"), "out", prepared=tuple(prepared))) == [line]


def test_views_of_the_planned_form_share_memory_with_their_arrays() -> None:
    for equation, kinds, _, _ in PLANNED:
        node = product(equation, kinds)
        x, y = arrays_for(node)
        out = np.empty(shape_of(node.type))
        scope = {"x": x, "y": y, "out": out, "n": SAMPLES}
        for name, text in node.op.numpy.prepare(names(node)):  # type: ignore[misc]  # checked above
            assert np.shares_memory(eval(text, scope), scope[name.partition("_")[0]])


# ------------------------------------------------------------------------------------------------ types and costs

WRONG = [
    ("a,ab->b", ((3,), (4, 5)), "3 is not 4", (0, 1)),
    ("ab,bc->ac", ((2, 3), (3,)), '"bc" names 2 axes, and [3] has 1', (1,)),
    ("ab,b->b", ((2, 3), (3,)), 'axis "a" is in neither the other operand nor the result', (0,)),
    ("aa,a->a", ((3, 3), (3,)), 'an axis is named twice in "aa"', (0,)),
    ("a,a->b", ((3,), (3,)), 'the result "b" can only have axes of the operands, each once', (0, 1)),
]


@pytest.mark.parametrize(("equation", "shapes", "message", "operands"), WRONG)
def test_operands_that_do_not_fit_are_named(equation: str, shapes, message: str, operands: tuple[int, ...]) -> None:
    with pytest.raises(RuleError) as caught:
        einsum(equation, floats(shapes[0], Kind.SAMPLE), floats(shapes[1], Kind.SAMPLE), "sample")
    assert caught.value.message == message
    assert caught.value.operands == operands


def test_a_sum_over_samples_needs_both_operands_per_sample() -> None:
    with pytest.raises(RuleError, match="both operands per sample"):
        einsum("a,ab->b", floats((3,), Kind.SAMPLE), floats((3, 4), Kind.SHARED), "shared")
    with pytest.raises(RuleError, match="neither operand is per sample"):
        einsum("a,ab->b", floats((3,), Kind.SHARED), floats((3, 4), Kind.SHARED), "sample")


def test_cost_is_two_operations_for_each_product_that_is_summed() -> None:
    dense = einsum("a,ab->b", floats((784,), Kind.SAMPLE), floats((784, 512), Kind.SHARED), "sample")
    assert ops.einsum.flops(dense) == 2 * 784 * 512
    scaled = einsum("a,a->a", floats((7,), Kind.SAMPLE), floats((7,), Kind.SHARED), "sample")
    assert ops.einsum.flops(scaled) == 7

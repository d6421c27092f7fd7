"""Differentiation: of graphs, of `grad` in graphs, and of whole programs."""

from __future__ import annotations

import numpy as np
import pytest

from nndsl import ops
from nndsl.autodiff import differentiate, expand, gradients
from nndsl.diagnostics import InternalError, UserError
from nndsl.ir import Builder, DType, Kind, Node, NoGradient, Op, Origin, TensorType, reachable
from nndsl.ir.program import Minimize, Program, StepGraph, TrainProgram, Update, Weight
from nndsl.ir.verify import verify
from nndsl.source import SourceFile, Span
from tests.evaluation import check_gradients, evaluate, field, shape_of, slopes

FLOAT = DType.FLOAT
SAMPLE, SHARED = Kind.SAMPLE, Kind.SHARED

FILE = SourceFile("digits.nn", "features: Dense(64)\nscores: Dense(10)\n")


def x_of(builder: Builder, *shape: int, kind: Kind = SAMPLE, name: str = "x") -> Node:
    return field(builder, TensorType(FLOAT, shape, kind), name)


def dense(x: Node, units: int, name: str) -> Node:
    """`tanh(x @ kernel + bias)`."""
    builder = x.builder
    kernel = x_of(builder, x.type.shape[-1], units, kind=SHARED, name=f"{name}/kernel")
    bias = x_of(builder, units, kind=SHARED, name=f"{name}/bias")
    product = ops.einsum(x, kernel, equation="a,ab->b", kind="sample")
    return ops.tanh(ops.add(product, ops.broadcast(bias, shape=(units,), kind="sample")))


def mean_square(x: Node) -> Node:
    """The mean over the batch of the sum of squares."""
    total = ops.batch_sum(ops.sum(ops.square(x), axes=(0,)))
    size = ops.from_step(ops.batch_size.make(x.builder, TensorType(FLOAT, (), Kind.STEP)))
    return ops.divide(total, size)


def leaves_of(root: Node) -> list[Node]:
    return [node for node in reachable([root]) if node.op is ops.field]


def values_for(*roots: Node, n: int = 3) -> dict[Node, np.ndarray]:
    rng = np.random.default_rng(0)
    found: dict[Node, np.ndarray] = {}
    for node in reachable(roots):
        if node.op is ops.field:
            found[node] = rng.standard_normal(shape_of(node.type, n))
        elif node.op is ops.batch_size:
            found[node] = n
    return found


# ------------------------------------------------------------------------------------------------ graphs


def test_a_network_of_two_layers_has_the_gradients_of_central_differences() -> None:
    loss = mean_square(dense(dense(x_of(Builder(), 4), 5, "first"), 3, "second"))
    verify([loss, *(g for g in gradients(loss, leaves_of(loss)) if g is not None)])
    check_gradients(loss, values_for(loss), leaves_of(loss))


def test_gradients_by_shared_values_are_sums_over_the_samples() -> None:
    x = x_of(Builder(), 4)
    kernel = x_of(x.builder, 4, kind=SHARED, name="kernel")
    y = ops.einsum(x, kernel, equation="a,a->", kind="sample")
    by_kernel, by_x = gradients(y, [kernel, x])
    assert by_kernel is not None
    assert by_x is not None
    values = values_for(y)
    np.testing.assert_allclose(evaluate([by_kernel], values)[0], values[x].sum(axis=0))
    np.testing.assert_allclose(evaluate([by_x], values)[0], np.broadcast_to(values[kernel], (3, 4)))


def test_a_value_that_is_used_twice_gets_the_sum_of_both_ways() -> None:
    x = x_of(Builder())
    y = ops.multiply(ops.sin(x), ops.add(x, ops.exp(x)))
    (gradient,) = gradients(y, [x])
    assert gradient is not None
    values = values_for(y)
    point = values[x]
    expected = np.cos(point) * (point + np.exp(point)) + np.sin(point) * (1 + np.exp(point))
    np.testing.assert_allclose(evaluate([gradient], values)[0], expected)


def test_a_chain_of_diamonds_grows_linearly() -> None:
    """Each link is used twice: adding the ways up before going on keeps the graph small."""
    x = x_of(Builder())
    y = x
    for _ in range(200):
        y = ops.multiply(ops.sin(y), ops.cos(y))
    (gradient,) = gradients(y, [x])
    assert gradient is not None
    assert len(reachable([gradient])) < 200 * 12


def test_targets_may_be_values_on_the_way() -> None:
    x = x_of(Builder())
    middle = ops.sin(x)
    y = ops.square(middle)
    by_middle, by_x = gradients(y, [middle])[0], gradients(y, [x])[0]
    assert by_middle is not None
    assert by_x is not None
    values = values_for(y)
    np.testing.assert_allclose(evaluate([by_middle], values)[0], 2 * np.sin(values[x]))
    np.testing.assert_allclose(evaluate([by_x], values)[0], 2 * np.sin(values[x]) * np.cos(values[x]))


def test_no_gradient_flows_through_one_target_into_another() -> None:
    x = x_of(Builder())
    middle = ops.sin(x)
    y = ops.multiply(middle, x)
    by_middle, by_x = gradients(y, [middle, x])
    assert by_middle is not None
    assert by_x is not None
    values = values_for(y)
    np.testing.assert_allclose(evaluate([by_middle], values)[0], values[x])
    np.testing.assert_allclose(evaluate([by_x], values)[0], np.sin(values[x]))


def test_targets_that_are_not_used_have_no_gradient() -> None:
    builder = Builder()
    x, other = x_of(builder), x_of(builder, name="other")
    below = ops.sin(ops.square(x))
    assert gradients(ops.square(x), [other]) == [None]
    assert gradients(x, [below]) == [None]
    assert gradients(ops.stop_gradient(x), [x]) == [None]


def test_the_gradient_of_a_value_by_itself_is_one_or_the_seed() -> None:
    x = x_of(Builder())
    (one,) = gradients(x, [x])
    assert one is ops.splat(x, 1.0)
    seed = ops.splat(x, 2.0)
    assert gradients(x, [x], seed) == [seed]
    with pytest.raises(InternalError, match="seed"):
        gradients(x, [x], ops.constant.make(x.builder, TensorType(FLOAT, (2,), SAMPLE), value=1.0))


def test_gradients_by_sample_flow_through_sums_over_the_batch() -> None:
    x = x_of(Builder(), 2)
    mean = ops.broadcast(ops.batch_sum(x), shape=(2,), kind="sample")
    loss = mean_square(ops.multiply(ops.subtract(x, mean), mean))
    check_gradients(loss, values_for(loss), [x])


def test_whole_numbers_carry_no_gradient() -> None:
    x = x_of(Builder())
    y = ops.cast(ops.cast(x, to="int"), to="float")
    assert gradients(y, [x]) == [None]


def test_the_same_gradient_is_the_same_graph() -> None:
    loss = mean_square(dense(x_of(Builder(), 4), 5, "first"))
    first, second = gradients(loss, leaves_of(loss)), gradients(loss, leaves_of(loss))
    assert first == second


# ------------------------------------------------------------------------------------------------ origins and names


def origin(start: int, library: Span | None = None) -> Origin:
    return Origin(Span(FILE, start, start + 8), scope="Digits", title="features: Dense(64)", library=library)


def test_gradients_come_from_the_lines_that_they_are_the_gradients_of() -> None:
    builder = Builder()
    x = x_of(builder)
    with builder.at(origin(0)):
        middle = ops.sin(x)
    with builder.at(origin(20)):
        y = ops.square(middle)
    (gradient,) = gradients(y, [x])
    assert gradient is not None
    made = [node for node in reachable([gradient]) if node.id > y.id and node.origins]
    assert made
    for node in made:
        assert all(each.backward for each in node.origins)
    assert gradient.origins[0].span.start == 0
    assert not y.origins[0].backward


def test_gradients_are_called_after_what_they_are_gradients_of() -> None:
    x = x_of(Builder())
    scores = ops.multiply(x, x).named("scores")
    loss = ops.square(ops.sin(scores)).named("loss")
    gradients(loss, [x])
    named = {name: node for node in loss.builder._nodes.values() for name in node.names}
    assert set(named) == {"scores", "loss", "scores_gradient"}
    assert not ops.splat(loss, 1.0).names


def test_an_op_that_cannot_be_differentiated_is_reported_where_it_was_written() -> None:
    builder = Builder()
    x = x_of(builder, 3, 3, kind=SHARED)
    library = SourceFile("initializers.nn", "orthogonalize(x)", library=True)
    with builder.at(origin(20, Span(library, 0, 16))):
        q = ops.orthogonalize(x)
    loss = ops.sum(q, axes=(0, 1))
    with pytest.raises(UserError) as caught:
        gradients(loss, [x])
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "NN520"
    assert diagnostic.message.startswith("`orthogonalize` can't be differentiated: ")
    assert [str(label.span) for label in diagnostic.labels] == ["digits.nn:2:1", "initializers.nn:1:1"]
    assert diagnostic.labels[0].primary
    assert gradients(ops.stop_gradient(loss), [x]) == [None]


def test_a_gradient_rule_that_returns_another_type_is_named() -> None:
    wrong = Op(
        name="wrong",
        documentation="Gives a gradient of another shape.",
        type_rule=ops.sin.type_rule,
        gradient=lambda ct, out: (ops.sum(ct, axes=(0,)),),
        numpy=ops.sin.numpy,
        flops=ops.sin.flops,
        cupy=ops.sin.cupy,
    )
    x = x_of(Builder(), 3)
    with pytest.raises(
        InternalError, match=r"the gradient of `wrong` .* float\[3\] per sample is float\[\] per sample"
    ):
        gradients(ops.sum(wrong(x), axes=(0,)), [x])


# ------------------------------------------------------------------------------------------------ grad


def test_grad_is_replaced_by_its_graph() -> None:
    x = x_of(Builder())
    y = ops.multiply(ops.sin(x), x)
    (expanded,) = expand((ops.square(ops.grad(y, x)),))
    assert all(node.op is not ops.grad for node in reachable([expanded]))
    values = values_for(y)
    point = values[x]
    np.testing.assert_allclose(evaluate([expanded], values)[0], (np.cos(point) * point + np.sin(point)) ** 2)


def test_grad_of_grad_is_the_second_derivative() -> None:
    x = x_of(Builder())
    y = ops.sin(ops.square(x))
    (second,) = expand((ops.grad(ops.grad(y, x), x),))
    values = values_for(y)
    point = values[x]
    expected = 2 * np.cos(point**2) - 4 * point**2 * np.sin(point**2)
    np.testing.assert_allclose(evaluate([second], values)[0], expected)


def test_grad_of_an_expression_that_holds_grads_is_right() -> None:
    """A residual as physics-informed networks have it: y'' + y' * y, then its square's gradient by a weight."""
    x = x_of(Builder(), 1)
    hidden = dense(x, 4, "hidden")
    y = ops.sum(hidden, axes=(0,))
    first = ops.grad(y, x)
    second = ops.grad(ops.sum(first, axes=(0,)), x)
    residual = ops.add(second, ops.multiply(first, ops.reshape(y, shape=(1,))))
    (loss,) = expand((mean_square(residual),))
    verify([loss])
    weights = [leaf for leaf in leaves_of(loss) if leaf.type.kind is SHARED]
    values = values_for(loss)
    for weight, gradient in zip(weights, gradients(loss, weights), strict=True):
        assert gradient is not None
        expected = slopes(loss, values, weight)
        np.testing.assert_allclose(evaluate([gradient], values)[0], expected, rtol=1e-5, atol=1e-7)


def test_grad_by_what_does_not_matter_is_zero() -> None:
    builder = Builder()
    x, other = x_of(builder, 2), x_of(builder, 2, name="other")
    y = ops.sum(x, axes=(0,))
    (zero,) = expand((ops.grad(y, other),))
    assert zero is ops.splat(other, 0.0)


def test_grad_takes_a_value_of_one_element_whatever_its_shape() -> None:
    x = x_of(Builder(), 1)
    (gradient,) = expand((ops.grad(ops.square(x), x),))
    values = values_for(x)
    np.testing.assert_allclose(evaluate([gradient], values)[0], 2 * values[x])


def test_graphs_without_grad_stay_as_they_are() -> None:
    loss = mean_square(dense(x_of(Builder(), 4), 5, "first"))
    assert expand((loss,)) == (loss,)


# ------------------------------------------------------------------------------------------------ programs

EMPTY = StepGraph((), (), (), (), ())
SPAN = Span(FILE, 0, 8)


def weight(builder: Builder, path: str, version: int = 0) -> Node:
    return ops.weight.make(builder, TensorType(FLOAT, (2,), SHARED), path=path, version=version)


def penalty(node: Node) -> Node:
    return ops.sum(ops.square(node), axes=(0,))


def program_of(*minimizes: tuple[Node, list[str]]) -> Program:
    """A program of `minimize` statements: (loss, paths of the weights that it may change) each."""
    builder = minimizes[0][0].builder
    flat = ops.flat_weight.make(builder, TensorType(FLOAT, (2,), SHARED), update="0.0")
    graph = StepGraph(
        (),
        (),
        (),
        (),
        tuple(
            Minimize(
                index,
                loss,
                (Update("SGD", tuple(paths), (), flat, (), Origin(SPAN)),),
                1,
                SPAN,
            )
            for index, (loss, paths) in enumerate(minimizes)
        ),
    )
    train = TrainProgram("Train", None, (), (), graph, EMPTY, (), (), SPAN)
    type = TensorType(FLOAT, (2,), SHARED)
    initial = ops.constant.make(builder, type, value=0.0)
    weights = tuple(Weight(path, type, initial, Origin(SPAN)) for path in ("a", "b"))
    return Program(FILE, (FILE,), builder, weights, (), (), (), (train,))


def found(program: Program, index: int) -> dict[str, Node]:
    return dict(differentiate(program).trains[0].training.minimizes[index].gradients)


def test_every_weight_of_a_minimize_gets_its_gradient() -> None:
    builder = Builder()
    a, b = weight(builder, "a"), weight(builder, "b")
    loss = penalty(ops.multiply(a, b))
    result = found(program_of((loss, ["b", "a"])), 0)
    assert list(result) == ["b", "a"]
    values = {a: np.array([1.0, 2.0]), b: np.array([3.0, 4.0])}
    np.testing.assert_allclose(evaluate([result["a"]], values)[0], 2 * values[a] * values[b] ** 2)


def test_a_weight_that_the_loss_does_not_reach_gets_zeros() -> None:
    builder = Builder()
    loss = penalty(weight(builder, "a"))
    result = found(program_of((loss, ["a", "b"])), 0)
    assert result["b"] is ops.splat(weight(builder, "b"), 0.0)


def test_only_weights_that_may_change_get_gradients() -> None:
    builder = Builder()
    loss = penalty(ops.multiply(weight(builder, "a"), weight(builder, "b")))
    assert list(found(program_of((loss, ["a"])), 0)) == ["a"]


def test_a_second_minimize_differentiates_by_the_weights_of_that_moment() -> None:
    builder = Builder()
    old, new = weight(builder, "a", 0), weight(builder, "a", 1)
    program = program_of((penalty(old), ["a"]), (penalty(ops.multiply(old, new)), ["a", "b"]))
    second = found(program, 1)
    values = {old: np.array([1.0, 2.0]), new: np.array([3.0, 4.0])}
    np.testing.assert_allclose(evaluate([second["a"]], values)[0], 2 * values[old] ** 2 * values[new])


def test_grad_in_a_loss_is_expanded_before_the_loss_is_differentiated() -> None:
    builder = Builder()
    a = weight(builder, "a")
    x = x_of(builder, 2)
    spread = ops.broadcast(a, shape=(2,), kind="sample")
    slope = ops.grad(ops.sum(ops.multiply(ops.square(x), spread), axes=(0,)), x)
    loss = mean_square(slope)
    result = found(program_of((loss, ["a"])), 0)["a"]
    values = {**values_for(x, loss), a: np.array([0.5, -1.0])}
    expected = (2 * (2 * values[x]) ** 2 * values[a]).mean(axis=0)
    np.testing.assert_allclose(evaluate([result], values)[0], expected)


def test_differentiated_programs_hold_no_grad_and_are_valid() -> None:
    builder = Builder()
    a = weight(builder, "a")
    x = x_of(builder, 2)
    y = ops.sum(ops.multiply(x, ops.broadcast(a, shape=(2,), kind="sample")), axes=(0,))
    program = differentiate(program_of((mean_square(ops.grad(ops.square(y), x)), ["a"])))
    roots = program.trains[0].training.roots()
    assert all(node.op is not ops.grad for node in reachable(roots))
    verify(roots)


def test_every_op_says_whether_it_has_a_gradient() -> None:
    for op in ops.OPS.values():
        assert isinstance(op.gradient, NoGradient) or callable(op.gradient)

"""Attention as one operation, which never has all scores at once, and its gradients.

`softmax(scale * query @ key) @ value` for each head, with query: [times, heads, size], key: [keys, heads, size], value:
[keys, heads, value size] of each sample (Vaswani et al. 2017, "Attention is all you need"). How it goes through blocks
of queries is in `nndsl/runtime/standalone/attention.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.device import NotOnDevice
from nndsl.ir.op import Op, RuleError, Sample
from nndsl.ir.types import DType, Kind, TensorType
from nndsl.ops.arithmetic import add, divide, multiply, negate, subtract
from nndsl.ops.broadcasting import broadcast, sum
from nndsl.ops.elementwise import ARITHMETIC, TRANSCENDENTAL, bools, floats
from nndsl.ops.functions import exp
from nndsl.ops.leaves import array, splat
from nndsl.ops.linear import einsum
from nndsl.ops.logic import greater_equal, stop_gradient, where
from nndsl.ops.movement import reshape, slice
from nndsl.ops.reductions import max
from nndsl.ops.rules import BOOL, FLOAT, attribute, not_step, real, takes
from nndsl.ops.text import over_arrays, workspace_rule

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ops.text import Define, Scratch

SCORES = 131072
"""Scores of a block: 512 kB in float32, which with as many slopes stay in the second cache of today's processors."""

_LEAST_QUERIES = 32
"""Queries of a block, however many keys there are."""

_MOST_SAMPLES = 1024
"""Samples of a block, however short their sequences are."""

HIDDEN = -1e9
"""The score of a key that a query may not see, as the library has it."""

_ON_DEVICE = "programs for a device are written without it, in kernels"


# ------------------------------------------------------------------------------------------------ types


def _checked(name: str, types: tuple[TensorType, ...], others: int) -> tuple[int, int, int, int, int]:
    """(times, keys, heads, size, value size) of operands query, key, value and perhaps mask, behind `others` more."""
    if len(types) not in (others + 3, others + 4):
        raise RuleError(f"`{name}` takes a query, a key, a value and perhaps a mask", *range(len(types)))
    not_step(name, *types)
    for position, type in enumerate(types):
        takes(name, type, BOOL if position == others + 3 else FLOAT, position)
        if type.rank != 3 or type.kind is not Kind.SAMPLE:
            raise RuleError(f"`{name}` works on [times, heads, size] per sample, not on {type}", position)
    query, key, value, *mask = types[others:]
    (times, heads, size), (keys, *_) = query.shape, key.shape
    if key.shape != (keys, heads, size) or value.shape[:2] != (keys, heads):
        text = f"queries {query.shape_text}, keys {key.shape_text} and values {value.shape_text} do not fit"
        raise RuleError(text, others, others + 1, others + 2)
    if mask and mask[0].shape != (heads, times, keys):
        raise RuleError(f"a mask of {mask[0].shape_text} is not [heads, times, keys]", others + 3)
    return times, keys, heads, size, value.shape[2]


def _attention_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    times, keys, heads, _, value_size = _checked("attention", types, 0)
    if _is_causal(attributes) and times != keys:
        raise RuleError(f"causal attention of {times} times to {keys} keys", 0, 1)
    return types[2].with_shape((times, heads, value_size))


def _gradient_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    _checked("attention_gradient", types, 2)
    return types[2].with_shape((types[2].size + types[3].size + types[4].size,))


def _is_causal(holder: Attributes | Node) -> bool:
    return attribute(holder, "causal") is True


# ------------------------------------------------------------------------------------------------ in other operations


def _seen(scores: Node, causal: bool, mask: Node | None) -> Node | None:
    """Whether each key is seen by each query, in the shape of the scores; None: all are."""
    heads, times, keys = scores.type.shape
    if not causal:
        return mask
    places = array.make(scores.builder, TensorType(DType.INT, (times,), Kind.SHARED), value=tuple(range(times)))
    by_query, by_key = (
        broadcast(reshape(places, shape=shape), shape=(times, keys), kind="shared") for shape in ((times, 1), (1, keys))
    )
    before = broadcast(greater_equal(by_query, by_key), shape=(heads, times, keys), kind="sample")
    return before if mask is None else where(mask, before, mask)


def _where_seen(scores: Node, seen: Node | None, number: float) -> Node:
    return scores if seen is None else where(seen, scores, splat(scores, number))


def _along_keys(row: Node, scores: Node) -> Node:
    """One number a query, [heads, times], for each of its keys."""
    heads, times, _ = scores.type.shape
    return broadcast(reshape(row, shape=(heads, times, 1)), shape=scores.type.shape, kind="sample")


def _scores(query: Node, key: Node, scale: float) -> Node:
    scores = einsum(query, key, equation="thk,shk->hts", kind="sample")
    return multiply(scores, splat(scores, scale))


def _mixed(weights: Node, values: Node) -> Node:
    """What each query gets."""
    return einsum(weights, values, equation="hts,shk->thk", kind="sample")


def _returned(weights: Node, by_query: Node) -> Node:
    """What each key gets back from all queries."""
    return einsum(weights, by_query, equation="hts,thk->shk", kind="sample")


def _row_sum(scores: Node) -> Node:
    return sum(scores, axes=(2,))


def _plain_weights(query: Node, key: Node, scale: float, seen: Node | None) -> Node:
    """The weight of each key for each query, [heads, times, keys]. seen: in that shape."""
    scores = _where_seen(_scores(query, key, scale), seen, HIDDEN)
    powers = exp(subtract(scores, _along_keys(stop_gradient(max(scores, axes=(2,))), scores)))
    return divide(powers, _along_keys(_row_sum(powers), powers))


# ------------------------------------------------------------------------------------------------ gradients


def _gradient(ct: Node, out: Node) -> tuple[Node | None, ...]:
    """By query, key and value; none by a mask."""
    packed = attention_gradient(ct, out, *out.inputs, **dict(out.attributes))
    return (*_unpacked(packed, out.inputs[:3]), *(None for _ in out.inputs[3:]))


def _unpacked(packed: Node, like: tuple[Node, ...]) -> list[Node]:
    """The parts of a vector in which values like these stand one behind the other."""
    parts: list[Node] = []
    begin = 0
    for node in like:
        part = slice(packed, starts=(begin,), stops=(begin + node.type.size,), steps=(1,))
        parts.append(reshape(part, shape=node.type.shape))
        begin += node.type.size
    return parts


def _second_gradient(ct: Node, out: Node) -> tuple[Node | None, ...]:
    """Of the gradients' own, in other operations.

    For weights P = softmax(S), slopes s = P * (g v' - sum(g * o)) and the directions a, b, c that ct is for query, key
    and value, these are the gradients of sum(s * T) + sum(P * g c'), with T = scale * (a k' + q b').
    """
    given, result, query, key, value, *masks = out.inputs
    scale = real(out, "scale")
    along_query, along_key, along_value = _unpacked(ct, (query, key, value))
    turned = add(_scores(along_query, key, scale), _scores(query, along_key, scale))
    seen = _seen(turned, _is_causal(out), masks[0] if masks else None)
    turned = _where_seen(turned, seen, 0.0)
    weights = _plain_weights(query, key, scale, seen)
    share = einsum(given, result, equation="thk,thk->ht", kind="sample")
    rest = subtract(_scores(given, value, 1.0), _along_keys(share, weights))
    moved = multiply(weights, turned)
    by_share = _row_sum(moved)
    by_weights = add(multiply(rest, turned), _scores(given, along_value, 1.0))
    inner = _along_keys(_row_sum(multiply(weights, by_weights)), weights)
    by_scores = _where_seen(multiply(weights, subtract(by_weights, inner)), seen, 0.0)
    slopes = _where_seen(multiply(weights, rest), seen, 0.0)
    by_scores, slopes = (multiply(each, splat(each, scale)) for each in (by_scores, slopes))
    by_result, of_result = (einsum(by_share, x, equation="ht,thk->thk", kind="sample") for x in (given, result))
    return (
        subtract(add(_mixed(moved, value), _mixed(weights, along_value)), of_result),
        negate(by_result),
        add(_mixed(by_scores, key), _mixed(slopes, along_key)),
        add(_returned(by_scores, query), _returned(slopes, along_query)),
        _returned(moved, given),
        *(None for _ in masks),
    )


# ------------------------------------------------------------------------------------------------ source


def _expression(e: Emission) -> str:
    """A call of the runtime's function over whole arrays."""
    others = 0 if e.node.op is attention else 2
    mask = "".join(f", {operand}" for operand in e.operands[others + 3 :])
    operands = ", ".join(e.operands[: others + 3])
    return f"{e.node.op.name}({operands}, {real(e.node, 'scale')!r}, {_is_causal(e.node)}{mask})"


def _rows(query: TensorType, key: TensorType) -> int:
    """Rows of scores in a block."""
    times, heads, _ = query.shape
    keys = key.shape[0]
    rows = SCORES // keys if keys <= SCORES // _LEAST_QUERIES else _LEAST_QUERIES
    return min(rows, _MOST_SAMPLES * heads * times)


def _room_for_keys(query: TensorType, key: TensorType) -> int:
    """Keys, of all samples and heads in a block together."""
    return _rows(query, key) // min(query.shape[0], _LEAST_QUERIES) * key.shape[0]


def _scratch(query: TensorType, key: TensorType, masked: bool) -> tuple[Scratch, ...]:
    """Flat: of truth values like scores, if some are hidden; for scores, for a number a row of them, and for keys."""
    rows = _rows(query, key)
    hidden: tuple[Scratch, ...] = (((rows * key.shape[0],), "bool", False),) if masked else ()
    sizes = (rows * key.shape[0], rows, _room_for_keys(query, key) * key.shape[2])
    return (*hidden, *(((size,), "float", False) for size in sizes))


def _attention_scratch(node: Node) -> tuple[Scratch, ...]:
    query, key = (operand.type for operand in node.inputs[:2])
    return _scratch(query, key, len(node.inputs) == 4)


def _gradient_scratch(node: Node) -> tuple[Scratch, ...]:
    """As `attention_blocks_back` takes them, with truth values, if any, in front."""
    query, key, value = (operand.type for operand in node.inputs[2:5])
    *hidden, scores, numbers, keys = _scratch(query, key, len(node.inputs) == 6)
    rows, together, size, value_size = _rows(query, key), _room_for_keys(query, key), key.shape[2], value.shape[2]
    out = (query.shape[0], query.shape[1], value_size)
    flat = (rows * value_size, together * value_size, *(together * each for each in (size, value_size) * 2))
    return (
        *hidden,
        (out, "float", True),
        (out[:2], "float", True),
        *(scores, numbers, keys, scores, numbers),
        *(((each,), "float", False) for each in flat),
    )


def _write(e: Emission, define: Define, blocks: str, arrays: tuple[str, ...], run: str) -> list[str]:
    masked = e.node.inputs[-1].type.dtype is DType.BOOL
    hidden, scratch = (e.scratch[0], e.scratch[1:]) if masked else ("", e.scratch)
    mask = f", ({e.operands[-1]}, {hidden})" if masked else ""
    room = ", ".join(scratch)
    text = f"{blocks}({', '.join(arrays)}, ({room}), {real(e.node, 'scale')!r}, {_is_causal(e.node)}{mask})"
    return [f"{run}({define(f'{e.out}_blocks', text)})"]


def _write_attention(e: Emission, define: Define) -> list[str]:
    return _write(e, define, "attention_blocks", (*e.operands[:3], e.out), "attend")


def _write_gradient(e: Emission, define: Define) -> list[str]:
    return _write(e, define, "attention_blocks_back", (*e.operands[:5], e.out), "attend_back")


# ------------------------------------------------------------------------------------------------ the operations


def scores_of(node: Node) -> int:
    """Scores that the node computes for a sample."""
    others = 0 if node.op is attention else 2
    (times, heads, _), (keys, *_) = (operand.type.shape for operand in node.inputs[others : others + 2])
    seen = times * (times + 1) // 2 if _is_causal(node) else times * keys
    return heads * seen


def products_of(node: Node) -> int:
    """Multiply-adds of its products for a sample."""
    query, value = (node.inputs[0], node.inputs[2]) if node.op is attention else (node.inputs[2], node.inputs[4])
    size, value_size = query.type.shape[2], value.type.shape[2]
    return scores_of(node) * (size + value_size if node.op is attention else 3 * size + 2 * value_size)


def _flops(node: Node) -> int:
    """Of the products, the softmax, and on the way back of the slopes."""
    more = 0 if node.op is attention else 2
    return 2 * products_of(node) + (TRANSCENDENTAL + (2 + more) * ARITHMETIC) * scores_of(node)


def _sampled(others: tuple[TensorType, ...] = ()) -> tuple[Sample, ...]:
    cases = (
        (floats(3, 2, 2), floats(3, 2, 2), floats(3, 2, 2), True, False),
        (floats(2, 1, 3), floats(4, 1, 3), floats(4, 1, 2), False, False),
        (floats(3, 2, 1), floats(3, 2, 1), floats(3, 2, 3), True, True),
        (floats(2, 2, 2), floats(3, 2, 2), floats(3, 2, 1), False, True),
    )
    made: list[Sample] = []
    for query, key, value, causal, masked in cases:
        result = floats(query.shape[0], query.shape[1], value.shape[2])
        mask = (bools(query.shape[1], query.shape[0], key.shape[0]),) if masked else ()
        types = (*(result for _ in others), query, key, value, *mask)
        made.append(Sample(types, (), {"scale": 0.7, "causal": causal}))
    return tuple(made)


attention = Op(
    name="attention",
    documentation="For each query the mean of the values, weighted by the softmax of `scale * query @ key` over the "
    "keys that it sees; all scores are never there at once.",
    type_rule=_attention_type,
    gradient=_gradient,
    numpy=over_arrays(
        workspace_rule(
            _expression,
            _write_attention,
            scratch=_attention_scratch,
            runtime=("attention", "attention_blocks", "attend"),
        )
    ),
    flops=_flops,
    cupy=NotOnDevice(_ON_DEVICE),
    samples=_sampled(),
    attributes=("causal", "scale"),
)
attention_gradient = Op(
    name="attention_gradient",
    documentation="The gradients of `attention` by query, key and value, one behind the other, given that by its "
    "result; scores are computed again.",
    type_rule=_gradient_type,
    gradient=_second_gradient,
    numpy=over_arrays(
        workspace_rule(
            _expression,
            _write_gradient,
            scratch=_gradient_scratch,
            runtime=("attention_gradient", "attention_blocks_back", "attend_back"),
        )
    ),
    flops=_flops,
    cupy=NotOnDevice(_ON_DEVICE),
    samples=_sampled((floats(1), floats(1))),
    attributes=("causal", "scale"),
)

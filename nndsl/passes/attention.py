"""Attention written out in products and a softmax, as one operation that goes through its scores in blocks."""

# ruff: noqa: D415  # a rewrite's docstring is its equation

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ir.types import DType, Kind
from nndsl.ops.attention import HIDDEN
from nndsl.passes.match import integers, is_number, number
from nndsl.passes.rewrite import rewrite
from nndsl.records import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndsl.ir.graph import Node


@record
class _Scores:
    """Scores `scale * product`; causal: a time sees itself and those before it; mask: which keys are seen, or None."""

    product: Node
    scale: float
    causal: bool
    mask: Node | None


@record
class _Letters:
    """Letters of the axes, "" for no heads: `query`, `key`, `value`, `out` and `scores` have them in their order."""

    heads: str
    times: str
    keys: str
    size: str
    value_size: str


def attention_of(node: Node, read_once: Callable[[Node], bool]) -> Node | None:
    """softmax(scale * q @ k^T, but -1e9 where a key is not seen) @ v -> attention(q, k, v), where that is all"""
    for weights, value in (node.inputs, tuple(reversed(node.inputs))):
        scores = _softmax_of(weights) if read_once(weights) else None
        found = None if scores is None else _matched(node, weights, value, scores)
        if found is not None:
            return found
    return None


def _softmax_of(weights: Node) -> _Scores | None:
    """The scores of `exp(x - max(x)) / sum(exp(x - max(x)))`, over the last axis."""
    if weights.op is not ops.divide or weights.inputs[0].op is not ops.exp:
        return None
    powers, total = weights.inputs[0], _behind_moves(weights.inputs[1])
    last = (weights.type.rank - 1,)
    if total.op is not ops.sum or total.inputs[0] is not powers or integers(total, "axes") != last:
        return None
    (shifted,) = powers.inputs
    if shifted.op is not ops.subtract:
        return None
    largest = _behind_moves(shifted.inputs[1])
    if largest.op is not ops.max or largest.inputs[0] is not shifted.inputs[0] or integers(largest, "axes") != last:
        return None
    return _scores_of(shifted.inputs[0])


def _behind_moves(node: Node) -> Node:
    while node.op in (ops.broadcast, ops.reshape, ops.stop_gradient):
        (node,) = node.inputs
    return node


def _scores_of(x: Node) -> _Scores | None:
    causal, mask = False, None
    while x.op is ops.where and is_number(x.inputs[2], HIDDEN):
        seen = x.inputs[0]
        if _is_causal(seen):
            causal = True
        elif mask is None:
            mask = seen
        else:
            return None
        x = x.inputs[1]
    scale = 1.0
    while x.op in (ops.multiply, ops.divide):
        factor = number(x.inputs[1])
        other = x.inputs[0]
        if factor is None and x.op is ops.multiply:
            factor, other = number(x.inputs[0]), x.inputs[1]
        if not factor:
            return None
        scale, x = scale * factor if x.op is ops.multiply else scale / factor, other
    return _Scores(x, scale, causal, mask) if x.op is ops.einsum else None


def _is_causal(seen: Node) -> bool:
    """Is this `range(times) >= range(times)`, the left along the last axis but one, the right along the last?"""
    while seen.op is ops.broadcast and seen.inputs[0].type.rank >= 2:
        (seen,) = seen.inputs
    rank, shape = seen.type.rank, seen.type.shape
    if seen.op is not ops.greater_equal or rank < 2 or shape[-1] != shape[-2]:
        return False
    return all(_counts_along(operand, axis) for operand, axis in zip(seen.inputs, (-2, -1), strict=True))


def _counts_along(node: Node, axis: int) -> bool:
    """Does `node` hold 0, 1, 2, ... along this axis (from the end), the same along all others?"""
    length = node.type.shape[axis]
    while node.op is ops.broadcast:
        (node,) = node.inputs
    wanted = [1] * node.type.rank
    if len(wanted) < -axis:
        return False
    wanted[axis] = length
    while node.op is ops.reshape:
        if node.type.shape != tuple(wanted):
            return False
        (node,) = node.inputs
        wanted = [length]
    return node.op is ops.array and node.type.shape == (length,) and node["value"] == tuple(range(length))


def _matched(node: Node, weights: Node, value: Node, scores: _Scores) -> Node | None:
    """The attention whose last product is `node`, where its operands stand as they must."""
    product = scores.product
    query, key = product.inputs
    if any(each.type.kind is not Kind.SAMPLE or each.type.dtype is not DType.FLOAT for each in (query, key, value)):
        return None
    by_scores = _letters(product, query, key)
    by_value = _letters(node, weights, value)
    if by_scores is None or by_value is None:
        return None
    named = _named(by_scores, by_value)
    if named is None:
        return None
    ordered = (
        _ordered(query, by_scores[0], named, named.times, named.size),
        _ordered(key, by_scores[1], named, named.keys, named.size),
        _ordered(value, _renamed(by_value[1], by_value[0], by_scores[2]), named, named.keys, named.value_size),
    )
    mask = () if scores.mask is None else (_with_heads(scores.mask, named),)
    made = ops.attention(*ordered, *mask, scale=scores.scale, causal=scores.causal)
    return _back(made, node, named, _renamed(by_value[2], by_value[0], by_scores[2]))


def _letters(product: Node, first: Node, second: Node) -> tuple[str, str, str] | None:
    """The letters of these two operands and the result; None where both are one, which says nothing of who is who."""
    operands, out = str(product["equation"]).split("->")
    left, right = operands.split(",")
    if first is product.inputs[0] and second is product.inputs[1]:
        return left, right, out
    return (right, left, out) if first is product.inputs[1] and second is product.inputs[0] else None


def _renamed(letters: str, old: str, new: str) -> str:
    """Letters of one equation in those of another, in which the array with the letters `old` has the letters `new`.

    Those that it lacks are made capitals, which no equation of the other has.
    """
    names = dict(zip(old, new, strict=True))
    return "".join(names.get(letter, letter.upper()) for letter in letters)


def _named(by_scores: tuple[str, str, str], by_value: tuple[str, str, str]) -> _Letters | None:
    """What each axis is; None where products are not those of attention, or memory not as BLAS reads it."""
    query, key, scores = by_scores
    weights, value, out = by_value
    value, out = (_renamed(letters, weights, scores) for letters in (value, out))
    if not scores or any(letter.isupper() for letter in scores):
        return None
    times, keys = [letter for letter in scores if letter not in key], [c for c in scores if c not in query]
    size = [letter for letter in query if letter not in scores]
    value_size = [letter for letter in value if letter not in scores]
    heads = [letter for letter in scores if letter in query and letter in key]
    if not (len(times) == len(keys) == len(size) == len(value_size) == 1) or len(heads) > 1:
        return None
    named = _Letters("".join(heads), times[0], keys[0], size[0], value_size[0])
    right = (
        scores == named.heads + named.times + named.keys
        and set(value) == {*heads, *keys, *value_size}
        and set(out) == {*heads, *times, *value_size}
        and set(key) == {*heads, *keys, *size}
        and query.endswith(named.size)
        and key.endswith(named.size)
        and value.endswith(named.value_size)
        and out.endswith(named.value_size)
    )
    return named if right else None


def _ordered(x: Node, letters: str, named: _Letters, places: str, size: str) -> Node:
    """A query, key or value as [places, heads, size]."""
    wanted = "".join((places, named.heads, size))
    if letters != wanted:
        x = ops.transpose(x, permutation=tuple(letters.index(letter) for letter in wanted))
    return x if named.heads else ops.reshape(x, shape=(x.type.shape[0], 1, x.type.shape[1]))


def _with_heads(mask: Node, named: _Letters) -> Node:
    return mask if named.heads else ops.reshape(mask, shape=(1, *mask.type.shape))


def _back(made: Node, like: Node, named: _Letters, letters: str) -> Node:
    """The attention in the shape and order of the product that it stands for."""
    if not named.heads:
        return ops.reshape(made, shape=like.type.shape)
    own = "".join((named.times, named.heads, named.value_size))
    return made if own == letters else ops.transpose(made, permutation=tuple(own.index(letter) for letter in letters))


def attention_in_blocks(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Each attention as one operation."""
    if all(node.op is not ops.max for node in reachable(roots)):
        return roots
    return rewrite(roots, {}, {ops.einsum: (attention_of,)})

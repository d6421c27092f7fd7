"""Attention in blocks: of all scores only those of some queries are there at a time, in the processor's cache.

queries [n, times, heads, size], keys [n, keys, heads, size], values [n, keys, heads, value size]: each query gets the
mean of the values, weighted by the softmax of `scale * query @ key`. Queries are independent of each other, so a block
has all scores that its softmaxes need. On the way back scores are computed again instead of having been kept.
(Rabe & Staats 2021, "Self-attention does not need O(n^2) memory"; Dao et al. 2022, "FlashAttention".)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from nndsl.runtime.standalone.program import Array

Where = tuple[slice, slice, slice, slice]
"""Samples, heads, queries and keys of a block."""

_HARMLESS = 40.0
"""Scores up to this size need no shift by the largest: exp of them and their sums are far from both ends of float32."""

_HIDDEN = -1e9
"""The score of a key that a query may not see."""

_QUERIES = 64
"""Queries of a head in a block, where not all fit."""

_WORTH_HALVING = 65536
"""Scores from which blocks of half a short sequence are worth it, of whose keys causal attention sees fewer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Which keys the queries of a block see.

    triangle: (part of the scores that stands on the diagonal, [queries, keys]: 1 where a key is seen, whether it is
    hidden), None unless causal. hidden: (whether a key is seen, room for the opposite), each like the scores.
    """

    triangle: tuple[Array, Array, Array] | None
    hidden: tuple[Array, Array] | None


@dataclass(frozen=True, slots=True)
class AttentionBlock:
    """Views of what some queries read and write, all but the arrays' own in memory that blocks share.

    query, value, out: [samples, heads, queries or keys, size], key: [samples, heads, size, keys]. scaled: the queries
    times `scale`. scores: [samples, heads, queries, keys], and as `rows`; sums: one number a row, as vector and column.
    """

    query: Array
    scaled: Array
    scale: Array
    key: Array
    value: Array
    out: Array
    scores: Array
    rows: Array
    sums: Array
    sum_rows: Array
    sum_column: Array
    ones: Array
    seen: Seen


@dataclass(frozen=True, slots=True)
class AttentionBlockBack:
    """A block on the way back; what has no words here is `AttentionBlock`'s, whose `out` is the attention's.

    gradient: of `out`. weighted: room for it. slopes: room like `scores`. shares: room like `sums`, as vector and
    column. first: whether no block before adds to these keys' gradients; then their rooms are not used.
    """

    block: AttentionBlock
    gradient: Array
    weighted: Array
    weighted_rows: Array
    slopes: Array
    share_rows: Array
    shares: Array
    share_column: Array
    size_ones: Array
    query_gradient: Array
    key_gradient: Array
    value_gradient: Array
    key_room: Array
    value_room: Array
    first: bool


# ------------------------------------------------------------------------------------------------ making blocks


def _ranges(length: int, size: int) -> Iterator[slice]:
    """Parts of an axis, the last one first: causal attention's last queries see all keys."""
    starts = range(0, length, size)
    return (slice(start, min(length, start + size)) for start in reversed(starts))


def _places_of_blocks(n: int, times: int, keys: int, heads: int, rows: int, causal: bool) -> Iterator[Where]:
    """Where each block is: of at most `rows` rows of scores (but one head's 32 queries)."""
    queries = times
    if causal and (times > _QUERIES or n * heads * times * keys >= _WORTH_HALVING):
        queries = _QUERIES if times > _QUERIES else max(32, -(-times // 2))
    elif heads * times > rows:
        queries = _QUERIES
    queries = min(queries, times, max(rows, 32))
    together = max(1, min(heads, rows // queries))
    samples = max(1, rows // (queries * heads)) if together == heads else 1
    for sample in _ranges(n, min(n, samples)):
        for head in _ranges(heads, together):
            for query in _ranges(times, queries):
                yield sample, head, query, slice(0, query.stop if causal else keys)


def _of_heads(array: Array, samples: slice, heads: slice, places: slice) -> Array:
    """[samples, heads, places, size] of an array [n, places, heads, size]."""
    return array[samples, places, heads].transpose(0, 2, 1, 3)


def _room(scratch: Array, *shape: int) -> Array:
    """The first elements of a flat array, in a shape."""
    return scratch[: prod(shape)].reshape(shape)


def _seen(scores: Array, mask: tuple[Array, Array] | None, where: Where, causal: bool) -> Seen:
    """mask: [n, heads, times, keys], and the scratch for its opposite."""
    samples, heads, queries, keys = where
    hidden = None
    if mask is not None:
        part = mask[0][samples, heads, queries, keys]
        hidden = part, _room(mask[1], *part.shape)
    if not causal:
        return Seen(None, hidden)
    first = queries.start if mask is None else 0
    triangle = np.tri(scores.shape[2], keys.stop - first, queries.start - first, scores.dtype)
    return Seen((scores[..., first:], triangle, triangle == 0), hidden)


def attention_blocks(
    query: Array,
    key: Array,
    value: Array,
    out: Array,
    scratch: tuple[Array, Array, Array],
    scale: float,
    causal: bool,
    mask: tuple[Array, Array] | None = None,
) -> list[AttentionBlock]:
    """The blocks that `attend` goes through, for arrays that stay where they are.

    scratch: flat, for scores, for a number a row of scores, and for as many queries. causal: query k sees the keys up
    to the kth. mask: [n, heads, times, keys], whether a key is seen, and a flat scratch like that for scores.
    """
    n, times, heads, _ = query.shape
    keys = key.shape[1]
    made: list[AttentionBlock] = []
    factor, ones = np.array(scale, query.dtype), np.ones(keys, query.dtype)
    for where in _places_of_blocks(n, times, keys, heads, scratch[1].size, causal and mask is None):
        samples, some, queries, seen = where
        asked = _of_heads(query, samples, some, queries)
        scores = _room(scratch[0], *asked.shape[:3], seen.stop)
        sums = _room(scratch[1], *asked.shape[:3])
        made.append(
            AttentionBlock(
                asked,
                _room(scratch[2], *asked.shape),
                factor,
                _of_heads(key, samples, some, seen).swapaxes(2, 3),
                _of_heads(value, samples, some, seen),
                _of_heads(out, samples, some, queries),
                scores,
                scores.reshape(-1, seen.stop),
                sums,
                sums.reshape(-1),
                sums[..., None],
                ones[: seen.stop],
                _seen(scores, mask, where, causal),
            )
        )
    return made


def attention_blocks_back(
    gradient: Array,
    out: Array,
    query: Array,
    key: Array,
    value: Array,
    packed: Array,
    scratch: tuple[Array, ...],
    scale: float,
    causal: bool,
    mask: tuple[Array, Array] | None = None,
) -> list[AttentionBlockBack]:
    """The blocks that `attend_back` goes through, for arrays that stay where they are.

    gradient: of `out`. packed: [n, numbers of a query, key and value], where the gradients go, one behind the other.
    scratch: flat, three as `attention_blocks` has them, and for slopes like scores, shares like numbers a row,
    gradients by rows of `out`, by keys and by values.
    """
    *forward, slopes, shares, weighted, keys_room, values_room = scratch
    blocks = attention_blocks(query, key, value, out, (forward[0], forward[1], forward[2]), scale, causal, mask)
    n, times, heads, _ = query.shape
    targets: list[Array] = []
    begin = 0
    for array in (query, key, value):
        size = prod(array.shape[1:])
        targets.append(packed[:, begin : begin + size].reshape(array.shape))
        begin += size
    wheres = _places_of_blocks(n, times, key.shape[1], heads, forward[1].size, causal and mask is None)
    made: list[AttentionBlockBack] = []
    for block, (samples, some, queries, seen) in zip(blocks, wheres, strict=True):
        shape, row = block.out.shape, _room(shares, *block.sums.shape)
        weights = _room(weighted, *shape)
        by_key, by_value = (_of_heads(target, samples, some, seen) for target in targets[1:])
        made.append(
            AttentionBlockBack(
                block,
                _of_heads(gradient, samples, some, queries),
                weights,
                weights.reshape(-1, shape[3]),
                _room(slopes, *block.scores.shape),
                row.reshape(-1),
                row,
                row[..., None],
                np.ones(shape[3], query.dtype),
                _of_heads(targets[0], samples, some, queries),
                by_key,
                by_value,
                _room(keys_room, *by_key.shape),
                _room(values_room, *by_value.shape),
                queries.stop == times,
            )
        )
    return made


# ------------------------------------------------------------------------------------------------ going through them


def _powers(block: AttentionBlock) -> None:
    """Exponentials of the scores, but for a factor that those of a row have in common, and their sums."""
    scores, seen = block.scores, block.seen
    np.multiply(block.query, block.scale, out=block.scaled)
    np.matmul(block.scaled, block.key, out=scores)
    if seen.hidden is None and scores.max() <= _HARMLESS and scores.min() >= -_HARMLESS:
        np.exp(scores, out=scores)
        if seen.triangle is not None:
            part, ones, _ = seen.triangle
            np.multiply(part, ones, out=part)
    else:
        _hide(scores, seen, _HIDDEN)
        np.maximum.reduce(scores, axis=3, out=block.sums)
        np.subtract(scores, block.sum_column, out=scores)
        np.exp(scores, out=scores)
    np.dot(block.rows, block.ones, out=block.sum_rows)


def _hide(scores: Array, seen: Seen, number: float) -> None:
    """The number in place of each score of a key that is not seen."""
    if seen.hidden is not None:
        mask, hidden = seen.hidden
        np.logical_not(mask, out=hidden)
        np.copyto(scores, number, where=hidden)
    if seen.triangle is not None:
        offset = scores.shape[3] - seen.triangle[2].shape[1]
        np.copyto(scores[..., offset:], number, where=seen.triangle[2])


def attend(blocks: list[AttentionBlock]) -> None:
    """What queries get, block by block."""
    for block in blocks:
        _powers(block)
        np.matmul(block.scores, block.value, out=block.out)
        np.divide(block.out, block.sum_column, out=block.out)


def attend_back(blocks: list[AttentionBlockBack]) -> None:
    """The gradients by queries, keys and values, block by block.

    With the weight p of a key and the gradient g of its query's result o, the score's slope is p * (g @ value - g @ o).
    """
    for back in blocks:
        block = back.block
        powers, slopes = block.scores, back.slopes
        np.multiply(back.gradient, block.out, out=back.weighted)
        np.dot(back.weighted_rows, back.size_ones, out=back.share_rows)
        _powers(block)
        np.divide(back.share_rows, block.sum_rows, out=back.share_rows)
        np.divide(back.gradient, block.sum_column, out=back.weighted)
        np.matmul(back.weighted, block.value.swapaxes(2, 3), out=slopes)
        np.subtract(slopes, back.share_column, out=slopes)
        np.multiply(slopes, powers, out=slopes)
        if block.seen.hidden is not None:
            _hide(slopes, block.seen, 0.0)  # a query that sees no key has weights, but none of its own choice
        np.matmul(slopes, block.key.swapaxes(2, 3), out=back.query_gradient)
        np.multiply(back.query_gradient, block.scale, out=back.query_gradient)
        by_key, by_value = (slopes.swapaxes(2, 3), block.scaled), (powers.swapaxes(2, 3), back.weighted)
        if back.first:
            np.matmul(*by_key, out=back.key_gradient)
            np.matmul(*by_value, out=back.value_gradient)
        else:
            np.matmul(*by_key, out=back.key_room)
            np.add(back.key_gradient, back.key_room, out=back.key_gradient)
            np.matmul(*by_value, out=back.value_room)
            np.add(back.value_gradient, back.value_room, out=back.value_gradient)


# ------------------------------------------------------------------------------------------------ whole


def attention_weights(query: Array, key: Array, scale: float, causal: bool, mask: Array | None = None) -> Array:
    """The weights of all keys for all queries, [n, heads, times, keys]."""
    scores = np.einsum("nthk,nshk->nhts", query, key) * np.asarray(scale, query.dtype)
    if causal:
        scores = np.where(np.tri(*scores.shape[2:], dtype=np.bool_), scores, np.asarray(_HIDDEN, query.dtype))
    if mask is not None:
        scores = np.where(mask, scores, np.asarray(_HIDDEN, query.dtype))
    powers = np.exp(scores - scores.max(3, keepdims=True))
    return powers / powers.sum(3, keepdims=True)


def attention(query: Array, key: Array, value: Array, scale: float, causal: bool, mask: Array | None = None) -> Array:
    """What each query gets, [n, times, heads, value size]."""
    return np.einsum("nhts,nshk->nthk", attention_weights(query, key, scale, causal, mask), value)


def attention_gradient(
    gradient: Array,
    out: Array,
    query: Array,
    key: Array,
    value: Array,
    scale: float,
    causal: bool,
    mask: Array | None = None,
) -> Array:
    """The gradients by query, key and value, given that by what each query gets: [n, all numbers of a sample]."""
    weights = attention_weights(query, key, scale, causal, mask)
    share = np.einsum("nthk,nthk->nht", gradient, out)[..., None]
    slopes = weights * (np.einsum("nthk,nshk->nhts", gradient, value) - share) * np.asarray(scale, query.dtype)
    if mask is not None:
        seen = mask & np.tri(*slopes.shape[2:], dtype=np.bool_) if causal else mask
        slopes = slopes * seen
    found = (
        np.einsum("nhts,nshk->nthk", slopes, key),
        np.einsum("nhts,nthk->nshk", slopes, query),
        np.einsum("nhts,nthk->nshk", weights, gradient),
    )
    return np.concatenate([each.reshape(len(each), -1) for each in found], 1)

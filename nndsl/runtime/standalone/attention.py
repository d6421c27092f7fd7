"""Attention block by block: of all scores only those of some queries are there at a time, in the processor's cache.

queries [n, times, heads, size], keys [n, keys, heads, size], values [n, keys, heads, value size]: each query gets the
mean of the values, weighted by the softmax of `scale * query @ key`. Queries are independent of each other, so a
block has all scores that its softmaxes need. On the way back scores are computed again instead of having been kept.
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

    query, value, out: [samples, heads, queries or keys, size]. key: [samples, heads, size, keys], times `scale` and in
    this order in memory, as products read it fastest; the first block of these samples and heads fills it from `keys`.
    scores: [samples, heads, queries, keys], and as `rows`; sums: one number a row, as vector and column.
    """

    query: Array
    key: Array
    keys: Array | None
    scale: Array
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
    """A block on the way back, `block`'s views being those of the way forward.

    gradient: of its queries' results; weighted: room for it. share: for each query, `scale` times the product of result
    and gradient; shares: room for it, and as a column. slopes: room like the scores. value: as `AttentionBlock` has the
    key, filled from `values`. query_gradient, key_gradient, value_gradient: where those go, of keys and values either
    the arrays' own or sums in other memory; added: rooms for what this block adds to those sums, None in the first
    one. sums: (sum, the array's own) to be copied behind the last block.
    """

    block: AttentionBlock
    gradient: Array
    weighted: Array
    share: Array
    shares: Array
    share_column: Array
    slopes: Array
    value: Array
    values: Array | None
    key: Array
    query_gradient: Array
    key_gradient: Array
    value_gradient: Array
    added: tuple[Array, Array] | None
    sums: tuple[tuple[Array, Array], ...]


@dataclass(frozen=True, slots=True)
class AttentionBack:
    """All blocks of the way back, and what they need of all queries: `products` of results and gradients, and sums."""

    gradient: Array
    out: Array
    products: Array
    rows: Array
    scale: Array
    shares: Array
    blocks: list[AttentionBlockBack]


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
    asked, seen = scores.shape[2:]
    first = 0 if mask is not None or seen <= 2 * asked else queries.start
    triangle = np.tri(asked, seen - first, queries.start - first, scores.dtype)
    return Seen((scores[..., first:], triangle, triangle == 0), hidden)


def attention_blocks(
    query: Array,
    key: Array,
    value: Array,
    out: Array,
    scratch: tuple[Array, ...],
    scale: float,
    causal: bool,
    mask: tuple[Array, Array] | None = None,
) -> list[AttentionBlock]:
    """The blocks that `attend` goes through, for arrays that stay where they are.

    scratch: flat, for scores, for a number a row of scores, and for keys. causal: query k sees the keys up to the kth.
    mask: [n, heads, times, keys], whether a key is seen, and a flat scratch like that for scores.
    """
    n, times, heads, _ = query.shape
    keys = key.shape[1]
    made: list[AttentionBlock] = []
    factor, ones = np.array(scale, query.dtype), np.ones(keys, query.dtype)
    for where in _places_of_blocks(n, times, keys, heads, scratch[1].size, causal and mask is None):
        samples, some, queries, seen = where
        asked = _of_heads(query, samples, some, queries)
        whole = _of_heads(key, samples, some, slice(0, keys)).swapaxes(2, 3)
        turned = _room(scratch[2], *whole.shape)
        scores = _room(scratch[0], *asked.shape[:3], seen.stop)
        sums = _room(scratch[1], *asked.shape[:3])
        made.append(
            AttentionBlock(
                asked,
                turned[..., seen],
                whole if queries.stop == times else None,
                factor,
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
) -> AttentionBack:
    """What `attend_back` goes through, for arrays that stay where they are.

    gradient: of `out`. packed: [n, numbers of a query, key and value], where the gradients go, one behind the other.
    scratch: like `out` and one number for each of its queries and heads; then flat ones, three as `attention_blocks`
    has them, for slopes like scores, shares like numbers a row, gradients by rows of `out`, for values, and for sums
    and what is added to them, of keys and of values each.
    """
    products, shares, *forward, slopes, row_shares, weighted, values_room = scratch[:9]
    blocks = attention_blocks(query, key, value, out, tuple(forward), scale, causal, mask)
    (n, times, heads, _), keys = query.shape, key.shape[1]
    targets: list[Array] = []
    begin = 0
    for given in (query, key, value):
        size = prod(given.shape[1:])
        targets.append(packed[:, begin : begin + size].reshape(given.shape))
        begin += size
    made: list[AttentionBlockBack] = []
    wheres = _places_of_blocks(n, times, keys, heads, forward[1].size, causal and mask is None)
    for block, (samples, some, queries, seen) in zip(blocks, wheres, strict=True):
        shape, first, last = block.out.shape, queries.stop == times, queries.start == 0
        whole = _of_heads(value, samples, some, slice(0, keys)).swapaxes(2, 3)
        own = [_of_heads(target, samples, some, slice(0, keys)) for target in targets[1:]]
        sums = own if first and last else [_room(room, *x.shape) for room, x in zip(scratch[9:11], own, strict=True)]
        ends = [x[:, :, seen] for x in sums]
        added = None if first else tuple(_room(room, *x.shape) for room, x in zip(scratch[11:], ends, strict=True))
        row = _room(row_shares, *shape[:3])
        made.append(
            AttentionBlockBack(
                block,
                _of_heads(gradient, samples, some, queries),
                _room(weighted, *shape),
                shares[samples, queries, some].transpose(0, 2, 1),
                row,
                row[..., None],
                _room(slopes, *block.scores.shape),
                _room(values_room, *whole.shape)[..., seen],
                whole if first else None,
                _of_heads(key, samples, some, seen),
                _of_heads(targets[0], samples, some, queries),
                ends[0],
                ends[1],
                None if added is None else (added[0], added[1]),
                tuple(zip(sums, own, strict=True)) if last and not first else (),
            )
        )
    rows = products.reshape(-1, products.shape[3])
    return AttentionBack(gradient, out, products, rows, np.full(rows.shape[1], scale, query.dtype), shares, made)


# ------------------------------------------------------------------------------------------------ going through them


def _powers(block: AttentionBlock) -> None:
    """Exponentials of the scores, but for a factor that those of a row have in common, and their sums."""
    scores, seen = block.scores, block.seen
    if block.keys is not None:
        np.multiply(block.keys, block.scale, out=block.key)
    np.matmul(block.query, block.key, out=scores)
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
        unseen = seen.triangle[2]
        np.copyto(scores[..., scores.shape[3] - unseen.shape[1] :], number, where=unseen)


def attend(parts: list[AttentionBlock]) -> None:
    """What queries get, block by block."""
    for block in parts:
        _powers(block)
        np.matmul(block.scores, block.value, out=block.out)
        np.divide(block.out, block.sum_column, out=block.out)


def attend_back(back: AttentionBack) -> None:
    """The gradients by queries, keys and values, block by block.

    With the weight p of a key and the gradient g of its query's result o, the score's slope is p * (g @ value - g @ o).
    """
    np.multiply(back.gradient, back.out, out=back.products)
    np.dot(back.rows, back.scale, out=back.shares.reshape(-1))
    for each in back.blocks:
        block, slopes = each.block, each.slopes
        _powers(block)
        if each.values is not None:
            np.multiply(each.values, block.scale, out=each.value)
        np.divide(each.share, block.sums, out=each.shares)
        np.divide(each.gradient, block.sum_column, out=each.weighted)
        np.matmul(each.weighted, each.value, out=slopes)
        np.subtract(slopes, each.share_column, out=slopes)
        np.multiply(slopes, block.scores, out=slopes)
        if block.seen.hidden is not None:
            _hide(slopes, block.seen, 0.0)  # a query that sees no key has weights, but none of its own choice
        np.matmul(slopes, each.key, out=each.query_gradient)
        by_key, by_value = each.added or (each.key_gradient, each.value_gradient)
        np.matmul(slopes.swapaxes(2, 3), block.query, out=by_key)
        np.matmul(block.scores.swapaxes(2, 3), each.weighted, out=by_value)
        if each.added is not None:
            np.add(each.key_gradient, by_key, out=each.key_gradient)
            np.add(each.value_gradient, by_value, out=each.value_gradient)
        for total, own in each.sums:
            np.copyto(own, total)


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

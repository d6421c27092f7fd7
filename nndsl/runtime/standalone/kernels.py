"""Functions that NumPy lacks, and numbers of the host. Those of arrays take `out=` where the planned form needs it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from nndsl.runtime.standalone.program import Array

_BLOCK = 131072
"""Elements that a function of many steps works on at a time: so many that threads, which wait for each other between
steps, seldom do, and so few that they stay near the processor."""


def in_blocks(size: int, vectors: tuple[Array, ...], scratch: tuple[Array, ...]) -> list[tuple[Array, ...]]:
    """Views of vectors of one length, `size` elements of each at a time; with them as much of each of `scratch`."""
    length = vectors[0].size
    return [
        tuple([part[start : start + size] for part in vectors] + [part[: length - start] for part in scratch])
        for start in range(0, length, size)
    ]


def bits(array: Array) -> Array:
    """The same memory as whole numbers of the same width."""
    return array.view(f"i{array.itemsize}")


def _in_blocks(function: Callable[[Array, Array], None], x: Array, out: Array | None) -> Array:
    """`out` filled by `function(x, out)`, applied to a block of elements at a time. `out` may be `x`."""
    x = np.asarray(x)
    if out is None:
        out = np.empty_like(x, order="C")
    if not (x.flags.c_contiguous and out.flags.c_contiguous):
        result = _in_blocks(function, np.array(x, order="C"), None)
        out[...] = result
        return out
    flat, results = x.reshape(-1), out.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        function(flat[start : start + _BLOCK], results[start : start + _BLOCK])
    return out


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Horner's scheme, the highest power's coefficient first."""
    value = x * coefficients[0]
    for coefficient in coefficients[1:-1]:
        value += coefficient
        value *= x
    value += coefficients[-1]
    return value


# ------------------------------------------------------------------------------------------------ the bell curve

# Cody 1969, "Rational Chebyshev approximations for the error function": erf near 0, erfc(x) * exp(x^2) behind.
_ERF = (
    1.85777706184603153e-1,
    3.16112374387056560,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_ERF_BELOW = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_ERFC = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
_ERFC_BELOW = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)
_ERF_SPLIT = 0.46875
_ERF_IS_ONE = 5.95

# In float32: erf(x) = tanh(x * p(x^2)), the polynomial p fitted to atanh(erf(x)) / x up to where erf rounds to 1, so
# that the greatest error of erf relative to its value is least (Lawson's iteration). The slope of tanh vanishes where p
# is least exact.
_ERF_32 = (
    1.418518076586823e-07,
    -5.668468191217142e-06,
    8.763728101036948e-05,
    -6.197845332394495e-04,
    -1.9183095044513396e-04,
    1.0276905585856412e-01,
    1.128379274298893,
)
_ERF_32_IS_ONE = np.float32(3.8**2)


class _Scratch(threading.local):
    """Memory for the steps of a function of float32 numbers: two blocks for each thread."""

    def __init__(self) -> None:
        self.blocks = np.empty((2, _BLOCK), np.float32)


_SCRATCH = _Scratch()


def _erf_32(x: Array, out: Array) -> None:
    squared, value = _SCRATCH.blocks[:, : x.size]
    np.square(x, out=squared)
    np.minimum(squared, _ERF_32_IS_ONE, out=squared)
    np.multiply(squared, _ERF_32[0], out=value)
    for coefficient in _ERF_32[1:-1]:
        np.add(value, coefficient, out=value)
        np.multiply(value, squared, out=value)
    np.add(value, _ERF_32[-1], out=value)
    np.multiply(value, x, out=value)
    np.tanh(value, out=out)


def _erf_64(x: Array, out: Array) -> None:
    size = np.minimum(np.abs(x), _ERF_IS_ONE)
    sign = np.sign(x)
    tail = np.exp(-np.square(size))
    tail *= _polynomial(_ERFC, size)
    tail /= _polynomial(_ERFC_BELOW, size)
    near = np.minimum(size, _ERF_SPLIT)
    squared = np.square(near)
    near *= _polynomial(_ERF, squared)
    near /= _polynomial(_ERF_BELOW, squared)
    np.copyto(near, 1.0 - tail, where=size > _ERF_SPLIT)
    np.multiply(near, sign, out=out)


def erf(x: Array, out: Array | None = None) -> Array:
    """The error function, to 2e-15 in float64 and 3e-7 in float32."""
    return _in_blocks(_erf_32 if np.asarray(x).dtype == np.float32 else _erf_64, x, out)


# Wichura 1988, "Algorithm AS 241: the percentage points of the normal distribution", PPND16: the middle and both tails.
_QUANTILE = (
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080,
)
_QUANTILE_BELOW = (
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
)
_QUANTILE_TAIL = (
    7.74545014278341407640e-4,
    2.27238449892691845833e-2,
    2.41780725177450611770e-1,
    1.27045825245236838258,
    3.64784832476320460504,
    5.76949722146069140550,
    4.63033784615654529590,
    1.42343711074968357734,
)
_QUANTILE_TAIL_BELOW = (
    1.05075007164441684324e-9,
    5.47593808499534494600e-4,
    1.51986665636164571966e-2,
    1.48103976427480074590e-1,
    6.89767334985100004550e-1,
    1.67638483018380384940,
    2.05319162663775882187,
    1.0,
)
_QUANTILE_FAR = (
    2.01033439929228813265e-7,
    2.71155556874348757815e-5,
    1.24266094738807843860e-3,
    2.65321895265761230930e-2,
    2.96560571828504891230e-1,
    1.78482653991729133580,
    5.46378491116411436990,
    6.65790464350110377720,
)
_QUANTILE_FAR_BELOW = (
    2.04426310338993978564e-15,
    1.42151175831644588870e-7,
    1.84631831751005468180e-5,
    7.86869131145613259100e-4,
    1.48753612908506148525e-2,
    1.36929880922735805310e-1,
    5.99832206555887937690e-1,
    1.0,
)


def _quantile_64(share: Array, out: Array) -> None:
    p = share.astype(np.float64)
    centred = p - 0.5
    squared = 0.180625 - np.square(centred)
    middle = centred * _polynomial(_QUANTILE, squared) / _polynomial(_QUANTILE_BELOW, squared)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.sqrt(-np.log(np.minimum(p, 1.0 - p)))
        near, far = distance - 1.6, distance - 5.0
        tail = _polynomial(_QUANTILE_TAIL, near) / _polynomial(_QUANTILE_TAIL_BELOW, near)
        end = _polynomial(_QUANTILE_FAR, far) / _polynomial(_QUANTILE_FAR_BELOW, far)
    tail = np.where(distance > 5.0, end, tail)
    tail[np.isinf(distance)] = np.inf
    out[...] = np.where(np.abs(centred) <= 0.425, middle, np.copysign(tail, centred))


def normal_quantile(share: Array, out: Array | None = None) -> Array:
    """Where the standard normal distribution has `share` of its values below: 0 gives -inf, 1 gives inf, else nan."""
    return _in_blocks(_quantile_64, share, out)


# ------------------------------------------------------------------------------------------------ rows by their numbers


class RowRoom:
    """What `scatter_add` works in, made once: for so many rows of values as `ordered` and `sums` have, [rows, rest]."""

    def __init__(self, ordered: Array, sums: Array) -> None:
        self.ordered = ordered
        self.sums = sums
        size = len(ordered)
        self.keys, self.order, self.ids, self.starts = np.zeros((4, size), np.int64)
        self.positions = np.arange(size)


def scatter_add(values: Array, ids: Array, rows: int, out: Array | None = None, room: RowRoom | None = None) -> Array:
    """Rows added up at their numbers. values: [..., rest], ids: int[...] -> [rows, rest]; every id is below `rows`.

    Equal ids stand together after sorting, so that one `reduceat` adds them up: `np.add.at` takes many times as long.
    """
    flat = values.reshape(ids.size, *values.shape[ids.ndim :])
    if out is None:
        out = np.empty((rows, *flat.shape[1:]), values.dtype)
    if room is None:
        room = RowRoom(np.empty_like(flat), np.empty_like(flat))
    np.copyto(room.ids, ids.reshape(-1))
    _add_rows(flat, out, room)
    return out


def scatter_add_each(
    values: Array, ids: Array, rows: int, out: Array | None = None, room: RowRoom | None = None
) -> Array:
    """`scatter_add` for each sample alone: [n, ..., rest] at int[n, ...] (int[1, ...] for all) -> [n, rows, rest]."""
    n, size = len(values), prod(values.shape[: ids.ndim])
    flat = values.reshape(size, *values.shape[ids.ndim :])
    if out is None:
        out = np.empty((n, rows, *flat.shape[1:]), values.dtype)
    if room is None:
        room = RowRoom(np.empty_like(flat), np.empty_like(flat))
    each = size // max(n, 1)
    places = room.ids.reshape(n, *ids.shape[1:])
    np.floor_divide(room.positions, max(each, 1), out=room.ids)
    np.multiply(room.ids, rows, out=room.ids)
    np.add(places, ids, out=places)
    _add_rows(flat, out.reshape(n * rows, *flat.shape[1:]), room)
    return out


def _add_rows(values: Array, out: Array, room: RowRoom) -> None:
    """[size, rest], at the numbers that stand in `room.ids`, added up in `out`, [rows, rest]."""
    size = len(values)
    out.fill(0)
    if not size:
        return
    keys, order, ids, starts = room.keys, room.order, room.ids, room.starts
    # Sorted by id and then by position: NumPy's `argsort` would make new arrays, and takes longer.
    np.multiply(ids, size, out=keys)
    np.add(keys, room.positions, out=keys)
    keys.sort()
    np.floor_divide(keys, size, out=ids)
    np.multiply(ids, size, out=order)
    np.subtract(keys, order, out=order)
    values.take(order, axis=0, out=room.ordered, mode="clip")
    numbers, ends = keys, order
    numbers[0] = 0
    np.not_equal(ids[1:], ids[:-1], out=numbers[1:])
    np.add.accumulate(numbers, out=numbers)
    count = int(numbers[-1]) + 1
    ends[numbers] = room.positions  # of several, the last one stays
    np.add(ends[: count - 1], 1, out=starts[1:count])
    if count == len(out):
        np.add.reduceat(room.ordered, starts[:count], axis=0, out=out)
        return
    found, sums = order[:count], room.sums[:count]
    ids.take(starts[:count], out=found, mode="clip")
    np.add.reduceat(room.ordered, starts[:count], axis=0, out=sums)
    out[found] = sums


# ------------------------------------------------------------------------------------------------ weights


def orthogonalize(matrix: Array) -> Array:
    """Q of the QR decomposition, with the signs that make R's diagonal positive; of a wide matrix, its transpose's."""
    rows, columns = matrix.shape
    q, r = np.linalg.qr(matrix if rows >= columns else matrix.T)
    q = q * np.where(np.diagonal(r) < 0, -1, 1).astype(matrix.dtype)
    return q if rows >= columns else q.T


def clip_by_norm(flat: Array, sizes: tuple[int, ...], limit: float, out: Array | None = None) -> Array:
    """Each part of `flat` (`sizes`, in order) scaled down to norm `limit` where it is longer. `out` may be `flat`."""
    if out is None:
        out = np.empty_like(flat)
    start = 0
    for size in sizes:
        part = flat[start : start + size]
        norm = math.sqrt(np.dot(part, part))
        np.multiply(part, min(1.0, limit / norm) if norm > 0 else 1.0, out=out[start : start + size])
        start += size
    return out


# ------------------------------------------------------------------------------------------------ numbers of the host


def host(function: Callable[..., Any], *numbers: float) -> float:
    """NumPy's function of numbers, in float64; what has no value is nan or infinite, without a warning."""
    with np.errstate(all="ignore"):
        return float(function(*map(np.float64, numbers)))


def _host(fast: Callable[..., float], exact: Callable[..., Any]) -> Callable[..., float]:
    """`fast` where Python has a value; where it raises instead, NumPy's: infinite or nan."""

    def compute(*numbers: float) -> float:
        try:
            return fast(*numbers)
        except (ArithmeticError, ValueError):
            return host(exact, *numbers)

    return compute


def _divided(a: float, b: float) -> float:
    return a / b


host_divide = _host(_divided, np.divide)
host_power = _host(math.pow, np.power)
host_sqrt = _host(math.sqrt, np.sqrt)
host_exp = _host(math.exp, np.exp)
host_log = _host(math.log, np.log)

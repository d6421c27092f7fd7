"""Windows over the axes behind the samples, which convolution and pooling look through, and their transposes.

Window number w along an axis begins at element `w * stride - before`; its elements are `dilation` apart. What lies
outside of the array counts as 0 where windows are copied or summed, and is never the largest.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from nndsl.runtime.standalone.program import Array

Sizes = tuple[int, ...]
Slices = tuple[slice, ...]
Part = tuple[Array, Array]
_ALL = slice(None)


def places(
    lengths: Sizes, counts: Sizes, sizes: Sizes, strides: Sizes, dilations: Sizes, before: Sizes
) -> list[tuple[Slices, Slices]]:
    """For each place in a window, in row-major order: the windows that have an element there, and those elements.

    No strides or dilations: 1 along every axis; no `before`: 0.
    """
    ones = (1,) * len(sizes)
    numbers = zip(lengths, counts, sizes, strides or ones, dilations or ones, before or (0,) * len(sizes), strict=True)
    axes: list[list[tuple[slice, slice]]] = []
    for length, count, size, stride, dilation, outside in numbers:
        axis: list[tuple[slice, slice]] = []
        for place in range(size):
            shift = place * dilation - outside
            first = min(count, max(0, -(shift // stride)))
            last = max(first, min(count, (length - 1 - shift) // stride + 1))
            begin = first * stride + shift
            end = begin + (last - first - 1) * stride + 1
            axis.append((slice(first, last), slice(begin, end, stride) if first < last else slice(0, 0)))
        axes.append(axis)
    return [(tuple(w for w, _ in chosen), tuple(e for _, e in chosen)) for chosen in product(*axes)]


def window_parts(
    windows: Array, x: Array, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> list[Part]:
    """For each place in a window the part of `windows` that holds it, and the part of `x` that stands there.

    windows: [n, counts, sizes, rest], x: [n, lengths, rest]. Both parts are views, of one shape.
    """
    end = 1 + windows.ndim - x.ndim
    counts, sizes = windows.shape[1:end], windows.shape[end : 2 * end - 1]
    found = places(x.shape[1:end], counts, sizes, strides, dilations, before)
    return [
        (windows[(_ALL, *which, *place)], x[(_ALL, *elements)])
        for place, (which, elements) in zip(np.ndindex(*sizes), found, strict=True)
    ]


def _alike(
    length: int, count: int, size: int, stride: int, dilation: int, outside: int
) -> list[tuple[slice, slice, int]]:
    """Along an axis: windows that have the same places inside of `length`, those places, and the first's element."""
    found: list[tuple[slice, slice, int]] = []
    for window in range(count):
        begin = window * stride - outside
        first = max(0, -(begin // dilation))
        last = min(size, (length - 1 - begin) // dilation + 1)
        if first >= last:
            continue
        if found and found[-1][0].stop == window and found[-1][1] == slice(first, last):
            windows, places, element = found[-1]
            found[-1] = (slice(windows.start, window + 1), places, element)
        else:
            found.append((slice(window, window + 1), slice(first, last), begin + first * dilation))
    return found


def window_blocks(
    windows: Array, x: Array, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> list[Part]:
    """Parts of `windows` that are together all that lies in `x`, and what stands there, to copy in few long runs.

    windows: [n, counts, sizes, rest], x: [n, lengths, rest]. Both parts are views, of one shape, and that of `x` is
    only to be read: windows share elements. Windows with the same places inside are one part, whose innermost run in
    memory is a window's row; with one number an element, a part for each place has longer ones, of a row of windows.
    """
    end = 1 + windows.ndim - x.ndim
    axes = end - 1
    counts, sizes = windows.shape[1:end], windows.shape[end : end + axes]
    ones = (1,) * axes
    strides, dilations, before = strides or ones, dilations or ones, before or (0,) * axes
    if x.shape[end:] == (1,) * (x.ndim - end) and counts[-1] > sizes[-1]:
        return window_parts(windows, x, strides=strides, dilations=dilations, before=before)
    alike = [_alike(*each) for each in zip(x.shape[1:end], counts, sizes, strides, dilations, before, strict=True)]
    parts: list[Part] = []
    for block in product(*alike):
        inside = [places for _, places, _ in block]
        spans = [(p.stop - p.start - 1) * step + 1 for p, step in zip(inside, dilations, strict=True)]
        slid = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(1, end)))
        slid = np.moveaxis(slid, range(x.ndim, x.ndim + axes), range(end, end + axes))
        begins = tuple(
            slice(element, element + (which.stop - which.start - 1) * stride + 1, stride)
            for (which, _, element), stride in zip(block, strides, strict=True)
        )
        elements = slid[(_ALL, *begins, *(slice(None, None, step) for step in dilations))]
        parts.append((windows[(_ALL, *(which for which, _, _ in block), *inside)], elements))
    return parts


def window_edges(
    windows: Array, x: Array, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> list[Array]:
    """Views of the parts of `windows` that lie outside of `x`."""
    end = 1 + windows.ndim - x.ndim
    counts, sizes = windows.shape[1:end], windows.shape[end : 2 * end - 1]
    found = places(x.shape[1:end], counts, sizes, strides, dilations, before)
    edges: list[Array] = []
    for place, (which, _) in zip(np.ndindex(*sizes), found, strict=True):
        for axis, inside in enumerate(which):
            for outside in (slice(0, inside.start), slice(inside.stop, counts[axis])):
                if outside.start < outside.stop:
                    chosen = [outside if other == axis else _ALL for other in range(len(counts))]
                    edges.append(windows[(_ALL, *chosen, *place)])
    return edges


def pool_parts(
    pooled: Array, x: Array, sizes: Sizes, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> list[Part]:
    """For each place in a window the part of `pooled` that has one there, and the part of `x` that stands there.

    pooled: [n, counts, rest], x: [n, lengths, rest]. Both parts are views, of one shape.
    """
    end = 1 + len(sizes)
    found = places(x.shape[1:end], pooled.shape[1:end], sizes, strides, dilations, before)
    return [(pooled[(_ALL, *which)], x[(_ALL, *elements)]) for which, elements in found]


def mark_parts(
    marks: Array, x: Array, sizes: Sizes, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> list[Array]:
    """For each place in a window the part of `marks`, [n, places, counts, rest], that has an element of `x` there."""
    end = 1 + len(sizes)
    found = places(x.shape[1:end], marks.shape[2 : 1 + end], sizes, strides, dilations, before)
    return [marks[(_ALL, place, *which)] for place, (which, _) in enumerate(found)]


# ------------------------------------------------------------------------------------------------ over lists of parts

# Each goes through (small, large) parts: of windows or pooled values, and of the array that they slide over.


def clear_parts(parts: list[Array]) -> None:
    """Zeros everywhere."""
    for part in parts:
        part.fill(0.0)


def gather_parts(parts: list[Part]) -> None:
    """What stands in large parts, into small ones."""
    for small, large in parts:
        np.copyto(small, large)


def scatter_parts(parts: list[Part]) -> None:
    """What stands in small parts, into large ones, which do not overlap."""
    for small, large in parts:
        np.copyto(large, small)


def add_parts(parts: list[Part]) -> None:
    """Small parts added to large ones."""
    for small, large in parts:
        np.add(large, small, out=large)


def sum_parts(parts: list[Part]) -> None:
    """Large parts added to small ones."""
    for small, large in parts:
        np.add(small, large, out=small)


def maximum_parts(parts: list[Part]) -> None:
    """Small parts raised to large ones, where those are larger."""
    for small, large in parts:
        np.maximum(small, large, out=small)


def largest_of_parts(parts: list[Part]) -> None:
    """The largest of large parts into small ones, which are whole: no window reaches outside."""
    (small, first), *others = parts
    if not others:
        np.copyto(small, first)
        return
    np.maximum(first, others[0][1], out=small)
    maximum_parts(others[1:])


def mark_first_maxima(parts: list[Part], marked: list[Array], marks: Array, largest: Array, taken: Array) -> None:
    """True in `marks`, [n, places, counts, rest], where a place holds its window's first maximum.

    parts: `pool_parts` of `largest` and x; marked: `mark_parts` of `marks` and x. largest, taken: [n, counts, rest],
    overwritten by the maximum (of all places but the last) and by anything.
    """
    final = len(parts) - 1
    whole = all(mark.size == taken.size for mark in marked)
    if whole and not final:
        marks.fill(True)
        return
    if whole:
        np.copyto(largest, parts[0][1])
        begin = 1
    else:
        largest.fill(-np.inf)
        marks.fill(False)
        begin = 0
    for place in range(begin, final + 1):
        best, x = parts[place]
        np.greater(x, best, out=marked[place])
        if place < final:
            np.maximum(x, best, out=best)
    # By now a mark says "larger than all before": the last one in a window is at its first maximum.
    np.copyto(taken, marks[:, final])
    for place in range(final - 1, begin - 1, -1):
        mark = marks[:, place]
        np.greater(mark, taken, out=mark)
        np.logical_or(mark, taken, out=taken)
    if begin:
        np.logical_not(taken, out=marks[:, 0])


def scatter_marked(parts: list[Part], marked: list[Array]) -> None:
    """Small parts into large ones, which do not overlap, where they are marked; zeros where not."""
    for (small, large), mark in zip(parts, marked, strict=True):
        np.multiply(small, mark, out=large)


def add_marked(parts: list[Part], products: list[Part], marked: list[Array]) -> None:
    """Small parts added to large ones where they are marked. products: like `parts`, overwritten by anything."""
    for (small, large), (each, _), mark in zip(parts, products, marked, strict=True):
        np.multiply(small, mark, out=each)
        np.add(large, each, out=large)


def gather_marked(parts: list[Part], marked: list[Array]) -> None:
    """Large parts into small ones where they are marked."""
    for (small, large), mark in zip(parts, marked, strict=True):
        np.copyto(small, large, where=mark)


# ------------------------------------------------------------------------------------------------ whole functions


def windows(
    x: Array, sizes: Sizes, counts: Sizes, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> Array:
    """The windows of x: [n, lengths, rest] -> [n, counts, sizes, rest]."""
    out = np.zeros((len(x), *counts, *sizes, *x.shape[1 + len(sizes) :]), x.dtype)
    gather_parts(window_blocks(out, x, strides=strides, dilations=dilations, before=before))
    return out


def fold_windows(
    windows: Array, lengths: Sizes, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> Array:
    """The transpose of `windows`: every element the sum of where it stands in windows; [n, lengths, rest]."""
    out = np.zeros((len(windows), *lengths, *windows.shape[1 + 2 * len(lengths) :]), windows.dtype)
    add_parts(window_parts(windows, out, strides=strides, dilations=dilations, before=before))
    return out


def window_sum(
    x: Array, sizes: Sizes, counts: Sizes, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> Array:
    """The sum of each window: [n, lengths, rest] -> [n, counts, rest]."""
    out = np.zeros((len(x), *counts, *x.shape[1 + len(sizes) :]), x.dtype)
    sum_parts(pool_parts(out, x, sizes, strides=strides, dilations=dilations, before=before))
    return out


def spread_windows(
    sums: Array, sizes: Sizes, lengths: Sizes, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> Array:
    """The transpose of `window_sum`: every element the sum of the windows that it lies in; [n, lengths, rest]."""
    out = np.zeros((len(sums), *lengths, *sums.shape[1 + len(sizes) :]), sums.dtype)
    add_parts(pool_parts(sums, out, sizes, strides=strides, dilations=dilations, before=before))
    return out


def window_max(
    x: Array, sizes: Sizes, counts: Sizes, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> Array:
    """The maximum of each window: [n, lengths, rest] -> [n, counts, rest]."""
    out = np.full((len(x), *counts, *x.shape[1 + len(sizes) :]), -np.inf, x.dtype)
    maximum_parts(pool_parts(out, x, sizes, strides=strides, dilations=dilations, before=before))
    return out


def first_maxima(
    x: Array, sizes: Sizes, counts: Sizes, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> list[Array]:
    """For each place in a window, whether it holds the window's first maximum: as `mark_parts`, of new marks."""
    shape = (*counts, *x.shape[1 + len(sizes) :])
    marks = np.empty((len(x), int(np.prod(sizes)), *shape), np.bool_)
    largest = np.empty((len(x), *shape), x.dtype)
    parts = pool_parts(largest, x, sizes, strides=strides, dilations=dilations, before=before)
    marked = mark_parts(marks, x, sizes, strides=strides, dilations=dilations, before=before)
    mark_first_maxima(parts, marked, marks, largest, np.empty(largest.shape, np.bool_))
    return marked


def put_at_maxima(
    values: Array, x: Array, sizes: Sizes, *, strides: Sizes = (), dilations: Sizes = (), before: Sizes = ()
) -> Array:
    """Each window's value put where x has the window's first maximum, added up: [n, counts, rest] -> like x."""
    counts = values.shape[1 : 1 + len(sizes)]
    marked = first_maxima(x, sizes, counts, strides=strides, dilations=dilations, before=before)
    out = np.zeros(x.shape, values.dtype)
    parts = pool_parts(values, out, sizes, strides=strides, dilations=dilations, before=before)
    products = pool_parts(np.empty_like(values), out, sizes, strides=strides, dilations=dilations, before=before)
    add_marked(parts, products, marked)
    return out


def take_at_maxima(
    values: Array,
    x: Array,
    sizes: Sizes,
    counts: Sizes,
    *,
    strides: Sizes = (),
    dilations: Sizes = (),
    before: Sizes = (),
) -> Array:
    """The element of `values` that stands where x has its window's first maximum: like x -> [n, counts, rest]."""
    marked = first_maxima(x, sizes, counts, strides=strides, dilations=dilations, before=before)
    out = np.zeros((len(x), *counts, *x.shape[1 + len(sizes) :]), values.dtype)
    gather_marked(pool_parts(out, values, sizes, strides=strides, dilations=dilations, before=before), marked)
    return out

"""Convolutions, poolings and their kin against PyTorch: outputs, and gradients by inputs and weights."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
functional = torch.nn.functional

from tests.library.test_layers import check, normal  # noqa: E402

CONVOLUTION = {1: functional.conv1d, 2: functional.conv2d}
MAXIMUM = {1: functional.max_pool1d, 2: functional.max_pool2d}


# ------------------------------------------------------------------------------------------------ by hand, in PyTorch


def first(x):
    """Channels behind the samples, as PyTorch has them."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def padded(x, padding, sizes, strides, dilations, value=0.0):
    """`x`, [n, channels, lengths], with what Keras adds around it for `padding`."""
    widths = []
    for length, size, stride, dilation in zip(x.shape[2:], sizes, strides, dilations, strict=True):
        reach = (size - 1) * dilation + 1
        total = max((-(-length // stride) - 1) * stride + reach - length, 0)
        widths.append({"valid": (0, 0), "same": (total // 2, total - total // 2), "causal": (reach - 1, 0)}[padding])
    return functional.pad(x, [end for width in reversed(widths) for end in width], value=value)


def convolution(x, kernel, strides, padding, dilations, groups=1):
    """x: [n, lengths, channels], kernel: [sizes, channels / groups, filters]."""
    rank = kernel.ndim - 2
    kernel = kernel.permute(rank + 1, rank, *range(rank))
    x = padded(first(x), padding, kernel.shape[2:], strides, dilations)
    return last(CONVOLUTION[rank](x, kernel, stride=strides, dilation=dilations, groups=groups))


def transposed_convolution(x, kernel, strides, padding, dilations, more):
    """A convolution of what has zeros between its elements, padded as Keras does for its JAX backend."""
    rank = kernel.ndim - 2
    x, widths = first(x), []
    shape = [(length - 1) * stride + 1 for length, stride in zip(x.shape[2:], strides, strict=True)]
    spread = torch.zeros((*x.shape[:2], *shape), dtype=x.dtype)
    spread[(..., *[slice(None, None, stride) for stride in strides])] = x
    for size, stride, dilation, extra in zip(kernel.shape[:rank], strides, dilations, more, strict=True):
        reach = (size - 1) * dilation + 1
        if padding == "valid":
            widths.append((reach - 1, reach - 1 + (max(reach, stride) - reach if extra is None else extra)))
        else:
            total = stride + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
            left = min(total // 2 + total % 2, reach - 1)
            widths.append((left, total - left))
    spread = functional.pad(spread, [end for width in reversed(widths) for end in width])
    kernel = kernel.flip(tuple(range(rank))).permute(rank, rank + 1, *range(rank))
    return last(CONVOLUTION[rank](spread, kernel, dilation=dilations))


def pooled(x, kind, sizes, strides, padding):
    x, rank = first(x), len(sizes)
    ones = (1,) * rank
    if kind == "max":
        return last(MAXIMUM[rank](padded(x, padding, sizes, strides, ones, -np.inf), sizes, strides))
    channels = x.shape[1]
    kernel = torch.ones((channels, 1, *sizes), dtype=x.dtype)
    sums, counts = (
        CONVOLUTION[rank](padded(each, padding, sizes, strides, ones), kernel, stride=strides, groups=channels)
        for each in (x, torch.ones_like(x))
    )
    return last(sums / counts)


# ------------------------------------------------------------------------------------------------ how layers are called


def option(name, value, usual):
    return "" if value == usual else f", {name}={value}"


def pitch(case):
    strides, padding, dilations = case
    usual = [1] * len(strides)
    return option("strides", list(strides), usual) + option("padding", padding, "valid") + option(
        "dilation_rate", list(dilations), usual
    )  # fmt: skip


LINES = [
    # (length, size), (strides, padding, dilations)
    ((7, 3), ((2,), "same", (1,))),
    ((8, 3), ((2,), "same", (1,))),
    ((7, 4), ((3,), "same", (1,))),
    ((7, 3), ((1,), "causal", (2,))),
    ((7, 3), ((1,), "same", (2,))),
    ((7, 1), ((3,), "valid", (1,))),
    ((5, 5), ((1,), "valid", (1,))),
]
PLANES = [
    ((5, 6), (3, 3), ((1, 1), "valid", (1, 1))),
    ((5, 6), (3, 3), ((1, 1), "same", (1, 1))),
    ((7, 5), (2, 4), ((2, 3), "same", (1, 1))),
    ((7, 8), (3, 2), ((2, 1), "valid", (1, 1))),
    ((7, 6), (3, 2), ((1, 1), "same", (2, 3))),
    ((4, 4), (1, 1), ((1, 1), "valid", (1, 1))),
]


def compared(made_by, wanted, lengths, counts, channels, filters, weights, close, precision="float64", level=1):
    values = normal(3, *lengths, channels)
    direction = normal(3, *counts, filters, seed=6)
    made = made_by(values, direction, precision=precision, level=level)
    check(made, wanted, values, direction, weights, precision, close)


def outputs(lengths, sizes, case):
    """How many windows Keras has along each axis."""
    strides, padding, dilations = case
    counts = []
    for length, size, stride, dilation in zip(lengths, sizes, strides, dilations, strict=True):
        reach = (size - 1) * dilation + 1
        counts.append((length - reach) // stride + 1 if padding == "valid" else -(-length // stride))
    return counts


def is_convolution(step, wanted, lengths, sizes, case, probe, close, *, channels=2, filters=4, weights, **more):
    compared(
        lambda *arrays, **how: probe(step + pitch(case) + ")", *arrays, **how),
        wanted, lengths, outputs(lengths, sizes, case), channels, filters, weights, close, **more,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ convolution


@pytest.mark.parametrize(("size", "case"), LINES, ids=str)
def test_conv1d_is_pytorchs(size, case, probe, close):
    length, size = size
    weights = {"kernel": normal(size, 2, 4, seed=7), "bias": normal(4, seed=8)}

    def wanted(x, w):
        return convolution(x, w["kernel"], *case) + w["bias"]

    is_convolution(f"Conv1D(4, {size}", wanted, (length,), (size,), case, probe, close, weights=weights)


@pytest.mark.parametrize(("lengths", "sizes", "case"), PLANES, ids=str)
def test_conv2d_is_pytorchs(lengths, sizes, case, probe, close):
    weights = {"kernel": normal(*sizes, 2, 4, seed=7), "bias": normal(4, seed=8)}

    def wanted(x, w):
        return convolution(x, w["kernel"], *case) + w["bias"]

    is_convolution(f"Conv2D(4, {list(sizes)}", wanted, lengths, sizes, case, probe, close, weights=weights)


@pytest.mark.parametrize(("precision", "level"), [("float64", 0), ("float64", 1), ("float32", 1)])
def test_conv2d_in_every_form_with_groups_activation_and_no_bias(precision, level, probe, close):
    weights = {"kernel": normal(3, 2, 2, 6, seed=7)}
    case = ((2, 1), "same", (1, 1))

    def wanted(x, w):
        return functional.leaky_relu(convolution(x, w["kernel"], *case, groups=2), 0.1)

    is_convolution(
        "Conv2D(6, [3, 2], groups=2, use_bias=false, activation=leaky_relu(negative_slope=0.1)",
        wanted, (5, 4), (3, 2), case, probe, close,
        channels=4, filters=6, weights=weights, precision=precision, level=level,
    )  # fmt: skip


@pytest.mark.parametrize(
    "case", [((1, 1), "valid", (1, 1)), ((2, 2), "same", (1, 1)), ((1, 1), "same", (2, 2))], ids=str
)
@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_conv2d_is_pytorchs(case, multiplier, probe, close):
    filters = 3 * multiplier
    weights = {"kernel": normal(3, 2, 3, multiplier, seed=7), "bias": normal(filters, seed=8)}

    def wanted(x, w):
        kernel = w["kernel"].reshape(3, 2, 1, filters)
        return convolution(x, kernel, *case, groups=3) + w["bias"]

    step = f"DepthwiseConv2D([3, 2], depth_multiplier={multiplier}"
    is_convolution(step, wanted, (6, 5), (3, 2), case, probe, close, channels=3, filters=filters, weights=weights)


@pytest.mark.parametrize("case", [((1,), "valid", (1,)), ((2,), "causal", (1,))], ids=str)
def test_depthwise_conv1d_is_pytorchs(case, probe, close):
    weights = {"kernel": normal(3, 3, 2, seed=7), "bias": normal(6, seed=8)}

    def wanted(x, w):
        return convolution(x, w["kernel"].reshape(3, 1, 6), *case, groups=3) + w["bias"]

    step = "DepthwiseConv1D(3, depth_multiplier=2"
    is_convolution(step, wanted, (7,), (3,), case, probe, close, channels=3, filters=6, weights=weights)


@pytest.mark.parametrize("rank", [1, 2])
def test_separable_convolution_is_depthwise_then_pointwise(rank, probe, close):
    sizes, lengths = (3, 2)[:rank], (6, 5)[:rank]
    case = ((2,) * rank, "same", (1,) * rank)
    weights = {
        "depthwise_kernel": normal(*sizes, 3, 2, seed=7),
        "pointwise_kernel": normal(*(1,) * rank, 6, 4, seed=8),
        "bias": normal(4, seed=9),
    }

    def wanted(x, w):
        alone = convolution(x, w["depthwise_kernel"].reshape(*sizes, 1, 6), *case, groups=3)
        return alone @ w["pointwise_kernel"].reshape(6, 4) + w["bias"]

    step = f"SeparableConv{rank}D(4, {list(sizes)}, depth_multiplier=2"
    is_convolution(step, wanted, lengths, sizes, case, probe, close, channels=3, weights=weights)


@pytest.mark.parametrize(
    ("size", "stride", "padding", "dilation", "more"),
    [
        (3, 1, "valid", 1, None),
        (2, 3, "valid", 1, None),
        (3, 2, "same", 1, None),
        (2, 3, "same", 1, None),
        (3, 3, "same", 1, None),
        (4, 2, "same", 1, None),
        (1, 2, "same", 1, None),
        (3, 1, "same", 2, None),
        (2, 1, "valid", 2, None),
        (3, 2, "valid", 1, 1),
        (3, 3, "same", 1, 2),
        (4, 3, "same", 1, 0),
    ],
)
def test_conv1d_transpose_is_pytorchs(size, stride, padding, dilation, more, probe, close):
    weights = {"kernel": normal(size, 3, 2, seed=7), "bias": normal(3, seed=8)}

    def wanted(x, w):
        return transposed_convolution(x, w["kernel"], (stride,), padding, (dilation,), (more,)) + w["bias"]

    counts = wanted(torch.zeros(1, 4, 2, dtype=torch.float64), {k: torch.tensor(v) for k, v in weights.items()}).shape[
        1:-1
    ]
    step = (
        f"Conv1DTranspose(3, {size}" + pitch(((stride,), padding, (dilation,))) + option("output_padding", more, None)
    )
    compared(lambda *a, **how: probe(step + ")", *a, **how), wanted, (4,), counts, 2, 3, weights, close)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_conv2d_transpose_is_pytorchs(padding, probe, close):
    weights = {"kernel": normal(3, 2, 3, 2, seed=7), "bias": normal(3, seed=8)}

    def wanted(x, w):
        return transposed_convolution(x, w["kernel"], (2, 3), padding, (1, 1), (None, None)) + w["bias"]

    counts = (7, 9) if padding == "valid" else (6, 9)
    step = f"Conv2DTranspose(3, [3, 2], strides=[2, 3], padding={padding})"
    compared(lambda *a, **how: probe(step, *a, **how), wanted, (3, 3), counts, 2, 3, weights, close)


def test_kernels_start_as_keras_starts_them(probe):
    made = probe("Conv2D(50, 3)", normal(1, 5, 5, 30), normal(1, 3, 3, 50))
    limit = np.sqrt(6 / (9 * 80))
    assert 0.95 * limit < np.abs(made.network.weight("step/kernel")).max() <= limit
    assert not made.network.weight("step/bias").any()


# ------------------------------------------------------------------------------------------------ pooling


POOLINGS = [
    ((8, 6), (2, 2), None, "valid"),
    ((7, 5), (2, 2), None, "valid"),
    ((7, 5), (2, 2), None, "same"),
    ((7, 6), (3, 2), (2, 2), "same"),
    ((7, 6), (3, 3), (1, 2), "valid"),
    ((7, 7), (2, 2), (3, 3), "valid"),
    ((7,), (2,), None, "valid"),
    ((7,), (3,), (2,), "same"),
]


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(("lengths", "sizes", "strides", "padding"), POOLINGS, ids=str)
def test_pooling_is_pytorchs(kind, lengths, sizes, strides, padding, probe, close):
    rank = len(sizes)
    name = {"max": "MaxPooling", "average": "AveragePooling"}[kind]
    step = f"{name}{rank}D({list(sizes)}" + option("strides", strides and list(strides), None)
    step += option("padding", padding, "valid") + ")"
    strides = strides or sizes
    counts = outputs(lengths, sizes, (strides, padding, (1,) * rank))
    compared(
        lambda *a, **how: probe(step, *a, **how),
        lambda x, w: pooled(x, kind, sizes, strides, padding),
        lengths, counts, 2, 2, {}, close,
    )  # fmt: skip


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("step", ["MaxPooling2D", "MaxPooling2D(3, strides=1, padding=same)"])
def test_max_pooling_gives_its_gradient_to_the_first_of_equals(step, level, probe):
    values, strided = np.zeros((1, 4, 4, 1)), step == "MaxPooling2D"
    direction = np.ones((1, 2, 2, 1) if strided else (1, 4, 4, 1))
    made = probe(step, values, direction, level=level)
    made.train()
    expected = np.zeros((4, 4))
    if strided:
        expected[::2, ::2] = 1
    else:
        for row, column in np.ndindex(4, 4):  # the window's first element inside of the image
            expected[max(row - 1, 0), max(column - 1, 0)] += 1
    np.testing.assert_array_equal(made.input_gradient()[0, :, :, 0], expected)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("kind", ["Max", "Average"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pooling_takes_all_of_each_channel(rank, kind, keepdims, probe, close):
    lengths = (5, 3)[:rank]
    axes = tuple(range(1, rank + 1))
    step = f"Global{kind}Pooling{rank}D" + ("(keepdims=true)" if keepdims else "")

    def wanted(x, w):
        return (x.amax if kind == "Max" else x.mean)(axes, keepdim=keepdims)

    counts = (1,) * rank if keepdims else ()
    compared(lambda *a, **how: probe(step, *a, **how), wanted, lengths, counts, 4, 4, {}, close)


# ------------------------------------------------------------------------------------------------ borders and sizes


@pytest.mark.parametrize(
    ("step", "shape", "wanted"),
    [
        ("ZeroPadding1D", (4, 2), lambda x: functional.pad(x, (0, 0, 1, 1))),
        ("ZeroPadding1D([0, 2])", (4, 2), lambda x: functional.pad(x, (0, 0, 0, 2))),
        ("ZeroPadding2D", (3, 4, 2), lambda x: functional.pad(x, (0, 0, 1, 1, 1, 1))),
        ("ZeroPadding2D([1, 2])", (3, 4, 2), lambda x: functional.pad(x, (0, 0, 2, 2, 1, 1))),
        ("ZeroPadding2D([[1, 0], [0, 2]])", (3, 4, 2), lambda x: functional.pad(x, (0, 0, 0, 2, 1, 0))),
        ("Cropping1D", (4, 2), lambda x: x[:, 1:3]),
        ("Cropping1D([0, 2])", (4, 2), lambda x: x[:, :2]),
        ("Cropping2D", (3, 4, 2), lambda x: x),
        ("Cropping2D(1)", (3, 4, 2), lambda x: x[:, 1:2, 1:3]),
        ("Cropping2D([[1, 0], [0, 2]])", (3, 4, 2), lambda x: x[:, 1:, :2]),
        ("UpSampling1D(3)", (4, 2), lambda x: x.repeat_interleave(3, 1)),
        ("UpSampling2D", (3, 4, 2), lambda x: x.repeat_interleave(2, 1).repeat_interleave(2, 2)),
        ("UpSampling2D([1, 3])", (3, 4, 2), lambda x: x.repeat_interleave(3, 2)),
        (
            "UpSampling2D([3, 2], interpolation=bilinear)",
            (3, 4, 2),
            lambda x: last(functional.interpolate(first(x), scale_factor=(3, 2), mode="bilinear", align_corners=False)),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_borders_and_sizes_are_pytorchs(step, shape, wanted, probe, close):
    out = wanted(torch.zeros(1, *shape)).shape[1:]
    values, direction = normal(3, *shape), normal(3, *out, seed=6)
    check(probe(step, values, direction), lambda x, w: wanted(x), values, direction, {}, "float64", close)

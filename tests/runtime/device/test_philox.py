"""Draws in a kernel are those of the host: bit for bit, and normal numbers to a few units in the last place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nndsl.runtime.device.philox import PHILOX
from nndsl.runtime.standalone import random as draws

KINDS = ("uniform", "normal", "bernoulli")
SITE = draws.site_key("Digits/dropout")
PROBABILITY = 0.3

KERNEL = """
extern "C" __global__ void draw(OUT* out, unsigned long long seed, unsigned long long site, unsigned long long step,
        unsigned long long first, int samples, int size) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < samples * size) out[i] = KIND_at(seed, site, step, first + i / size, i % size, size MORE);
}
"""


def on_the_device(
    kind: str, dtype: type, shape: tuple[int, int], seed: int, site: int, step: int, first: int, index: str = "int"
) -> np.ndarray[Any, Any]:
    import cupy

    real = "double" if dtype is np.float64 else "float"
    threshold = f", {round(PROBABILITY * 65536)}u" if kind == "bernoulli" else ""
    source = KERNEL.replace("KIND", kind).replace("OUT", "bool" if kind == "bernoulli" else real)
    types = f"typedef {real} real;\ntypedef {index} index;\n"
    kernel = cupy.RawKernel(types + PHILOX + source.replace("MORE", threshold), "draw", ("-std=c++17",))
    out = cupy.empty(shape, np.bool_ if kind == "bernoulli" else dtype)
    numbers = [np.uint64(number) for number in (seed, site, step, first)]
    kernel((-(-out.size // 128),), (128,), (out, *numbers, np.int32(shape[0]), np.int32(shape[1])))
    return out.get()


def on_the_host(
    kind: str, dtype: type, shape: tuple[int, int], seed: int, site: int, step: int, first: int
) -> np.ndarray[Any, Any]:
    if kind == "bernoulli":
        return draws.bernoulli(np.empty(shape, bool), seed, site, step, first, PROBABILITY)
    return getattr(draws, kind)(np.empty(shape, dtype), seed, site, step, first)


def check(kind: str, dtype: type, drawn: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> None:
    if kind == "normal":
        # The host's logarithm, sine and cosine, and the device's, are each within two units in the last place.
        np.testing.assert_allclose(drawn, expected, rtol=6 * np.finfo(dtype).eps, atol=0)
    else:
        np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_draws_the_hosts_numbers(device, kind, dtype):
    """For sizes around whole blocks of 256 bits, with odd halves, and addresses beyond 32 bits."""
    for shape, first, step in (((5, 1), 0, 0), ((7, 17), 3, 5), ((3, 128), 2**33, 2**40), ((2, 1001), 64, 9)):
        address = (2**63 + 12345, SITE, step, first)
        drawn = on_the_device(kind, dtype, shape, *address)
        check(kind, dtype, drawn, on_the_host(kind, dtype, shape, *address))


@pytest.mark.parametrize("kind", KINDS)
def test_wide_indices_draw_the_same(device, kind):
    address = (3, SITE, 5, 7)
    drawn = [on_the_device(kind, np.float32, (4, 37), *address, index=index) for index in ("int", "long long")]
    np.testing.assert_array_equal(*drawn)

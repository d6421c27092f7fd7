"""NVRTC takes the device's runtime for each architecture, and says what is wrong where something is."""

from __future__ import annotations

import pytest

from nndsl.runtime.device.philox import PHILOX
from tests import nvrtc

pytestmark = nvrtc.needed

TYPES = "typedef {real} real;\ntypedef int index;\n"
DRAWS = """
extern "C" __global__ void __launch_bounds__(256) draw(real* out, bool* mask, unsigned long long step, int size) {
    __shared__ real kept[256];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    kept[threadIdx.x] = uniform_at(1ull, 2ull, step, 0ull, i, size);
    __syncthreads();
    out[i] = normal_at(1ull, 2ull, step, 0ull, i, size) + kept[255 - threadIdx.x];
    mask[i] = bernoulli_at(1ull, 2ull, step, 0ull, i, size, 6554u);
}
"""


@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
def test_draws_compile_for_each_architecture(architecture, real):
    taken = nvrtc.resources(TYPES.format(real=real) + PHILOX + DRAWS, architecture)
    assert taken["draw"].spilled == 0
    assert taken["draw"].shared == 256 * (4 if real == "float" else 8)
    assert 0 < taken["draw"].registers <= 255


def test_a_mistake_is_told_with_its_line():
    with pytest.raises(nvrtc.NvrtcError, match=r'(?s)sm_90.*kernels.cu\(2\): error: identifier "y"'):
        nvrtc.resources('extern "C" __global__ void work(float* x) {\n  x[0] = y;\n}', "sm_90")


def test_bfloat16_is_found_among_the_headers():
    source = '#include <cuda_bf16.h>\nextern "C" __global__ void work(__nv_bfloat16* x) { x[0] = (float)x[1] + 1.0f; }'
    assert nvrtc.resources(source, "sm_90").keys() == {"work"}

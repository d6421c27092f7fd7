"""The stand-in's kernels: they do what CUDA's would, and what CUDA would let pass silently is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from . import DeviceError, Machine, SourceError, standin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Launch = "Callable[..., None]"


@pytest.fixture
def machine() -> Iterator[Machine]:
    with standin() as device:
        yield device


def kernel(body: str, parameters: str = "const float* x, float* out, int n", before: str = "", **options: Any) -> Any:
    import cupy

    code = f'{before}\nextern "C" __global__ void work({parameters}) {{\n{body}\n}}\n'
    return cupy.RawModule(code=code, **options).get_function("work")


def given(*values: Any) -> tuple[Any, ...]:
    """Device arrays and NumPy scalars of `values`."""
    import cupy

    return tuple(cupy.asarray(value) if isinstance(value, np.ndarray) else value for value in values)


ADD_ONE = "int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) out[i] = x[i] + 1.0f;"

WARP_SUM = """
__device__ __forceinline__ float warp_sum(float v) {
    for (int by = 16; by > 0; by >>= 1) v += __shfl_down_sync(0xffffffffu, v, by);
    return v;
}
"""
ROW_SUM = """
    __shared__ float parts[32];
    float sum = 0.0f;
    for (int i = threadIdx.x; i < n; i += blockDim.x) sum += x[blockIdx.x * n + i];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x < 32) {
        sum = warp_sum(threadIdx.x < blockDim.x / 32 ? parts[threadIdx.x] : 0.0f);
        if (threadIdx.x == 0) out[blockIdx.x] = sum;
    }
"""


def test_threads_of_all_blocks_run(machine):
    values = np.arange(1000, dtype=np.float32)
    x, out = given(values, np.zeros(1000, np.float32))
    kernel(ADD_ONE)((4,), (256,), (x, out, np.int32(1000)))
    np.testing.assert_array_equal(out.get(), values + 1)


def test_three_dimensions_of_blocks_and_threads_are_all_gone_through(machine):
    body = """
    int block = (blockIdx.z * 2 + blockIdx.y) * 3 + blockIdx.x;
    atomicAdd(&out[block * 30 + (threadIdx.z * 5 + threadIdx.y) * 2 + threadIdx.x], 1);
    """
    (out,) = given(np.zeros(12 * 30, np.int32))
    kernel(body, "int* out")((3, 2, 2), (2, 5, 3), (out,))
    assert (out.get() == 1).all()


@pytest.mark.parametrize("backwards", [False, True])
def test_rows_are_summed_by_warps_and_shared_memory(backwards):
    with standin(reversed=backwards):
        values = np.random.default_rng(1).normal(size=(7, 300)).astype(np.float32)
        x, out = given(values, np.zeros(7, np.float32))
        kernel(ROW_SUM, before=WARP_SUM)((7,), (128,), (x, out, np.int32(300)))
        np.testing.assert_allclose(out.get(), values.sum(1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("shuffle", "expected"),
    [
        ("__shfl_xor_sync(0xffffffffu, x[i], 1)", lambda i: i ^ 1),
        ("__shfl_down_sync(0xffffffffu, x[i], 4)", lambda i: np.where(i % 32 < 28, i + 4, i)),
        ("__shfl_up_sync(0xffffffffu, x[i], 4)", lambda i: np.where(i % 32 >= 4, i - 4, i)),
        ("__shfl_sync(0xffffffffu, x[i], 5)", lambda i: i // 32 * 32 + 5),
        ("__shfl_down_sync(0xffffffffu, x[i], 1, 8)", lambda i: np.where(i % 8 < 7, i + 1, i)),
    ],
)
def test_warps_exchange_values_as_on_the_device(machine, shuffle, expected):
    lanes = np.arange(64)
    x, out = given(lanes.astype(np.float32), np.zeros(64, np.float32))
    kernel(f"int i = threadIdx.x; out[i] = {shuffle};")((1,), (64,), (x, out, np.int32(64)))
    np.testing.assert_array_equal(out.get(), expected(lanes))


def test_types_may_be_given_as_macros(machine):
    x, out = given(np.ones(4), np.zeros(4))
    body = "for (int i = 0; i < n; ++i) out[i] = x[i] + (real)0.5;"
    work = kernel(body, "const real* x, real* out, int n", options=("-std=c++17", "-Dreal=double"))
    work((1,), (1,), (x, out, np.int32(4)))
    np.testing.assert_array_equal(out.get(), np.full(4, 1.5))


def test_names_of_the_hosts_library_are_free(machine):
    x, out = given(np.ones(4, np.float32), np.zeros(4, np.float32))
    before = "typedef int index;\n__device__ float gamma(float x) { return x + 2.0f; }"
    kernel("for (index i = 0; i < n; ++i) out[i] = gamma(x[i]);", before=before)((1,), (1,), (x, out, np.int32(4)))
    np.testing.assert_array_equal(out.get(), np.full(4, 3))


def test_bfloat16_rounds_to_nearest_even(machine):
    values = np.array([1.0, 1.00390625, 1.01171875, 3e38, np.inf, -0.1], np.float32)
    x, out = given(values, np.zeros(6, np.uint16))
    kernel("for (int i = 0; i < n; ++i) out[i] = __float2bfloat16(x[i]);", "const float* x, __nv_bfloat16* out, int n")(
        (1,), (1,), (x, out, np.int32(6))
    )
    back = (out.get().astype(np.uint32) << np.uint32(16)).view(np.float32)
    expected = np.array([1.0, 1.0, 1.015625, 3.004055e38, np.inf, -0.10009765625], np.float32)
    np.testing.assert_allclose(back, expected, rtol=1e-6)


def test_vectors_are_loaded_whole(machine):
    x, out = given(np.arange(8, dtype=np.float32), np.zeros(8, np.float32))
    body = """
    auto from = reinterpret_cast<const float4*>(x);
    auto to = reinterpret_cast<float4*>(out);
    float4 v = from[threadIdx.x];
    to[threadIdx.x] = make_float4(v.w, v.z, v.y, v.x);
    """
    kernel(body)((1,), (2,), (x, out, np.int32(8)))
    np.testing.assert_array_equal(out.get(), [3, 2, 1, 0, 7, 6, 5, 4])


def test_a_vector_that_lies_askew_is_an_error(machine):
    x, out = given(np.zeros(8, np.float32), np.zeros(8, np.float32))
    body = "auto from = reinterpret_cast<const float4*>(x); out[0] = from[0].x;"
    with pytest.raises(DeviceError, match="`x` is read as vectors of 16 bytes"):
        kernel(body)((1,), (1,), (x[1:], out, np.int32(8)))


def test_an_index_beside_an_array_is_named(machine):
    x, out = given(np.zeros(10, np.float32), np.zeros(12, np.float32))
    with pytest.raises(DeviceError, match=r"thread \(10, 0, 0\): `x` has 10 elements, and its element 10 is used"):
        kernel(ADD_ONE)((1,), (32,), (x, out, np.int32(12)))


def test_writing_behind_an_array_through_another_pointer_shows(machine):
    x, out = given(np.zeros(10, np.float32), np.zeros(12, np.float32))
    with pytest.raises(DeviceError, match="wrote beside an array"):
        kernel("float* plain = out; plain[n] = 1.0f;")((1,), (1,), (x, out, np.int32(12)))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("if (threadIdx.x < 16) __syncthreads(); out[threadIdx.x] = 0.0f;", "have left the kernel before it"),
        ("if (threadIdx.x < 16)\n __syncthreads();\nelse\n __syncthreads();", "wait at another"),
        ("if (threadIdx.x < 16) out[0] = __shfl_down_sync(0xffffffffu, x[0], 1);", "whose thread has left the kernel"),
        ("if (threadIdx.x >= 16) __syncwarp(0xffffu);", "a mask of lanes without its own"),
    ],
)
def test_a_barrier_that_some_threads_miss_is_an_error(machine, body, message):
    x, out = given(np.zeros(64, np.float32), np.zeros(64, np.float32))
    work = kernel(body)
    with pytest.raises(DeviceError, match=message):
        work((1,), (32,), (x, out, np.int32(64)))
    kernel(ADD_ONE)((1,), (64,), (x, out, np.int32(64)))
    assert (out.get() == 1).all()


def test_a_missing_barrier_shows_in_one_of_the_two_orders():
    body = """
    __shared__ float parts[64];
    parts[threadIdx.x] = x[threadIdx.x];
    out[threadIdx.x] = parts[63 - threadIdx.x];
    """
    seen = []
    for backwards in (False, True):
        with standin(reversed=backwards):
            x, out = given(np.arange(64, dtype=np.float32), np.zeros(64, np.float32))
            kernel(body)((1,), (64,), (x, out, np.int32(64)))
            seen.append(out.get())
    assert not np.array_equal(*seen)
    assert all(np.isnan(values).any() for values in seen)


def test_what_depends_on_the_order_of_blocks_differs_backwards():
    seen = []
    for backwards in (False, True):
        with standin(reversed=backwards):
            x, out = given(np.zeros(1, np.float32), np.zeros(1, np.float32))
            kernel("out[0] = (float)blockIdx.x;")((5,), (1,), (x, out, np.int32(1)))
            seen.append(float(out.get()[0]))
    assert seen == [4, 0]


def _arguments() -> dict[str, tuple[Callable[[Any], Any], str]]:
    import cupy

    x, out, n = given(np.zeros(8, np.float32), np.zeros(8, np.float32), np.int32(8))
    matrix = cupy.asarray(np.zeros((4, 4), np.float32))
    return {
        "too few": ((x, out), "takes 3 arguments, not 2"),
        "a host array": ((np.zeros(8, np.float32), out, n), "a device array belongs here, not numpy.ndarray"),
        "another type": ((cupy.asarray(np.zeros(8)), out, n), "an array of float32 belongs here, not of float64"),
        "a Python number": ((x, out, 8), "a NumPy scalar of int32 belongs here, not int"),
        "another number": ((x, out, np.int64(8)), "a NumPy scalar of int32 belongs here, not int64"),
        "columns": ((matrix.T, out, n), "not contiguous"),
        "overlapping": ((x, x[1:], n), "overlap and are __restrict__"),
    }


@pytest.mark.parametrize(
    "name", ["too few", "a host array", "another type", "a Python number", "another number", "columns", "overlapping"]
)
def test_arguments_that_do_not_fit_the_kernel_are_refused(machine, name):
    arguments, message = _arguments()[name]
    work = kernel(ADD_ONE, "const float* __restrict__ x, float* __restrict__ out, int n")
    with pytest.raises(DeviceError, match=message):
        work((1,), (8,), arguments)
    assert machine.counters.launches == 0


@pytest.mark.parametrize(
    ("grid", "block", "message"),
    [
        ((0,), (32,), "cudaErrorInvalidConfiguration"),
        ((1,), (2048,), "cudaErrorInvalidConfiguration"),
        ((1,), (32, 64), "2048 threads in a block"),
        ((1, 70000), (32,), "cudaErrorInvalidConfiguration"),
        ((1.5,), (32,), "a tuple of one to three ints"),
    ],
)
def test_launches_beyond_the_devices_limits_are_refused(machine, grid, block, message):
    arguments = given(np.zeros(8, np.float32), np.zeros(8, np.float32), np.int32(8))
    with pytest.raises(DeviceError, match=message):
        kernel(ADD_ONE)(grid, block, arguments)


def test_more_threads_than_the_kernels_bounds_are_refused(machine):
    import cupy

    code = 'extern "C" __global__ void __launch_bounds__(128) work(float* out) { out[threadIdx.x] = 1.0f; }'
    (out,) = given(np.zeros(256, np.float32))
    with pytest.raises(DeviceError, match="256 threads in a block, at most 128"):
        cupy.RawKernel(code, "work")((1,), (256,), (out,))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ('extern "C" __global__ void work(float* x) { y[0] = 1.0f; }', "kernels:1:"),
        ("__global__ void work(float* x) { x[0] = 1.0f; }", 'without extern "C"'),
        ('extern "C" __global__ void work(real* x) { x[0] = 1.0f; }', "`real. x` has no type"),
        ('extern "C" __global__ void work(float* x) { atomicAdd(&x[0], 1.0f); }', "deleted function"),
        ('extern "C" __global__ void work(float* x) { printf("%f", x[0]); curand(); }', "curand"),
    ],
)
def test_sources_that_we_do_not_want_do_not_compile(machine, code, message):
    import cupy

    with pytest.raises(SourceError, match=message):
        cupy.RawKernel(code, "work").compile()


def test_a_message_of_the_compiler_names_the_sources_own_line(machine):
    import cupy

    code = (
        '// one\n/* two\n three */ extern "C" __global__ void work(\n    float* x,\n    int n) {\n  x[n] = nothing;\n}'
    )
    with pytest.raises(SourceError, match=r"kernels:6:.*nothing"):
        cupy.RawKernel(code, "work").compile()

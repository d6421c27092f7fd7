"""What generated CuPy modules rely on, of the stand-in and (`pytest -m gpu`) of a device: a captured step does what an
eager one does, products of matrices are captured too and are of the precision asked for, warps and blocks exchange
values, and pinned memory is read when the step is replayed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

STEP = """
__device__ __forceinline__ float warp_sum(float v) {
    for (int by = 16; by > 0; by >>= 1) v += __shfl_xor_sync(0xffffffffu, v, by);
    return v;
}
extern "C" __global__ void __launch_bounds__(256) row_sums(
        const float* __restrict__ x, float* __restrict__ out, int n) {
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
}
extern "C" __global__ void update(float* w, const float* __restrict__ sums, const double* __restrict__ numbers, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) w[i] -= (float)numbers[0] * sums[i];
}
"""

KINDS = {
    "float64": (1, 70, np.float64, 1e-12),
    "float32": (0, 68, np.float32, 1e-5),
    "tf32": (0, 77, np.float32, 5e-3),
    "bfloat16": (14, 68, np.uint16, 2e-2),
}
"""cudaDataType, cublasComputeType, NumPy's type, and how far results may be off, as a part of 8, their deviation."""


def bits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """float32 as bfloat16, in NumPy's uint16; rounded towards zero."""
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def numbers_of(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The numbers of bfloat16s in uint16."""
    return (values.astype(np.uint32) << np.uint32(16)).view(np.float32) if values.dtype == np.uint16 else values


class Products:
    """A handle on a stream of its own, as the generated modules' has one."""

    def __init__(self, stream: Any) -> None:
        import cupy
        from nvmath.bindings import cublas

        self.space = cupy.empty(32 << 20, cupy.uint8)
        self.handle = cublas.create()
        cublas.set_stream(self.handle, stream.ptr)
        cublas.set_workspace(self.handle, self.space.data.ptr, self.space.nbytes)

    def multiply(self, a: Any, b: Any, out: Any, kind: str, *, accumulate: bool = False) -> None:
        """out (+)= a @ b, row by row: which is out.T (+)= b.T @ a.T, column by column."""
        from nvmath.bindings import cublas

        data, compute, dtype, _ = KINDS[kind]
        result = 1 if dtype is np.float64 else 0
        self.factors = np.array([1, accumulate], np.float64 if dtype is np.float64 else np.float32)
        alpha = self.factors.ctypes.data
        (m, k), n = a.shape, b.shape[1]
        cublas.gemm_ex(
            self.handle, 0, 0, n, m, k, alpha, b.data.ptr, data, n, a.data.ptr, data, k,
            alpha + self.factors.itemsize, out.data.ptr, result, n, compute, -1,
        )  # fmt: skip


def in_pinned_memory(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import cupy

    kept = np.frombuffer(cupy.cuda.alloc_pinned_memory(values.nbytes), values.dtype, values.size)
    kept[:] = values
    return kept


def test_a_replayed_step_does_what_an_eager_one_does(device):
    """A product, a reduction and an update, with a learning rate that the host writes before each step."""
    import cupy

    random = np.random.default_rng(4)
    stream = cupy.cuda.Stream(non_blocking=True)
    module = cupy.RawModule(code=STEP, options=("-std=c++17",))
    rows, update = module.get_function("row_sums"), module.get_function("update")
    with stream:
        products = Products(stream)
        x = cupy.asarray(random.normal(size=(300, 64)).astype(np.float32))
        y = cupy.asarray(random.normal(size=(64, 500)).astype(np.float32))
        scores, sums = cupy.empty((300, 500), cupy.float32), cupy.empty(300, cupy.float32)
        numbers, rate = cupy.empty(1, cupy.float64), in_pinned_memory(np.zeros(1))

        def step(w: Any) -> None:
            numbers.set(rate, stream=stream)
            products.multiply(x, y, scores, "float32")
            rows((300,), (256,), (scores, sums, np.int32(500)))
            update((2,), (256,), (w, sums, numbers, np.int32(300)))

        eager, replayed = cupy.zeros(300, cupy.float32), cupy.zeros(300, cupy.float32)
        for count in range(3):
            rate[0] = 0.1 / (count + 1)
            step(eager)
            stream.synchronize()
        stream.begin_capture()
        step(replayed)
        graph = stream.end_capture()
        for count in range(3):
            rate[0] = 0.1 / (count + 1)
            graph.launch(stream)
            stream.synchronize()
        expected = -0.1 * (1 + 1 / 2 + 1 / 3) * (x.get() @ y.get()).sum(1)
        np.testing.assert_array_equal(replayed.get(), eager.get())
        np.testing.assert_allclose(eager.get(), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_products_are_of_the_precision_asked_for(device, kind):
    import cupy

    _, _, dtype, tolerance = KINDS[kind]
    random = np.random.default_rng(5)
    real = np.float64 if kind == "float64" else np.float32
    hosts = [random.normal(size=shape).astype(real) for shape in ((96, 64), (64, 80))]
    given = [bits(host) if dtype is np.uint16 else host for host in hosts]
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        products = Products(stream)
        a, b = (cupy.asarray(each) for each in given)
        out = cupy.zeros((96, 80), real)
        products.multiply(a, b, out, kind)
        products.multiply(a, b, out, kind, accumulate=True)
        found = out.get()
    exact = 2 * numbers_of(given[0]).astype(np.float64) @ numbers_of(given[1]).astype(np.float64)
    np.testing.assert_allclose(found, exact, rtol=0, atol=8 * tolerance)
    if kind == "tf32":
        assert np.abs(found - exact).max() > 8 * KINDS["float32"][-1]


def test_two_streams_keep_their_order_by_an_event(device):
    """The next batch is copied ahead on a stream of its own."""
    import cupy

    ahead, work = cupy.cuda.Stream(non_blocking=True), cupy.cuda.Stream(non_blocking=True)
    host = in_pinned_memory(np.arange(100_000, dtype=np.float32))
    rows = cupy.RawKernel(STEP, "row_sums", ("-std=c++17",))
    batch, sums = cupy.empty((100, 1000), cupy.float32), cupy.empty(100, cupy.float32)
    batch.set(host.reshape(100, 1000), stream=ahead)
    work.wait_event(ahead.record())
    with work:
        rows((100,), (256,), (batch, sums, np.int32(1000)))
        np.testing.assert_allclose(sums.get(), host.reshape(100, 1000).sum(1), rtol=1e-5)

"""The stand-in's arrays, streams, graphs and products: what CuPy refuses is refused, waiting is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from . import DeviceError, Machine, standin
from .machine import CUDARuntimeError, OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE = np.ones(1, np.float32)
ZERO = np.zeros(1, np.float32)


@pytest.fixture
def machine() -> Iterator[Machine]:
    with standin() as device:
        yield device


def doubling() -> Any:
    import cupy

    code = 'extern "C" __global__ void twice(float* x, int n) { for (int i = 0; i < n; ++i) x[i] = x[i] * 2.0f; }'
    work = cupy.RawKernel(code, "twice")
    return lambda x: work((1,), (1,), (x, np.int32(x.size)))


def test_names_that_generated_code_may_not_use_are_not_there(machine):
    import cupy

    for place, name in ((cupy, "add"), (cupy.cuda, "nvtx"), (cupy.cuda.runtime, "deviceReset")):
        with pytest.raises(AttributeError, match="generated code may"):
            getattr(place, name)


def test_device_arrays_do_not_mix_with_the_hosts(machine):
    import cupy

    x = cupy.asarray(np.ones(3, np.float32))
    for mixed in (
        lambda: np.add(x, 1),
        lambda: np.asarray(x),
        lambda: x + 1,
        lambda: cupy.asnumpy(np.ones(3)),
        lambda: bool(x),
    ):
        with pytest.raises(TypeError):
            mixed()


def test_memory_holds_nothing_at_first(machine):
    import cupy

    assert np.isnan(cupy.empty((3, 2), cupy.float32).get()).all()
    assert (cupy.empty(4, cupy.int32).get() == -1).all()
    assert (cupy.zeros(4, cupy.int32).get() == 0).all()


def test_views_share_memory_and_know_their_address(machine):
    import cupy

    x = cupy.asarray(np.arange(12, dtype=np.float32))
    part = x[4:10].reshape(2, 3)
    assert part.data.ptr == x.data.ptr + 16
    part.fill(-1)
    np.testing.assert_array_equal(x.get(), [0, 1, 2, 3, -1, -1, -1, -1, -1, -1, 10, 11])
    assert part.T.shape == (3, 2)
    assert x.view(cupy.uint32).dtype == np.uint32
    assert machine.counters.allocations == 1


def test_memory_that_is_asked_for_beyond_the_devices_is_refused_and_comes_back():
    import gc

    with standin(memory=4096) as machine:
        import cupy

        x = cupy.empty(512, cupy.float32)
        with pytest.raises(OutOfMemoryError, match="Out of memory allocating 4,096 bytes"):
            cupy.empty(1024, cupy.float32)
        del x
        gc.collect()
        assert cupy.cuda.runtime.memGetInfo() == (4096, 4096)
        assert machine.used == 0


def test_waiting_and_copies_are_counted(machine):
    import cupy

    x = cupy.asarray(np.ones(3, np.float32))
    machine.counters.clear()
    doubling()(x)
    assert machine.counters.synchronisations == 0
    np.testing.assert_array_equal(x.get(), [2, 2, 2])
    assert (machine.counters.launches, machine.counters.synchronisations, machine.counters.copies_to_host) == (1, 1, 1)


def test_a_captured_graph_runs_only_when_it_is_launched_and_with_what_memory_holds_then(machine):
    import cupy

    twice, x = doubling(), cupy.asarray(ONE)
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        twice(x)
        twice(x)
        graph = stream.end_capture()
    assert x.get()[0] == 1
    graph.launch(stream)
    x.set(np.full(1, 10, np.float32))
    graph.launch(stream)
    assert x.get(stream=stream)[0] == 40
    assert (machine.counters.captures, machine.counters.replays) == (1, 2)


def _refused() -> dict[str, Any]:
    import cupy

    x = cupy.asarray(np.ones((2, 2), np.float32))
    stream = cupy.cuda.get_current_stream()
    return {
        "an array": lambda: cupy.empty(3, cupy.float32),
        "matmul": lambda: cupy.matmul(x, x, out=x),
        "a copy to the host": x.get,
        "a copy from pageable memory": lambda: x.set(np.ones((2, 2), np.float32), stream=stream),
        "a copy that waits": lambda: x.set(np.ones((2, 2), np.float32)),
        "waiting": stream.synchronize,
        "a blocking stream": lambda: cupy.cuda.Stream().use() and x.fill(0),
    }


@pytest.mark.parametrize(
    "name",
    [
        "an array",
        "matmul",
        "a copy to the host",
        "a copy from pageable memory",
        "a copy that waits",
        "waiting",
        "a blocking stream",
    ],
)
def test_what_may_not_be_captured_is_refused(machine, name):
    import cupy

    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        asked = _refused()[name]
        stream.begin_capture()
        with pytest.raises(CUDARuntimeError):
            asked()


def test_a_pool_of_its_own_may_allocate_while_capturing(machine):
    import cupy

    pool, stream = cupy.cuda.MemoryPool(), cupy.cuda.Stream(non_blocking=True)
    with stream, cupy.cuda.using_allocator(pool.malloc):
        stream.begin_capture()
        x = cupy.zeros(3, cupy.float32)
        graph = stream.end_capture()
    graph.launch(stream)
    assert (x.get() == 0).all()


def test_a_graph_whose_memory_was_given_back_is_an_error(machine):
    import cupy

    twice, x = doubling(), cupy.asarray(ONE)
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        twice(x)
        graph = stream.end_capture()
    del x
    with pytest.raises(DeviceError, match="memory that was given back"):
        graph.launch(stream)


def test_pinned_memory_is_read_when_the_stream_comes_to_it():
    with standin(deferred=True):
        import cupy

        host = np.frombuffer(cupy.cuda.alloc_pinned_memory(4), np.float32, 1)
        host[0] = 1
        x, stream = cupy.empty(1, cupy.float32), cupy.cuda.Stream(non_blocking=True)
        x.set(host, stream=stream)
        host[0] = 2
        assert x.get(stream=stream)[0] == 2


def test_work_waits_for_another_stream_only_where_an_event_says_so():
    seen = []
    for asked in (False, True):
        with standin(deferred=True):
            import cupy

            twice, x = doubling(), cupy.asarray(ONE)
            ahead, step = cupy.cuda.Stream(non_blocking=True), cupy.cuda.Stream(non_blocking=True)
            x.set(np.full(1, 5, np.float32), stream=ahead)
            if asked:
                step.wait_event(ahead.record())
            with step:
                twice(x)
                seen.append(float(x.get()[0]))
    assert seen == [2, 10]


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize(
    ("compute", "dtype", "tolerance"), [(68, np.float32, 1e-6), (77, np.float32, 1e-2), (70, np.float64, 1e-12)]
)
def test_gemm_is_column_by_column_with_flags_batches_and_factors(machine, trans_a, trans_b, compute, dtype, tolerance):
    import cupy
    from nvmath.bindings import cublas

    random = np.random.default_rng(3)
    batch, m, n, k = 3, 4, 5, 6
    a = random.normal(size=(batch, *((k, m) if trans_a else (m, k)))).astype(dtype)
    b = random.normal(size=(batch, *((n, k) if trans_b else (k, n)))).astype(dtype)
    c = random.normal(size=(batch, m, n)).astype(dtype)
    turned = [cupy.asarray(np.ascontiguousarray(x.transpose(0, 2, 1))) for x in (a, b, c)]  # column by column
    handle = cublas.create()
    kind = 1 if dtype is np.float64 else 0
    factors = np.array([2.0, 0.5], dtype)
    alpha, beta = factors.ctypes.data, factors.ctypes.data + factors.itemsize
    cublas.gemm_strided_batched_ex(
        handle, trans_a, trans_b, m, n, k, alpha, turned[0].data.ptr, kind, a.shape[1], a[0].size,
        turned[1].data.ptr, kind, b.shape[1], b[0].size, beta, turned[2].data.ptr, kind, m, c[0].size,
        batch, compute, -1,
    )  # fmt: skip
    left = a.transpose(0, 2, 1) if trans_a else a
    right = b.transpose(0, 2, 1) if trans_b else b
    expected = 2.0 * left @ right + 0.5 * c
    np.testing.assert_allclose(turned[2].get().transpose(0, 2, 1), expected, atol=5 * tolerance)
    cublas.destroy(handle)


def test_a_captured_gemm_needs_a_workspace_of_its_own(machine):
    import cupy
    from nvmath.bindings import cublas

    x, out = cupy.asarray(np.eye(2, dtype=np.float32)), cupy.empty((2, 2), cupy.float32)
    stream, handle = cupy.cuda.Stream(non_blocking=True), cublas.create()
    space, factors = cupy.empty(1024, cupy.uint8), np.array([1, 0], np.float32)
    cublas.set_stream(handle, stream.ptr)

    def multiply() -> None:
        one, none = factors.ctypes.data, factors.ctypes.data + 4
        cublas.gemm_ex(handle, 0, 0, 2, 2, 2, one, x.data.ptr, 0, 2, x.data.ptr, 0, 2, none, out.data.ptr, 0, 2, 68, -1)

    with stream:
        stream.begin_capture()
        with pytest.raises(CUDARuntimeError, match="set_workspace"):
            multiply()
        stream.end_capture()
        cublas.set_workspace(handle, space.data.ptr, 1024)
        stream.begin_capture()
        multiply()
        graph = stream.end_capture()
    graph.launch(stream)
    np.testing.assert_array_equal(out.get(), np.eye(2))


def test_what_is_not_installed_or_not_there_fails_as_it_would():
    with standin(nvmath=False), pytest.raises(ImportError):
        import nvmath  # noqa: F401
    with standin(devices=0):
        import cupy

        assert not cupy.cuda.is_available()
        with pytest.raises(CUDARuntimeError, match="cudaErrorNoDevice"):
            cupy.empty(1, cupy.float32)
    with standin(driver=None):
        import cupy

        with pytest.raises(CUDARuntimeError, match="cudaErrorInsufficientDriver"):
            cupy.cuda.runtime.getDeviceCount()

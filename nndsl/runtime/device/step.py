"""Steps on a device: the host gives the numbers of a step, then everything runs there.

After two steps the work of a step is captured as one graph, and launched as a whole from then on if it does what the
step did: that is compared once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.device.kernels import Kernels, cupy
from nndsl.runtime.device.memory import DeviceMemory
from nndsl.runtime.standalone.program import Array

EAGER_STEPS = 2
"""Steps before one is captured: kernels are compiled, and cuBLAS has chosen its own, by then."""


class Space:
    """What one workspace has on the device: arrays, numbers of the step, kernels."""

    def __init__(self, memory: DeviceMemory, n: int, seed: int, numbers: int, largest: int) -> None:
        self.memory = memory
        self.n = n
        self.seed = np.uint64(seed)
        self.machine = memory.machine
        self._largest = largest
        self._inputs: dict[str, tuple[Array, Any]] = {}
        self.host_numbers = np.zeros(numbers + 2, np.float64)
        with self.machine.stream:
            self._numbers = cupy.zeros(numbers + 2, np.float64)
        self.numbers = self._numbers[:numbers] if numbers else self._numbers
        self.position = self._numbers[numbers:].view(np.uint64)
        self._place = self.host_numbers[numbers:].view(np.uint64)

    def input(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """The array of a field, which the host fills before each step."""
        host = np.empty(shape, dtype)
        with self.machine.stream:
            device = cupy.empty(max(host.size, 1), dtype)
        self._inputs[name] = (host, device)
        return device

    def empty(self, count: int, dtype: Any) -> Any:
        """A buffer."""
        with self.machine.stream:
            return cupy.empty(max(count, 1), dtype)

    def zeros(self, count: int) -> Any:
        """Sums in float64, 0 at first."""
        with self.machine.stream:
            return cupy.zeros(max(count, 1), np.float64)[:count]

    def array(self, values: Array) -> Any:
        """Numbers that stay, flat."""
        with self.machine.stream:
            return cupy.asarray(np.ascontiguousarray(values).reshape(-1))

    def part(self, name: str, path: str) -> Any:
        """A part of a vector of the memory."""
        with self.machine.stream:
            return self.memory.part(name, path)

    def vector(self, name: str) -> Any:
        """A whole vector of the memory."""
        with self.machine.stream:
            return self.memory.twins[name].device()

    def slot(self, name: str) -> Any:
        """What an optimizer remembers."""
        with self.machine.stream:
            return self.memory.slot(name)

    def kernels(self, source: str) -> Kernels:
        """The kernels of a source."""
        with self.machine.stream:
            return self.machine.kernels(source, self.memory.dtype, self.n, self._largest)

    @property
    def inputs(self) -> Mapping[str, Array]:
        """The inputs as the host fills them."""
        return {name: host for name, (host, _) in self._inputs.items()}

    def send(self, step: int, first: int) -> None:
        """Sends the inputs and the numbers of the step."""
        for host, device in self._inputs.values():
            if host.size:
                device.set(host.reshape(-1), stream=self.machine.stream)
        self._place[:] = step, first
        self._numbers.set(self.host_numbers, stream=self.machine.stream)


class DeviceStep:
    """A step, as `Step` is on the host: `run`, `inputs`, `outputs`, `totals`.

    numbers: computes the numbers of a step into `Space.host_numbers`, and says which of the step's updates act; what it
    gives is a key of the work that `launch` does with it. trains: the memory's vectors change.
    """

    def __init__(
        self,
        space: Space,
        numbers: Callable[[int, int, int], tuple[Any, ...]],
        launch: Callable[..., None],
        outputs: Mapping[str, tuple[Any, tuple[int, ...]]],
        totals: Any,
        *,
        trains: bool,
    ) -> None:
        self._space = space
        self._numbers = numbers
        self._launch = launch
        self._outputs = outputs
        self._trains = trains
        self.inputs = space.inputs
        self.totals = DeviceTotals(space, totals)
        self._graphs: dict[tuple[Any, ...], Any] = {}
        self._eager: dict[tuple[Any, ...], int] = {}

    @property
    def outputs(self) -> Mapping[str, Array]:
        """What was predicted, on the host."""
        with self._space.machine.stream:
            return {
                name: array[: int(np.prod(shape, dtype=np.int64))].get().reshape(shape)
                for name, (array, shape) in self._outputs.items()
            }

    def run(self, step: int, epoch: int, first: int) -> None:
        """One step over the inputs, whose first sample stands at `first`."""
        space = self._space
        key = self._numbers(step, epoch, first)
        with space.machine.stream:
            for twins in space.memory.vectors():
                if twins.is_there:
                    twins.device()
            space.send(step, first)
            self._work(key)
        if self._trains:
            for twins in space.memory.vectors():
                twins.changed()
        self.totals.changed()

    def _work(self, key: tuple[Any, ...]) -> None:
        graph = self._graphs.get(key)
        if graph is not None:
            graph.launch(self._space.machine.stream)
            return
        count = self._eager[key] = self._eager.get(key, 0) + 1
        if count <= EAGER_STEPS or not self._space.machine.products.capturable or count > EAGER_STEPS + 1:
            self._launch(*key)
            return
        self._capture(key)

    def _capture(self, key: tuple[Any, ...]) -> None:
        """Captures the step, and keeps the graph if it does what the step does, from the same beginning."""
        stream = self._space.machine.stream
        changed = [twins.device() for twins in self._space.memory.vectors() if twins.is_there]
        changed += [self.totals.array, *(array for array, _ in self._outputs.values())]
        before = [array.copy() for array in changed]
        self._launch(*key)
        eager = [array.copy() for array in changed]
        for array, kept in zip(changed, before, strict=True):
            array[:] = kept
        stream.begin_capture()
        try:
            self._launch(*key)
        finally:
            graph = stream.end_capture()
        graph.launch(stream)
        if all(_alike(array.get(), kept.get()) for array, kept in zip(changed, eager, strict=True)):
            self._graphs[key] = graph
            return
        warnings.warn("a captured step differs from the step itself, so steps are not captured", stacklevel=4)
        for array, kept in zip(changed, eager, strict=True):
            array[:] = kept


def _alike(a: Array, b: Array) -> bool:
    return a.tobytes() == b.tobytes()


class DeviceTotals:
    """Sums over samples, on the device: fetched when they are asked for, and then as arrays of the host are."""

    def __init__(self, space: Space, array: Any) -> None:
        self._space = space
        self.array = array
        self._host: NDArray[np.float64] = np.zeros(array.size)
        self._fresh = False

    @property
    def shape(self) -> tuple[int, ...]:
        """How many there are."""
        return self._host.shape

    def changed(self) -> None:
        """A step added to them."""
        self._fresh = False

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.float64]:
        """The sums, on the host."""
        del dtype, copy
        if not self._fresh:
            with self._space.machine.stream:
                self.array.get(out=self._host)
            self._fresh = True
        return self._host.copy()

    def copy(self) -> NDArray[np.float64]:
        """The sums, on the host."""
        return np.asarray(self)

    def fill(self, value: float) -> None:
        """Sets all."""
        with self._space.machine.stream:
            self.array.fill(value)
        self._fresh = False

    def __setitem__(self, at: Any, values: Any) -> None:
        host = self.copy()
        host[at] = values
        with self._space.machine.stream:
            self.array.set(host)
        self._fresh = False

    def __getitem__(self, at: Any) -> Any:
        return self.copy()[at]

    def dot(self, other: Any) -> float:
        """The product with others; the host does not wait for them after every step."""
        del other
        return 0.0

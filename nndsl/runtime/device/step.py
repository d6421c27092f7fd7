"""Steps on a device: the host gives the numbers of a step, then everything runs there.

After two steps the work of a step is captured as one graph, and launched as a whole from then on if it does what the
step did, bit for bit: that is compared once. Nothing adds numbers up in an order of its own, so a difference is a
mistake, and then steps go on being launched piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.device.feeding import Inputs
from nndsl.runtime.device.kernels import Kernels, cupy
from nndsl.runtime.device.memory import DeviceMemory
from nndsl.runtime.device.pinned import Numbers
from nndsl.runtime.device.totals import DeviceTotals, Outputs
from nndsl.runtime.standalone.program import Array, Table

EAGER_STEPS = 2
"""Steps before one is captured: kernels are compiled, and cuBLAS has chosen its own, by then."""


class Space:
    """What one workspace has on the device: arrays, numbers of the step, kernels."""

    def __init__(self, memory: DeviceMemory, n: int, seed: int, numbers: int, largest: int) -> None:
        self.memory = memory
        self.n = n
        self.seed = np.uint64(seed)
        self.machine = memory.machine
        self.stream = memory.machine.stream
        self._largest = largest
        self.host_numbers = np.zeros(numbers + 2, np.float64)
        with self.stream:
            self._numbers = cupy.zeros(numbers + 2, np.float64)
        self.numbers = self._numbers[:numbers] if numbers else self._numbers
        self.position = self._numbers[numbers:].view(np.uint64)
        self._place = self.host_numbers[numbers:].view(np.uint64)
        self.inputs = Inputs(self.stream, self.position, n, self.kernels)

    def input(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """The array of a field."""
        return self.inputs.add(name, shape, dtype)

    def empty(self, count: int, dtype: Any) -> Any:
        """A buffer."""
        with self.stream:
            return cupy.empty(max(count, 1), dtype)

    def zeros(self, count: int) -> Any:
        """Sums in float64, 0 at first."""
        with self.stream:
            return cupy.zeros(max(count, 1), np.float64)[:count]

    def array(self, values: Array) -> Any:
        """Numbers that stay, flat."""
        with self.stream:
            return cupy.asarray(np.ascontiguousarray(values).reshape(-1))

    def part(self, name: str, path: str) -> Any:
        """A part of a vector of the memory."""
        with self.stream:
            return self.memory.part(name, path)

    def vector(self, name: str) -> Any:
        """A whole vector of the memory."""
        with self.stream:
            return self.memory.twins[name].device()

    @property
    def narrow(self) -> Any:
        """NumPy's type of what products are given."""
        return self.memory.narrow

    def narrow_part(self, path: str) -> Any:
        """A weight, as products are given it."""
        with self.stream:
            return self.memory.narrow_part(path)

    def narrowing(self) -> Callable[[], None]:
        """What copies all weights for the products of a step."""
        with self.stream:
            return self.memory.narrowing()

    def slot(self, name: str) -> Any:
        """What an optimizer remembers."""
        with self.stream:
            return self.memory.slot(name)

    def kernels(self, source: str) -> Kernels:
        """The kernels of a source."""
        with self.stream:
            return self.machine.kernels(source, self.memory.dtype, self.n, self._largest)

    def send(self, step: int, first: int, numbers: Numbers) -> None:
        """Sends the numbers of the step."""
        self._place[:] = step, first
        numbers.send(self.host_numbers, self._numbers, self.stream)


class DeviceStep:
    """A step, as `Step` is on the host: `run`, `inputs`, `taking`, `outputs`, `totals`.

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
        self._trains = trains
        self._sent = Numbers(space.host_numbers.size, totals)
        self.outputs = Outputs(outputs, space.stream)
        self.totals = DeviceTotals(totals, self._sent, space.stream)
        self._graphs: dict[tuple[Any, ...], Any] = {}
        self._eager: dict[tuple[Any, ...], int] = {}

    @property
    def inputs(self) -> Mapping[str, Array]:
        """The inputs as the host fills them; they are sent with every `run`."""
        return self._space.inputs.hosts

    def taking(self, part: Table, order: NDArray[np.int64] | None) -> Callable[[int], None]:
        """As `Step.taking`: gathered on the device out of a part that the memory holds, else copied there ahead."""
        return self._space.inputs.taking(part, order, self._space.memory.held(part))

    def run(self, step: int, epoch: int, first: int) -> None:
        """One step, whose first sample stands at `first`."""
        space = self._space
        key = self._numbers(step, epoch, first)
        with space.stream:
            for twins in space.memory.vectors():
                if twins.is_there:
                    twins.device()
            space.send(step, first, self._sent)
            space.inputs.before()
            self._work(space.inputs.key, key)
        if self._trains:
            for twins in space.memory.vectors():
                twins.changed()
        self.totals.changed()

    def _do(self, key: tuple[Any, ...]) -> None:
        """What a graph holds of a step."""
        self._space.inputs.inside()
        self._launch(*key)

    def _work(self, samples: int, key: tuple[Any, ...]) -> None:
        known = (samples, *key)
        graph = self._graphs.get(known)
        if graph is not None:
            graph.launch(self._space.stream)
            return
        count = self._eager[known] = self._eager.get(known, 0) + 1
        if count != EAGER_STEPS + 1 or not self._space.machine.products.capturable:
            self._do(key)
            return
        graph = self._captured(key)
        if graph is not None:
            self._graphs[known] = graph

    def _captured(self, key: tuple[Any, ...]) -> Any:
        """Does a step, and again as a graph from the same beginning; the graph, if both do the same.

        What is compared is kept on the host, which has room for it.
        """
        memory, stream = self._space.memory, self._space.stream
        changed = [array for array, _ in self.outputs.arrays.values()]
        changed += [self.totals.array]
        if self._trains:
            changed += [twins.device() for twins in memory.vectors() if twins.is_there]
        changed = [array for array in changed if array.size]
        before = [array.get() for array in changed]
        self._do(key)
        eager = [array.get() for array in changed]
        _put(changed, before)
        graph, why = self._recorded(key)
        if graph is not None:
            graph.launch(stream)
            if all(array.get().tobytes() == kept.tobytes() for array, kept in zip(changed, eager, strict=True)):
                return graph
            why = "one that was did not do what the step does"
        _put(changed, eager)
        memory.note(f"steps of {self._space.n} samples are not captured as a CUDA graph: {why}")
        return None

    def _recorded(self, key: tuple[Any, ...]) -> tuple[Any, str]:
        """A graph of a step; None, with the reason, where CUDA or a library refuses."""
        stream = self._space.stream
        try:
            stream.begin_capture()
            try:
                self._do(key)
            finally:
                graph = stream.end_capture()
            graph.upload(stream)
        except (RuntimeError, MemoryError, self._space.machine.products.mistake) as failure:
            return None, str(failure).strip().partition("\n")[0]
        return graph, ""


def _put(arrays: list[Any], values: list[Array]) -> None:
    for array, value in zip(arrays, values, strict=True):
        array.set(value)

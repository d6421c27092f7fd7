"""The memory of a program that trains on a device: its vectors are there, and come to the host when that asks for them.

Each vector has a twin on the host. Whoever reads or writes it gets the twin, brought up to date; before the next step
what the host may have changed goes back. So nothing is copied while steps follow one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import Any

import numpy as np

from nndsl.runtime.device.feeding import MOST_ROWS, Held
from nndsl.runtime.device.kernels import Kernels, Launch, cupy
from nndsl.runtime.device.products import PrecisionError, Products
from nndsl.runtime.standalone.callbacks import TrainingError
from nndsl.runtime.standalone.program import Array, Memory, Program, Table

FREE_SHARE = 0.95
"""Of the device's free memory what is counted on: CUDA keeps some for itself, and pools are made of large pieces."""

AVERAGE = """
extern "C" __global__ void __launch_bounds__(256) average_in(
        real* __restrict__ average, const real* __restrict__ weights, const real old, const real fresh,
        const index count, const int n) {
    const index i = (index)blockIdx.x * 256 + threadIdx.x;
    if (i < count) average[i] = rounded_sum(rounded_product(average[i], old), rounded_product(weights[i], fresh));
}
"""


NARROW = """
extern "C" __global__ void __launch_bounds__(256) narrow_all(
        narrow* __restrict__ copies, const real* __restrict__ weights, const index count, const int n) {
    const index i = (index)blockIdx.x * 256 + threadIdx.x;
    if (i < count) copies[i] = to_narrow(weights[i]);
}
"""


BATCH_LEFT_OUT, BATCH_ALONE, BATCH_FIRST, BATCH_BETWEEN, BATCH_LAST = range(5)
"""Where a batch stands among those that make an update."""

BATCHES_WHOLE = (BATCH_ALONE, BATCH_LAST)
"""Batches that make an update, alone or with those before them."""


class Twins:
    """A vector on the device and on the host. `host()` and `device()` give it where it is wanted, as it is now.

    It is copied on the stream that `device()` is first asked on: that of the steps, which no other stream waits for.
    """

    def __init__(self, host: Array) -> None:
        self._host = host
        self._device: Any = None
        self._stream: Any = None
        self._newer_there = False
        self._newer_here = True

    def host(self) -> Array:
        """The vector on the host, which may be changed until the next step."""
        if self._newer_there:
            self._device.get(stream=self._stream, out=self._host)
            self._newer_there = False
        self._newer_here = True
        return self._host

    def look(self) -> Array:
        """The vector on the host, only to be read."""
        newer_here = self._newer_here
        found = self.host()
        self._newer_here = newer_here
        return found

    def device(self) -> Any:
        """The vector on the device, always the same memory there."""
        if self._device is None:
            self._device = cupy.empty(self._host.size, self._host.dtype)
            self._stream = cupy.cuda.get_current_stream()
            self._newer_here = True
        if self._newer_here and self._host.size:
            self._device.set(self._host, stream=self._stream)
        self._newer_here = False
        return self._device

    @property
    def size(self) -> int:
        """Its bytes."""
        return self._host.nbytes

    @property
    def count(self) -> int:
        """Its numbers."""
        return self._host.size

    @property
    def is_there(self) -> bool:
        """Whether it has memory on the device."""
        return self._device is not None

    def changed(self) -> None:
        """A step changed it on the device."""
        self._newer_there = self._device is not None


class TwinSlots(dict[str, Array]):
    """What optimizers remember, by name: read as arrays of the host."""

    def __init__(self) -> None:
        super().__init__()
        self.twins: dict[str, Twins] = {}

    def __setitem__(self, name: str, value: Array) -> None:
        super().__setitem__(name, value)
        self.twins[name] = Twins(value)

    def __getitem__(self, name: str) -> Array:
        return self.twins[name].host()

    def items(self) -> Any:
        """Names and arrays."""
        return {name: twins.host() for name, twins in self.twins.items()}.items()

    def values(self) -> Any:
        """The arrays."""
        return [twins.host() for twins in self.twins.values()]

    def __iter__(self) -> Iterator[str]:
        return iter(self.twins)


class DeviceMemory(Memory):
    """A `Memory` whose vectors are on a device; the machine that runs its steps is made with the first of them."""

    def __init__(self, program: Program, dtype: str) -> None:
        self.products = program.products if dtype == program.dtype else None
        self._narrow: Any = None
        self._averages: tuple[Launch, Any] | None = None
        self.twins: dict[str, Twins] = {}
        self._machine: Machine | None = None
        self._held: list[Held] = []
        super().__init__(program, dtype)
        self.slots = TwinSlots()

    @property
    def machine(self) -> Machine:
        """What its steps run on."""
        if self._machine is None:
            self._machine = Machine(self.products)
        return self._machine

    @property
    def weights(self) -> Array:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The weights, on the host."""
        return self.twins["weights"].host()

    @weights.setter
    def weights(self, value: Array) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self.twins["weights"] = Twins(value)

    @property
    def gradients(self) -> Array:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The gradients, on the host."""
        return self.twins["gradients"].host()

    @gradients.setter
    def gradients(self, value: Array) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self.twins["gradients"] = Twins(value)

    @property
    def states(self) -> Array:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The states, on the host."""
        return self.twins["states"].host()

    @states.setter
    def states(self, value: Array) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self.twins["states"] = Twins(value)

    @property
    def directions(self) -> Array:  # pyright: ignore[reportIncompatibleVariableOverride]
        """A solver's direction, on the host."""
        return self.twins["directions"].host()

    @directions.setter
    def directions(self, value: Array) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self.twins["directions"] = Twins(value)

    def twin(self, *, with_states: bool = False) -> DeviceMemory:
        """This memory with gradients of its own, and where that is wanted states; all else is shared."""
        made = copy(self)
        made.twins = dict(self.twins)
        made.gradients = np.zeros_like(self.gradients)
        if with_states:
            made.states = self.states.copy()
        return made

    def vectors(self) -> Iterator[Twins]:
        """Everything that steps may change."""
        yield from self.twins.values()
        if isinstance(self.slots, TwinSlots):
            yield from self.slots.twins.values()

    def hold(self, parts: Sequence[Table], room: int) -> None:
        """Keeps those parts on the device that fit there beside `room` bytes, the first ones first."""
        before, self._held = self._held, []
        stream = self.machine.stream
        room += sum(twins.size for twins in self.vectors() if not twins.is_there)
        cupy.get_default_memory_pool().free_all_blocks()  # what was used before, and is kept for what comes
        free = int(FREE_SHARE * cupy.cuda.runtime.memGetInfo()[0]) - room
        for part in parts:
            samples = len(next(iter(part.values())))
            held = next((each for each in before if each.part is part), None)
            size = sum(values.nbytes for values in part.values()) + 4 * samples
            if held is None and size <= free and 0 < samples <= MOST_ROWS:
                free -= size
                held = Held(part, stream)
            if held is not None:
                self._held.append(held)

    def held(self, part: Table) -> Held | None:
        """A part of the data as the device has it, if it has."""
        return next((each for each in self._held if each.part is part), None)

    def batch(self) -> int:
        """Where the next batch stands among those that make an update; it counts as done from then on."""
        first, last = not self._batches, self.last_of_step
        self._batches = 0 if last else self._batches + 1
        if first:
            return BATCH_ALONE if last else BATCH_FIRST
        return BATCH_LAST if last else BATCH_BETWEEN

    def accumulating(self) -> None:
        """Makes what sums of gradients need: their vector, and the weights of the batches in them."""
        if "sums" not in self.twins:
            self.twins["sums"] = Twins(np.zeros(self.twins["gradients"].count, self.dtype))
            self.twins["summed"] = Twins(np.zeros(2))

    def weight_range(self) -> tuple[float, float]:
        """The least and the largest weight; nan where one is."""
        weights = self.twins["weights"].look()
        return (float(weights.min()), float(weights.max())) if weights.size else (0.0, 0.0)

    def average_in(self, slot: str, momentum: float) -> None:
        """As on the host, with its roundings."""
        assert isinstance(self.slots, TwinSlots)
        twins = self.slots.twins[slot]
        with self.machine.stream:
            weights, average = self.twins["weights"].device(), twins.device()
            if self._averages is None:
                kernels = self.machine.kernels(AVERAGE, self.dtype, 1, weights.size)
                self._averages = kernels.over("average_in", weights.size), kernels.index(weights.size)
            launch, count = self._averages
            launch(average, weights, self.dtype.type(momentum), self.dtype.type(1.0 - momentum), count)
        twins.changed()

    def part(self, name: str, path: str) -> Any:
        """A part of the vector `name` on the device: the weight, gradient, state or direction at `path`, flat."""
        places = self._state_places if name == "states" else self._weight_places
        start, stop, _ = places[path]
        return self.twins[name].device()[start:stop]

    @property
    def narrow(self) -> Any:
        """NumPy's type of what products are given, of which it only knows the bits: bfloat16's, or the memory's own."""
        return np.uint16 if self.products == "bfloat16" else self.dtype.type

    def narrow_weights(self) -> Any:
        """The narrow copy of the weights; where products are exact the weights themselves."""
        if self.products != "bfloat16":
            return self.twins["weights"].device()
        if self._narrow is None:
            self._narrow = cupy.empty(self.twins["weights"].count, np.uint16)
        return self._narrow

    def narrow_part(self, path: str) -> Any:
        """The part of the narrow weights that is at `path`, flat."""
        start, stop, _ = self._weight_places[path]
        return self.narrow_weights()[start:stop]

    def narrowing(self) -> Callable[[], None]:
        """What copies the weights, narrowed."""
        weights, narrow = self.twins["weights"].device(), self.narrow_weights()
        if narrow is weights:
            return lambda: None
        kernels = self.machine.kernels(NARROW, self.dtype, 1, weights.size)
        launch, count = kernels.over("narrow_all", weights.size), kernels.index(weights.size)
        return lambda: launch(narrow, weights, count)

    def slot(self, name: str) -> Any:
        """A slot on the device."""
        assert isinstance(self.slots, TwinSlots)
        return self.slots.twins[name].device()


class NoDeviceError(TrainingError):
    """There is no device that steps could run on; str() says why."""


def _require_device() -> None:
    """Raises NoDeviceError where CuPy finds none."""
    if cupy.cuda.is_available():
        return
    reason = "it finds none"
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as failure:
        reason = str(failure)
    raise NoDeviceError(f"there is no GPU that CuPy could use: {reason}")


class Machine:
    """A device's stream, on which all steps of a memory run, and what makes products on it.

    Raises NoDeviceError where there is none, or none that makes such products.
    """

    def __init__(self, products: str | None) -> None:
        _require_device()
        self.stream = cupy.cuda.Stream(non_blocking=True)
        with self.stream:
            try:
                self.products = Products(self.stream, products)
            except PrecisionError as failure:
                raise NoDeviceError(str(failure)) from None

    def kernels(self, source: str, dtype: Any, n: int, largest: int) -> Kernels:
        """The kernels of a source."""
        return Kernels(source, np.dtype(dtype).name, n, largest)

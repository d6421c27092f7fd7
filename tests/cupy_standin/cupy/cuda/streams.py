"""Streams, events, graphs, and the device that all of them are on."""

from __future__ import annotations

import time
from typing import Any

from ...machine import CUDARuntimeError, DeviceError, Queue, Recorded, Work, current


class Stream:
    """A stream. `with stream:` or `stream.use()` makes it the current one."""

    def __init__(self, null: bool = False, non_blocking: bool = False) -> None:
        machine = current()
        machine.need_device()
        self.queue: Queue = machine.null if null else machine.queue(blocking=not non_blocking)
        self._before: list[tuple[Queue, Any]] = []

    @property
    def ptr(self) -> int:
        return 0 if self.queue is current().null else id(self.queue)

    def use(self) -> Stream:
        machine = current()
        machine.current, machine.current_stream = self.queue, self
        return self

    def __enter__(self) -> Stream:
        machine = current()
        self._before.append((machine.current, machine.current_stream))
        return self.use()

    def __exit__(self, *_: object) -> None:
        machine = current()
        machine.current, machine.current_stream = self._before.pop()

    def synchronize(self) -> None:
        self.queue.synchronise("Stream.synchronize")

    def record(self, event: Event | None = None) -> Event:
        made = event or Event()
        made.record(self)
        return made

    def wait_event(self, event: Event) -> None:
        queue, mark = event.queue, event.mark
        if queue is None:
            return
        self.queue.submit(Work("wait_event", lambda: queue.drain(mark)), captured=False)

    def begin_capture(self, mode: int | None = None) -> None:
        if self.queue is current().null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.queue.capture is not None:
            raise CUDARuntimeError("the stream captures already")
        self.queue.drain()
        self.queue.capture = []

    def end_capture(self) -> Graph:
        if self.queue.capture is None:
            raise CUDARuntimeError("end_capture without begin_capture")
        work, self.queue.capture = self.queue.capture, None
        current().counters.captures += 1
        return Graph(work)

    def is_capturing(self) -> bool:
        return self.queue.capture is not None


class Graph:
    """Work that was captured."""

    def __init__(self, work: list[Recorded]) -> None:
        self.work = work

    def launch(self, stream: Stream | None = None) -> None:
        """Does it all again, with what the memory holds then."""
        machine = current()
        queue = machine.current if stream is None else stream.queue
        machine.counters.replays += 1
        queue.submit(Work("graph", self._replay), captured=False)

    def upload(self, stream: Stream | None = None) -> None:
        """Nothing is to be done beforehand here."""

    def _replay(self) -> None:
        for work in self.work:
            work.again()


class Event:
    """A place in a stream's work."""

    def __init__(self, block: bool = False, disable_timing: bool = False) -> None:
        current().need_device()
        self.queue: Queue | None = None
        self.mark = 0
        self.at = 0.0

    def record(self, stream: Stream | None = None) -> None:
        queue = current().current if stream is None else stream.queue
        queue.submit(Work("record", self._reached), captured=False)
        self.queue, self.mark = queue, queue.given

    def _reached(self) -> None:
        self.at = time.perf_counter()

    @property
    def done(self) -> bool:
        return self.queue is None or self.queue.done >= self.mark

    def synchronize(self) -> None:
        machine = current()
        if machine.capturing():
            raise CUDARuntimeError("Event.synchronize: not while a graph is captured")
        machine.counters.synchronisations += 1
        if self.queue is not None:
            self.queue.drain(self.mark)


class Device:
    """The device."""

    def __init__(self, device: int = 0) -> None:
        current().need_device()
        if device >= current().devices:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        self.id = device

    @property
    def compute_capability(self) -> str:
        return "90"

    @property
    def mem_info(self) -> tuple[int, int]:
        return current().memory - current().used, current().memory

    def use(self) -> None:
        """There is one only."""

    def synchronize(self) -> None:
        machine = current()
        machine.null.synchronise("Device.synchronize")
        for queue in machine.queues():
            queue.drain()


def get_current_stream() -> Stream:
    return current().current_stream or Stream(null=True)


def get_elapsed_time(start: Event, end: Event) -> float:
    """Milliseconds between two events."""
    if not (start.done and end.done):
        raise DeviceError("get_elapsed_time: the events are not reached yet")
    return (end.at - start.at) * 1000

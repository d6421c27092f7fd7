"""What a run of the benchmarks was asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What a part may look at.

    pairs: how often each pair is timed. rows, peers: keys of networks and names of peers, in the tables' order. ours:
    other ways of our own that are timed too, each as options of `nndsl run`.
    """

    pairs: int
    rows: tuple[str, ...]
    peers: tuple[str, ...]
    ours: tuple[str, ...]

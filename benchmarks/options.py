"""What a run of the benchmarks was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.networks import Network


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

    def of(self, networks: Sequence[Network]) -> list[Network]:
        """Those of a part's networks that were asked for. Raises SystemExit where none was."""
        chosen = [network for network in networks if network.key in self.rows]
        if not chosen:
            raise SystemExit(
                f"of this part's rows ({', '.join(network.key for network in networks)}) none was asked for"
            )
        return chosen

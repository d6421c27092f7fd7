"""Training steps and inference, beside PyTorch: `python -m benchmarks steps`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.networks import NETWORKS, Network
from benchmarks.ours import Side, ours
from benchmarks.peers import available
from benchmarks.timing import Paired, paired

AGREE_STEPS = 20
"""Steps over which the losses must agree before anything is timed."""


def rows(pairs: int) -> list[list[str]]:
    """The table: a row for each network, peer and thing timed."""
    table: list[list[str]] = []
    for network in NETWORKS:
        for make in available().values():
            with TemporaryDirectory() as folder:
                side, weights = ours(network, Path(folder))
                peer = make(network, Path(folder), weights)
                _agree(network, side, peer)
                for what, mine, theirs in (
                    ("training step", side.step, peer.step),
                    ("inference, the batch", side.infer, peer.infer),
                    ("inference, one sample", side.infer_one, peer.infer_one),
                ):
                    table.append(_row(network, what, peer, paired(mine, theirs, pairs=pairs)))
    return table


HEADER = ["network", "what", "peer", "nndsl ms", "peer ms", "times faster", "95% interval"]


def _row(network: Network, what: str, peer: Side, result: Paired) -> list[str]:
    return [
        f"{network.name}, batch {network.batch}",
        what,
        peer.name,
        f"{1e3 * result.ours:.4f}",
        f"{1e3 * result.theirs:.4f}",
        f"{result.ratio:.2f}",
        f"{result.low:.2f} to {result.high:.2f}",
    ]


def _agree(network: Network, side: Side, peer: Side) -> None:
    """Both must learn the same: losses over some steps, from the same weights."""
    for step in range(AGREE_STEPS):
        mine, theirs = side.loss(), peer.loss()
        if abs(mine - theirs) > 1e-3 * max(abs(theirs), 1e-3):
            raise SystemExit(f"{network.name}: at step {step} the loss of nndsl is {mine}, of {peer.name} {theirs}")

"""Random numbers that are addressed, not consumed: each depends on seed, site, step and the sample's position alone.

The generator is NumPy's Philox 4x64-10 (Salmon et al. 2011). Its key is (seed, site), its counter starts a sample at
(position * blocks, 0, step, 0), where `blocks` 256-bit blocks hold all draws of one sample. So a batch split into any
ranges, on any number of threads, draws the same numbers.
"""

from __future__ import annotations

import hashlib
import threading
from math import pi, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray


def site_key(site: str) -> int:
    """The number that stands for a random site (a place in the program that draws) in Philox's key."""
    return int.from_bytes(hashlib.blake2b(site.encode(), digest_size=8).digest(), "little")


class _Stream(threading.local):
    """A Philox generator and the state that it is set to before each use; each thread has its own."""

    def __init__(self) -> None:
        self.generator = np.random.Philox(0)
        self.state: Any = self.generator.state
        self.key: NDArray[np.uint64] = self.state["state"]["key"]
        self.counter: NDArray[np.uint64] = self.state["state"]["counter"]

    def bits(self, seed: int, site: int, step: int, first: int, samples: int, bits: int) -> NDArray[np.uint64]:
        """[samples, words]: for each sample from position `first` on, whole blocks of at least `bits` bits."""
        blocks = -(-bits // 256)
        self.key[0] = seed
        self.key[1] = site
        self.counter[0] = first * blocks
        self.counter[2] = step
        self.generator.state = self.state
        return self.generator.random_raw(samples * blocks * 4).reshape(samples, blocks * 4)


_stream = _Stream()


def _samples(out: NDArray[Any], shared: bool) -> tuple[int, int]:
    """Number of samples in `out`, and of elements in each; a shared draw is one sample."""
    return (1, out.size) if shared else (out.shape[0], prod(out.shape[1:]))


def _uniforms(
    seed: int, site: int, step: int, first: int, samples: int, size: int, double: bool
) -> NDArray[np.float32] | NDArray[np.float64]:
    """[samples, size]: multiples of 2^-24 (float32) or 2^-53 (float64) in [0, 1)."""
    if double:
        words = _stream.bits(seed, site, step, first, samples, 64 * size)[:, :size]
        np.right_shift(words, np.uint64(11), out=words)
        return np.multiply(words, 2.0**-53, dtype=np.float64)
    halves = _stream.bits(seed, site, step, first, samples, 32 * size).view(np.uint32)[:, :size]
    np.right_shift(halves, np.uint32(8), out=halves)
    floats = halves.view(np.int32).astype(np.float32)
    return np.multiply(floats, np.float32(2.0**-24), out=floats)


def uniform(out: NDArray[Any], seed: int, site: int, step: int, first: int, shared: bool = False) -> NDArray[Any]:
    """Fills and returns `out` with numbers from [0, 1): 32 bits each in float32 (24 used), 64 in float64 (53 used).

    out: (n, ...) samples from position `first` on, or one value of any shape if `shared`.
    """
    samples, size = _samples(out, shared)
    out[...] = _uniforms(seed, site, step, first, samples, size, out.dtype == np.float64).reshape(out.shape)
    return out


def normal(out: NDArray[Any], seed: int, site: int, step: int, first: int, shared: bool = False) -> NDArray[Any]:
    """Fills and returns `out` with standard normal numbers, `out` as in `uniform`.

    Box and Muller 1958: two uniform numbers make two normal ones, so every sample uses the same number of draws.
    """
    samples, size = _samples(out, shared)
    half = (size + 1) // 2
    uniforms = _uniforms(seed, site, step, first, samples, 2 * half, out.dtype == np.float64)
    radius, angle = uniforms[:, :half], uniforms[:, half:]
    np.subtract(1.0, radius, out=radius)
    np.log(radius, out=radius)
    np.multiply(radius, -2.0, out=radius)
    np.sqrt(radius, out=radius)
    np.multiply(angle, 2.0 * pi, out=angle)
    sine = np.sin(angle)
    np.cos(angle, out=angle)
    np.multiply(radius, sine, out=sine)
    np.multiply(radius, angle, out=radius)
    angle[...] = sine
    out[...] = uniforms[:, :size].reshape(out.shape)
    return out


def bernoulli(
    out: NDArray[np.bool_], seed: int, site: int, step: int, first: int, probability: float, shared: bool = False
) -> NDArray[np.bool_]:
    """Fills and returns `out` with True, each with `probability` in steps of 1/65536; 16 bits a number."""
    threshold = round(probability * 65536)
    if threshold >= 65536:
        out.fill(True)
        return out
    samples, size = _samples(out, shared)
    numbers = _stream.bits(seed, site, step, first, samples, 16 * size).view(np.uint16)[:, :size]
    return np.less(numbers.reshape(out.shape), np.uint16(max(threshold, 0)), out=out)


def shuffled(count: int, seed: int, epoch: int) -> NDArray[np.intp]:
    """The numbers 0 to count - 1 in the order in which `epoch` (from 1) goes through its samples."""
    key = np.array([seed, site_key("shuffle")], np.uint64)
    philox = np.random.Philox(key=key, counter=np.array([0, 0, epoch, 0], np.uint64))
    return np.random.Generator(philox).permutation(count)

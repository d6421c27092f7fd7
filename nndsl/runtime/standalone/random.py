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


_CHUNK = 1 << 15
"""Words of 64 bits that are drawn at a time, of whole samples: a quarter of a megabyte, which stays in the cache."""


class _Stream(threading.local):
    """A Philox generator, the state that it is set to before each use, and room for numbers; each thread has its own.

    NumPy can't put raw random words into memory that is there, and what it can (`Generator.random(out=...)`) takes half
    as long again. So each chunk of words is a new array, the only one that a draw makes.
    """

    def __init__(self) -> None:
        self.generator = np.random.Philox(0)
        self.state: Any = self.generator.state
        self.key: NDArray[np.uint64] = self.state["state"]["key"]
        self.counter: NDArray[np.uint64] = self.state["state"]["counter"]
        self._room: NDArray[np.uint64] = np.empty(0, np.uint64)

    def begin(self, seed: int, site: int, step: int, first: int, bits: int) -> tuple[int, int]:
        """Goes to the numbers of sample `first`, each of which has at least `bits` bits in whole blocks of 256.

        Gives the words of a sample, and how many samples are drawn at a time.
        """
        blocks = -(-bits // 256)
        self.key[0] = seed
        self.key[1] = site
        self.counter[0] = first * blocks
        self.counter[2] = step
        self.generator.state = self.state
        return blocks * 4, max(1, _CHUNK // max(1, blocks * 4))

    def words(self, samples: int, words: int) -> NDArray[np.uint64]:
        """[samples, words]: the next."""
        return self.generator.random_raw(samples * words).reshape(samples, words)

    def room(self, size: int, dtype: Any, keep: bool) -> NDArray[Any]:
        """Memory for so many numbers. What is kept serves the next draw too, so that a step makes none."""
        if not keep:
            return np.empty(size, dtype)
        if self._room.nbytes < size * np.dtype(dtype).itemsize:
            self._room = np.empty(size, np.uint64)
        return self._room.view(dtype)[:size]


_stream = _Stream()


def _samples(out: NDArray[Any], shared: bool) -> tuple[int, int]:
    """Number of samples in `out`, and of elements in each; a shared draw is one sample."""
    return (1, out.size) if shared else (out.shape[0], prod(out.shape[1:]))


def _row_parts(rows: NDArray[Any], count: int) -> list[NDArray[Any]]:
    """The rows, `count` at a time."""
    return [rows] if len(rows) <= count else [rows[start : start + count] for start in range(0, len(rows), count)]


def _to_unit(words: NDArray[np.uint64], out: NDArray[Any]) -> None:
    """Multiples of 2^-24 (float32) or 2^-53 (float64) in [0, 1), of the highest bits of each half word or word.

    words: [samples, words], overwritten; out: [samples, size], where what is left of a sample's words is not used.
    """
    if out.dtype == np.float64:
        np.right_shift(words, np.uint64(11), out=words)
        np.copyto(out, words[:, : out.shape[1]])
        np.multiply(out, 2.0**-53, out=out)
        return
    halves = words.view(np.uint32)
    np.right_shift(halves, np.uint32(8), out=halves)
    np.copyto(out, halves.view(np.int32)[:, : out.shape[1]], casting="same_kind")
    np.multiply(out, np.float32(2.0**-24), out=out)


def uniform(out: NDArray[Any], seed: int, site: int, step: int, first: int, shared: bool = False) -> NDArray[Any]:
    """Fills and returns `out` with numbers from [0, 1): 32 bits each in float32 (24 used), 64 in float64 (53 used).

    out: (n, ...) samples from position `first` on, or one value of any shape if `shared`.
    """
    if not out.flags.c_contiguous:
        out[...] = uniform(np.empty(out.shape, out.dtype), seed, site, step, first, shared)
        return out
    samples, size = _samples(out, shared)
    rows = out.reshape(samples, size)
    words, count = _stream.begin(seed, site, step, first, 8 * out.itemsize * size)
    for part in _row_parts(rows, count):
        _to_unit(_stream.words(len(part), words), part)
    return out


def normal(out: NDArray[Any], seed: int, site: int, step: int, first: int, shared: bool = False) -> NDArray[Any]:
    """Fills and returns `out` with standard normal numbers, `out` as in `uniform`.

    Box and Muller 1958: two uniform numbers make two normal ones, so every sample uses the same number of draws.
    """
    if not out.flags.c_contiguous:
        out[...] = normal(np.empty(out.shape, out.dtype), seed, site, step, first, shared)
        return out
    samples, size = _samples(out, shared)
    half = (size + 1) // 2
    rows = out.reshape(samples, size)
    words, count = _stream.begin(seed, site, step, first, 16 * out.itemsize * half)
    for part in _row_parts(rows, count):
        n = len(part)
        room = _stream.room(3 * half * n, out.dtype, not shared)
        uniforms, sine = room[: 2 * half * n].reshape(n, 2 * half), room[2 * half * n :].reshape(n, half)
        _to_unit(_stream.words(n, words), uniforms)
        radius, angle = uniforms[:, :half], uniforms[:, half:]
        np.subtract(1.0, radius, out=radius)
        np.log(radius, out=radius)
        np.multiply(radius, -2.0, out=radius)
        np.sqrt(radius, out=radius)
        np.multiply(angle, 2.0 * pi, out=angle)
        np.sin(angle, out=sine)
        np.cos(angle, out=angle)
        np.multiply(radius, angle, out=part[:, :half])
        np.multiply(radius[:, : size - half], sine[:, : size - half], out=part[:, half:])
    return out


def bernoulli(
    out: NDArray[np.bool_], seed: int, site: int, step: int, first: int, probability: float, shared: bool = False
) -> NDArray[np.bool_]:
    """Fills and returns `out` with True, each with `probability` in steps of 1/65536; 16 bits a number."""
    threshold = round(probability * 65536)
    if threshold >= 65536:
        out.fill(True)
        return out
    if not out.flags.c_contiguous:
        out[...] = bernoulli(np.empty(out.shape, np.bool_), seed, site, step, first, probability, shared)
        return out
    samples, size = _samples(out, shared)
    rows = out.reshape(samples, size)
    bound = np.uint16(max(threshold, 0))
    words, count = _stream.begin(seed, site, step, first, 16 * size)
    for part in _row_parts(rows, count):
        np.less(_stream.words(len(part), words).view(np.uint16)[:, :size], bound, out=part)
    return out


def shuffled(count: int, seed: int, epoch: int) -> NDArray[np.intp]:
    """The numbers 0 to count - 1 in the order in which `epoch` (from 1) goes through its samples."""
    key = np.array([seed, site_key("shuffle")], np.uint64)
    philox = np.random.Philox(key=key, counter=np.array([0, 0, epoch, 0], np.uint64))
    return np.random.Generator(philox).permutation(count)

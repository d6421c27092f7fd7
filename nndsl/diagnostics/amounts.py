"""Amounts as people write them."""

from __future__ import annotations


def in_bytes(count: float) -> str:
    """`1.5 MB`."""
    return scaled(count, "B")


def scaled(count: float, unit: str) -> str:
    """A number of things with a prefix: `1.5 MB`, `12 kFLOP`."""
    prefix = ""
    for prefix in ("", "k", "M", "G", "T"):
        if count < 1000 or prefix == "T":
            break
        count /= 1000
    return f"{count:,.0f} {prefix}{unit}" if not prefix or count >= 100 else f"{count:.3g} {prefix}{unit}"

"""What this process holds of memory, now and at most, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")
RESTART = Path("/proc/self/clear_refs")


def resident() -> int:
    """Bytes that it holds now."""
    return _bytes("VmRSS")


def peak() -> int:
    """Bytes that it held at most, since it began or since `restart_peak`."""
    return _bytes("VmHWM")


def restart_peak() -> None:
    """Forget what was held before."""
    RESTART.write_text("5", encoding="utf-8")


def _bytes(name: str) -> int:
    (line,) = (line for line in STATUS.read_text(encoding="utf-8").splitlines() if line.startswith(f"{name}:"))
    return 1024 * int(line.split()[1])

"""The machine: its cores and caches, and what memory this process can still have of it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from nndsl.plan import Machine

_UNLIMITED = 1 << 60
"""Bytes. Systems say "no limit" as a number beyond this."""


@dataclass(frozen=True, slots=True)
class FreeMemory:
    """Bytes that this process can still have, and what holds it to them: "the machine has left", ..."""

    bytes: int
    limit: str


def free_memory(root: Path = Path("/")) -> FreeMemory | None:
    """The tightest of the limits on this process; None where the system tells of none.

    root: where `proc` and `sys` lie (tests have their own).
    """
    found = [*_of_machine(root), *_of_container(root), *_of_process(root)]
    return min(found, key=lambda each: each.bytes, default=None)


# ------------------------------------------------------------------------------------------------ the processor

_USUAL_CACHE = 1 << 20
"""Bytes, where the system does not tell."""

_THREAD_LIMITS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables by which users hold numerical programs to some threads."""


def this_machine(root: Path = Path("/")) -> Machine:
    """The processor, as far as this process may use it. root: where `proc` and `sys` lie (tests have their own)."""
    counts = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    quota, _, period = (_text(root / "sys/fs/cgroup/cpu.max") or "max").partition(" ")
    if quota.isdecimal() and period.isdecimal():
        counts.append(int(quota) // int(period))
    limits = (os.environ.get(name, "") for name in _THREAD_LIMITS)
    counts += [int(limit) for limit in limits if limit.isdecimal()]
    return Machine(max(1, min(counts)), _cache(root), copies=sys.platform == "linux")


def _cache(root: Path) -> int:
    """Bytes of the largest cache, over the cores that share it; of a core's own, where that is more."""
    found = [_USUAL_CACHE]
    for folder in sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index*")):
        size, shared = _text(folder / "size") or "", _text(folder / "shared_cpu_list") or "0"
        unit = {"K": 1 << 10, "M": 1 << 20}.get(size[-1:])
        if unit is not None and size[:-1].isdecimal():
            found.append(int(size[:-1]) * unit // _listed(shared))
    return max(found)


def _listed(text: str) -> int:
    """How many numbers a list like `0-3,8` has."""
    ends = (part.partition("-") for part in text.split(","))
    return sum(int(last or first) - int(first) + 1 for first, _, last in ends)


# ------------------------------------------------------------------------------------------------ the machine's memory


def _of_machine(root: Path) -> list[FreeMemory]:
    """What could be had without swapping; Linux says so, others only how much is unused (macOS) or nothing."""
    available = _of_lines(root / "proc/meminfo").get("MemAvailable")
    if available is None:
        available = _unused_pages()
    return [] if available is None else [FreeMemory(available, "the machine has left")]


def _unused_pages() -> int | None:
    names = getattr(os, "sysconf_names", {})
    if "SC_AVPHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return None
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_lines(path: Path) -> dict[str, int]:
    """Bytes by name, out of lines like `MemAvailable:   12345 kB`; none where the file can't be read."""
    found: dict[str, int] = {}
    for line in (_text(path) or "").splitlines():
        name, _, rest = line.partition(":")
        number, _, unit = rest.strip().partition(" ")
        if unit == "kB" and number.isdecimal():
            found[name] = int(number) * 1024
    return found


# ------------------------------------------------------------------------------------------------ containers


def _of_container(root: Path) -> list[FreeMemory]:
    """What each control group around this process has left (Linux; version 2, and version 1's `memory`)."""
    found: list[FreeMemory] = []
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            place, files = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            place = root / "sys/fs/cgroup/memory"
        else:
            continue
        for group in _groups(place, path):
            found += _left_in(group, *files)
    return found


def _groups(place: Path, path: str) -> list[Path]:
    """The folders of a group and of those around it. Inside a container only the outermost may be there."""
    inner = Path(path.lstrip("/"))
    if ".." in inner.parts:
        return [place]
    return [folder for folder in (place / inner, *(place / outer for outer in inner.parents)) if folder.is_dir()]


def _left_in(group: Path, limit_file: str, used_file: str, reclaimable: str) -> list[FreeMemory]:
    limit, used = _text(group / limit_file), _text(group / used_file)
    if limit is None or used is None or not limit.isdecimal() or not used.isdecimal() or int(limit) >= _UNLIMITED:
        return []
    cached = 0
    for line in (_text(group / "memory.stat") or "").splitlines():
        name, _, number = line.partition(" ")
        if name == reclaimable and number.isdecimal():
            cached = int(number)  # files that were read: the system takes their memory back when it is needed
    return [FreeMemory(max(0, int(limit) - max(0, int(used) - cached)), "its container has left")]


# ------------------------------------------------------------------------------------------------ the process


def _of_process(root: Path) -> list[FreeMemory]:
    """What `ulimit -v` and `ulimit -d` leave."""
    if sys.platform == "win32":
        return []
    import resource

    used = _of_lines(root / "proc/self/status")
    found: list[FreeMemory] = []
    for kind, name, option in ((resource.RLIMIT_AS, "VmSize", "v"), (resource.RLIMIT_DATA, "VmData", "d")):
        limit, _ = resource.getrlimit(kind)
        if 0 <= limit < _UNLIMITED and limit != resource.RLIM_INFINITY:
            found.append(
                FreeMemory(max(0, limit - used.get(name, 0)), f"its limit of memory (`ulimit -{option}`) leaves")
            )
    return found


def _text(path: Path) -> str | None:
    """What a file of the system says; None where it is not there or may not be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None

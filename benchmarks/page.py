"""Pages of docs/: what is printed goes between its marks, so that no number is written by hand."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

DOCUMENTS = Path(__file__).parent.parent / "docs"
PAGES = ("benchmarks.md", "how-it-is-fast.md")
PACKAGES = ("numpy", "torch", "jax", "keras")


def put(part: str, printed: str) -> Path:
    """Write what a part printed between its marks, and say on which page. Raises SystemExit where none has them."""
    begin, end = f"<!-- begin {part}: printed by `python -m benchmarks {part} --write` -->", f"<!-- end {part} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    for page in (DOCUMENTS / name for name in PAGES):
        text = page.read_text(encoding="utf-8")
        if pattern.search(text) is not None:
            page.write_text(pattern.sub(lambda _: f"{begin}\n{printed}\n{end}", text), encoding="utf-8")
            return page
    raise SystemExit(f"no page has a place for what this part prints:\n{begin}\n{end}")


def _others() -> float | None:
    """Seconds of all cores that went into others than this process and its ended children; None where unknown."""
    path = Path("/proc/stat")
    if not path.exists():
        return None
    user, nice, system = (int(number) for number in path.read_text(encoding="utf-8").split()[1:4])
    own = os.times()
    mine = own.user + own.system + own.children_user + own.children_system
    return (user + nice + system) / os.sysconf("SC_CLK_TCK") - mine


@dataclass(slots=True)
class Company:
    """How busy others keep the machine meanwhile. Beside them, threads that wait for each other take much longer."""

    begun: float = field(default_factory=perf_counter)
    others: float | None = field(default_factory=_others)

    def __str__(self) -> str:
        now = _others()
        if now is None or self.others is None:
            return ""
        cores = max(0.0, (now - self.others) / (perf_counter() - self.begun))
        return f"Other processes kept {cores:.2f} of the cores busy meanwhile."


def machine() -> str:
    """The machine and the versions, as the page says them."""
    versions = ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    return (
        f"On {date.today().isoformat()}: {model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {versions}."
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with its columns lined up."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return (
        "\n".join(
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
            for line in lines
        )
        + "\n"
    )

"""`python -m benchmarks [PART ...]` prints the tables; --write keeps them in docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import compiling, reading, startup, steps

INTRODUCTION = """# Benchmarks

What `python -m benchmarks --write` printed. The two sides are timed in turn, in one process or as processes, after
their losses were found equal over twenty steps. Times are medians and ratios are medians over pairs; on another
machine only the ratios mean something.
"""
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
# Processes come first: what this one has loaded by then counts in the peak memory of those that it starts.
PARTS = {
    "startup": ("Cold processes", startup),
    "steps": ("Training steps and inference", steps),
    "reading": ("Epochs over rows that stay in a file", reading),
    "compiling": ("From text to source", compiling),
}


def main() -> None:
    """Run the parts asked for, print their tables, and write the page if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; all by default")
    parser.add_argument("--pairs", type=int, default=41, help="how often each pair is timed")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}: they are {', '.join(PARTS)}")
    sections = [
        INTRODUCTION,
        machine(),
    ]
    print(sections[-1], flush=True)
    for name in given.parts or PARTS:
        title, part = PARTS[name]
        sections.append(f"## {title}\n\n{markdown(part.HEADER, part.rows(given.pairs))}")
        print(sections[-1], flush=True)
    if given.write:
        PAGE.write_text("\n".join(sections), encoding="utf-8")
        print(f"written to {PAGE}", file=sys.stderr)


def machine() -> str:
    """The machine and the versions, as the page says them."""
    names = ("numpy", "torch", "nndsl")
    versions = ", ".join(f"{name} {found}" for name in names if (found := _version(name)))
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    return (
        f"On {date.today().isoformat()}: {model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {versions}.\n"
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def markdown(header: list[str], rows: list[list[str]]) -> str:
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


main()

"""`python -m benchmarks [PART ...]` prints what it measures; --write keeps it in docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from benchmarks import compiling, gpu, growth, memory, reading, startup, steps
from benchmarks.networks import GPU_NETWORKS, NETWORKS
from benchmarks.options import Options
from benchmarks.page import PAGE, Company, machine, markdown, put
from benchmarks.sides import available

# Processes come first: what this one has loaded by then counts in the peak memory of those that it starts.
PARTS: dict[str, Callable[[Options], str]] = {
    "startup": startup.section,
    "memory": memory.section,
    "growth": growth.section,
    "steps": steps.section,
    "reading": lambda options: markdown(reading.HEADER, reading.rows(options.pairs)),
    "compiling": lambda options: markdown(compiling.HEADER, compiling.rows(options.pairs)),
    "gpu": gpu.section,
}
ASKED_FOR = ("gpu",)
"""Parts that run only where they are named."""


def main() -> None:
    """Run the parts asked for, print what they say, and write it to the page if asked to."""
    keys = list(dict.fromkeys(network.key for network in (*NETWORKS, *GPU_NETWORKS)))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}; all but gpu by default")
    parser.add_argument("--pairs", type=int, default=21, help="how often each pair is timed; 21 if not given")
    parser.add_argument("--rows", help=f"networks with commas between, of {', '.join(keys)}; all by default")
    parser.add_argument("--peers", help=f"of those that are installed: {', '.join(available())}; '' for none")
    parser.add_argument(
        "--ours",
        action="append",
        default=[],
        metavar="OPTIONS",
        help="time nndsl a second way too, with these options of `nndsl run`, as '--threads 2 --tile 16' (write "
        "--ours='--threads 2'); may be repeated",
    )
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    given = parser.parse_args()
    options = Options(
        given.pairs,
        _chosen(parser, "--rows", given.rows, keys),
        _chosen(parser, "--peers", given.peers, available()),
        tuple(given.ours),
    )
    usual = ",".join(name for name in PARTS if name not in ASKED_FOR)
    for name in _chosen(parser, "PART", ",".join(given.parts) or usual, list(PARTS)):
        company = Company()
        found = PARTS[name](options)
        printed = f"{machine()} {company}\n\n{found}"
        print(f"## {name}\n\n{printed}", flush=True)
        if given.write:
            put(name, printed)
            print(f"written to {PAGE}", file=sys.stderr)


def _chosen(parser: argparse.ArgumentParser, option: str, given: str | None, known: Sequence[str]) -> tuple[str, ...]:
    """Those of the known names that were given, in their own order; all where the option was not."""
    if given is None:
        return tuple(known)
    wanted = [name.strip() for name in given.split(",") if name.strip()]
    for name in wanted:
        if name.casefold() not in map(str.casefold, known):
            parser.error(f"{option}: there is no {name!r}: they are {', '.join(known)}")
    return tuple(name for name in known if name.casefold() in map(str.casefold, wanted))


main()

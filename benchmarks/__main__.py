"""`python -m benchmarks [PART ...]` prints what it measures; --write keeps it in docs/."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.networks import GPU_NETWORKS, NETWORKS, NORMALIZED
from benchmarks.options import Options
from benchmarks.page import Company, machine, put
from benchmarks.parts import ASKED_FOR, PARTS
from benchmarks.sides import available


def main() -> None:
    """Run the parts asked for, print what they say, and write it to the page if asked to."""
    keys = list(dict.fromkeys(network.key for network in (*NETWORKS, NORMALIZED, *GPU_NETWORKS)))
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
    parser.add_argument("--write", action="store_true", help="keep what is printed in docs/")
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
            print(f"written to {put(name, printed)}", file=sys.stderr)


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

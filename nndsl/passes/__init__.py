"""Rewrites of graphs: what a program means stays, what it costs does not."""

from nndsl.passes.pipeline import PIPELINE, STAGES, Pass, differentiated, optimise, run_until

__all__ = ["PIPELINE", "STAGES", "Pass", "differentiated", "optimise", "run_until"]

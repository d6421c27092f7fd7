"""Rewrites of graphs: what a program means stays, what it costs does not."""

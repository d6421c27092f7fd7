"""`nndsl explain`: a program with everything filled in that it leaves out, and where each came from."""

from nndsl.check.explanation.program import explained

__all__ = ["explained"]

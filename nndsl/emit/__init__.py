"""From a program to the text of a Python module that needs only NumPy."""

from nndsl.emit.standalone import emit

__all__ = ["emit"]

"""From a program to the text of a Python module that needs only NumPy."""

from nndsl.emit.clocked import Phase, Place, Site, Sites
from nndsl.emit.standalone import emit

__all__ = ["Phase", "Place", "Site", "Sites", "emit"]

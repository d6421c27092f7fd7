"""Where a training step spends its time, line by line of the `.nn` file, beside what the machine can do.

`clock` reads the time inside of a step and around it, `stretches` trains and keeps what a step took, `lines` adds it up
by line, `peaks` measures the machine, and `measuring` puts it together.
"""

from nndsl.runtime.profiling.lines import Line, Spent
from nndsl.runtime.profiling.measuring import Profile, profile
from nndsl.runtime.profiling.peaks import Peaks

__all__ = ["Line", "Peaks", "Profile", "Spent", "profile"]

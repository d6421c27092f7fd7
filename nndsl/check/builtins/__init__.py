"""The functions that the compiler provides, a file a family.

They are the primitive operations, under the names that the language uses, and what works on compile-time values.
"""

from __future__ import annotations

from nndsl.check.bodies import loops
from nndsl.check.builtins import (
    compile_time,
    elementwise,
    indexing,
    movement,
    random,
    reductions,
    special,
    units,
    windows,
)
from nndsl.check.values import Builtin

BUILTINS: dict[str, Builtin] = {
    builtin.name: builtin
    for family in (loops, compile_time, elementwise, indexing, movement, random, reductions, special, units, windows)
    for builtin in family.BUILTINS
}

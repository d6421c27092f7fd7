"""The functions that the compiler provides, a file a family.

They are the primitive operations, under the names that the language uses, and what works on compile-time values.
"""

from __future__ import annotations

from nndsl.check.builtins import compile_time, elementwise, indexing, movement, random, reductions, special
from nndsl.check.values import Builtin

BUILTINS: dict[str, Builtin] = {
    builtin.name: builtin
    for family in (compile_time, elementwise, indexing, movement, random, reductions, special)
    for builtin in family.BUILTINS
}

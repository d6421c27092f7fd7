"""The generated module of a program for the built-in digits, made once."""

from functools import cache

from programs import digits_mlp

from nndsl.emit import emit
from nndsl.runtime.modules import Generated


@cache
def generated_digits():
    """The checked program and its generated module."""
    program = digits_mlp()
    return program, Generated(emit(program), "<compiled digits.nn>")

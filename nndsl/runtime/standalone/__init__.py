"""The part of the runtime that is pasted into standalone files: NumPy and the standard library only.

These modules import nothing of nndsl but one another, as `from nndsl.runtime.standalone.x import name`. Pasted one
after the other into one module they share its names, so every module-level name here is unique, private ones included.
"""

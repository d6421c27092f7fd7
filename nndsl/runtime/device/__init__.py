"""The device's half of a generated CuPy module: pasted into it behind the host's (`nndsl/runtime/standalone/`).

CuPy, NumPy and the standard library only. No array, stream or handle is made when a module is imported.
"""

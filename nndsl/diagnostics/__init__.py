"""What nndsl says about a user's mistakes: diagnostics, the table of codes, and how they are printed."""

from nndsl.diagnostics.model import (
    Code,
    Diagnostic,
    InternalError,
    Label,
    Severity,
    UserError,
    did_you_mean,
    error,
    warning,
)

__all__ = [
    "Code",
    "Diagnostic",
    "InternalError",
    "Label",
    "Severity",
    "UserError",
    "did_you_mean",
    "error",
    "warning",
]

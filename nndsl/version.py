"""The version, in one place: the package's metadata and `nndsl --version` read it here."""

__version__ = "0.1.0"

"""What the tests of this folder share."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]


@pytest.fixture
def digits():
    """A fresh model for the built-in digits."""
    from generated_digits import generated_digits

    from nndsl.runtime.model import Model

    return Model(*generated_digits(), {}, 0)

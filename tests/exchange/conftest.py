"""`net`, a model over arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.nets import Net


@pytest.fixture
def net(tmp_path: Path) -> Callable[..., Net]:
    """`net(body, x=array, ...)`: a model over these columns."""

    def made(body: str, **columns: Any) -> Net:
        return Net(tmp_path, body, columns)

    return made

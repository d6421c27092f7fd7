"""docs/weights.md: its commands run in its order, its Python runs, and what they print is what it shows."""

from __future__ import annotations

import contextlib
import io
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

import nndsl
from nndsl.check.library import index
from nndsl.cli.application import application
from nndsl.runtime.exchange.pytorch import CODECS
from tests.docs.page import Block, Page

PAGE = Page.of("weights.md")
NEEDS = {"pytorch": "torch", "save": "torch", "sequential": "torch"}
"""Blocks of Python that need a package which the tests do without."""

NOT_RUN = {"convert", "to-keras", "from-keras"}
"""They need a file or a model of somebody else's; `tests/exchange` does the same with Keras."""


class Session:
    """The page, block after block, in one folder."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.printed = ""
        self.ran: set[str] = set()

    def run(self, block: Block) -> None:
        match block.language:
            case "sh":
                for line in block.text.splitlines():
                    self._command(line, fails="fails" in block.words)
            case "python" if block.words[1] not in NOT_RUN:
                if (package := NEEDS.get(block.words[1])) is not None:
                    pytest.importorskip(package)
                with contextlib.redirect_stdout(io.StringIO()) as written:
                    exec(block.text, self.names)
                self.printed = written.getvalue()
                self.ran.add(block.words[1])
            case "text":
                assert block.text.strip() in self.printed
            case _:
                pass

    def _command(self, line: str, *, fails: bool) -> None:
        program, *arguments = shlex.split(line)
        assert program == "nndsl"
        if "other.safetensors" in arguments:
            weights = load_file("runs/Digits/weights.safetensors")
            weights["Digits/head/kernel"] = np.ascontiguousarray(weights["Digits/head/kernel"][:, :7])
            weights["Digits/head/bia"] = weights.pop("Digits/head/bias")
            save_file(weights, "other.safetensors")
        if "theirs-keras.safetensors" in arguments:
            Path("theirs-keras.safetensors").write_bytes(Path("keras.safetensors").read_bytes())
        result = CliRunner().invoke(application, arguments, prog_name="nndsl")
        assert result.exit_code == (1 if fails else 0), result.output
        self.printed = result.output


def test_the_page_runs_from_its_beginning_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    PAGE.write_files(tmp_path)
    session = Session()
    for block in PAGE.blocks():
        session.run(block)
    assert session.ran == {"safetensors", "pytorch", "save", "sequential"}
    digits = nndsl.load("digits.nn")
    evaluated = []
    for run in ("Digits", "theirs", "keras"):
        digits.load_weights(f"runs/{run}")
        evaluated.append(digits.evaluate())
    assert evaluated[1]["loss"] == pytest.approx(evaluated[0]["loss"])
    assert evaluated[2] == evaluated[0]

    import torch

    image = np.random.default_rng(1).integers(0, 17, (5, 8, 8)).astype(float)
    digits.load_weights("runs/Digits")
    scores = session.names["digits"](torch.from_numpy(image[:, None] / 16).float())
    found = digits.predict({"image": image})["digit"]
    assert [str(each) for each in scores.argmax(1).tolist()] == [str(each) for each in found]


def test_the_table_has_every_layer_with_weights() -> None:
    layers = {name for name, entry in index().items() if entry.kind == "layer" and "weight " in entry.file.text}
    table = PAGE.section("To PyTorch")
    assert layers == CODECS.keys()
    assert all(f"`{layer}`" in table for layer in layers)

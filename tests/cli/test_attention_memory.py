"""What a step of attention takes grows with the length of a sequence, not with its square."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from nndsl.cli.application import application

PROGRAM = """data text from npz("text.npz") {{
  x = column("x")
  target = column("x")
}}
model Net {{
  input x: [{times}, 8]
  MultiHeadAttention(2, 4, causal=true)
}}
train Net on text {{
  batch_size = 4
  minimize mean((Net(x) - target)^2) using SGD()
}}
"""


def buffers(folder: Path, times: int, *options: str) -> int:
    np.savez(folder / "text.npz", x=np.zeros((8, times, 8), np.float32))
    (folder / "net.nn").write_text(PROGRAM.format(times=times), encoding="utf-8")
    done = CliRunner().invoke(
        application, ["summary", str(folder / "net.nn"), "--json", "--threads", "1", *options], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.output)["trains"]["Net"]["buffers"]


def test_memory_of_long_attention_grows_with_its_length(tmp_path: Path) -> None:
    short, long = (buffers(tmp_path, times) for times in (1024, 2048))
    assert long < 2.3 * short
    assert long < buffers(tmp_path, 2048, "--plan", "no-attend") / 10


def test_summary_says_that_attention_goes_over_blocks(tmp_path: Path) -> None:
    buffers(tmp_path, 64)
    for options, told in (([], True), (["--plan", "no-attend"], False)):
        done = CliRunner().invoke(application, ["summary", str(tmp_path / "net.nn"), *options])
        assert ("in blocks of queries" in done.output) == told

"""What README.md and CONTRIBUTING.md show is so: their files, commands, code and outputs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from nndsl.check import check
from nndsl.cli.application import COMMANDS
from nndsl.source import SourceFile

ROOT = Path(__file__).resolve().parents[2]


def blocks(document: str, language: str) -> list[str]:
    """The code blocks of a language in a document, without the indentation of a list that they stand in."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_the_layer_in_contributing_is_right():
    (layer,) = blocks("CONTRIBUTING.md", "nn")
    assert not check(SourceFile("scale.nn", f"{layer}\nmodel Scaled {{\n  input x: [3]\n  Scale\n}}\n")).warnings


def test_the_diagnostic_in_contributing_is_one_that_is_there():
    code, raised = (block for block in blocks("CONTRIBUTING.md", "python") if "NN210" in block)
    codes = (ROOT / "nndsl/diagnostics/codes/shapes.py").read_text(encoding="utf-8")
    assert one_line(code) in one_line(codes)
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "nndsl/check").rglob("*.py")]
    assert any(one_line(raised) in one_line(source) for source in sources)


# ------------------------------------------------------------------------------------------------ README.md


def block_under(heading: str, language: str = "") -> str:
    """The first code block of a language under a heading of README.md."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    return text.partition(f"```{language}\n")[2].partition("```")[0]


def run_output(nndsl: Callable) -> str:
    """What `nndsl run` prints for the digits, most epochs left out."""
    result = nndsl("run", ROOT / "examples/digits.nn")
    assert result.exit_code == 0, result.stderr
    first, *epochs = result.stdout.splitlines(keepends=True)
    return "".join((first, *epochs[:3], "...\n", *epochs[-4:]))


def backward_pass(nndsl: Callable, monkeypatch: pytest.MonkeyPatch) -> str:
    """The lines between "backward" and "update" in the textbook form of the digits."""
    monkeypatch.chdir(ROOT)
    source = nndsl("build", "examples/digits.nn", "-O0", "-o", "-").stdout
    training = source.partition("def digits_training(")[2]
    between = re.split(r" *# -+ (?:backward|update)\n", training)[1]
    return dedent(between.strip("\n")) + "\n"


def mistake(nndsl: Callable) -> str:
    """What `nndsl check` says of the digits with nine outputs."""
    text = (ROOT / "examples/digits.nn").read_text(encoding="utf-8")
    Path("digits.nn").write_text(text.replace("Dense(digits.label.classes)", "Dense(9)"), encoding="utf-8")
    return nndsl("check", "digits.nn").stderr.removesuffix("\n1 error\n")


def agree(shown: str, found: str) -> bool:
    """Whether two outputs of `nndsl run` are of the same form, with numbers that another machine may give."""
    number = r"\d[\d.,]*(?:e-?\d+)?"
    if re.sub(rf"{number} *", "", shown) != re.sub(rf"{number} *", "", found):
        return False
    shown, found = (re.sub(r"in [\d.]+ s", "", text).replace(",", "") for text in (shown, found))
    pairs = zip(re.findall(number, shown), re.findall(number, found), strict=True)
    return all(float(a) == pytest.approx(float(b), rel=0.1, abs=0.02) for a, b in pairs)


def test_what_readme_shows_is_what_the_commands_print(
    nndsl, monkeypatch: pytest.MonkeyPatch, compare_with_snapshot: Callable[[Path, str], None]
):
    """`pytest tests/cli --update-snapshots` writes the blocks of README.md anew."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = {heading: block_under(heading) for heading in ("What came out", "A mistake")}
    shown |= {
        "A program": block_under("A program", "nn"),
        "Its backward pass": block_under("Its backward pass", "python"),
    }
    ran = run_output(nndsl)
    found = {
        "A program": (ROOT / "examples/digits.nn").read_text(encoding="utf-8"),
        "What came out": shown["What came out"] if agree(shown["What came out"], ran) else ran,
        "A mistake": mistake(nndsl),
        "Its backward pass": backward_pass(nndsl, monkeypatch),
    }
    for heading, text in found.items():
        readme = readme.replace(f"\n{shown[heading]}```", f"\n{text}```")
    compare_with_snapshot(ROOT / "README.md", readme)


def test_outputs_of_another_machine_agree_and_others_do_not():
    shown = "epoch 1/60  loss 0.5      accuracy 0.9\n2,700 steps in 0.5 s; the run is in runs/Digits\n"
    assert agree(shown, shown.replace("0.5 s", "12.3 s").replace("loss 0.5 ", "loss 0.5003 "))
    assert not agree(shown, shown.replace("0.9", "0.5"))
    assert not agree(shown, shown.replace("epoch", "Epoch"))


def test_readme_lists_every_command():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `nndsl (\w+)", text, re.MULTILINE)) == set(COMMANDS)


def test_the_python_in_readme_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    code = next(block for block in blocks("README.md", "python") if block.startswith("import nndsl"))
    exec(code, {})
    assert "accuracy" in capsys.readouterr().out


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(document: str):
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target

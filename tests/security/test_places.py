"""What a stranger's file may read and write: what the user's own file names, and its own folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import nndsl
from nndsl.check import check
from nndsl.diagnostics import UserError
from nndsl.runs.run_folder import prepare_folder
from nndsl.source import SourceFile

LAYER = "layer Scale {\n  input x: [...]\n  output x * 2\n}\n"

MAIN = """
{imports}
data points {{
  x = [[0, 1], [1, 0], [1, 1], [0, 0]]
  y = [1, 1, 0, 0]
}}

model Net {{
  input x
{body}
}}

train Net on points {{
  epochs = 1
  minimize mean((Net(x)[0] - float(y))^2) using SGD()
}}
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def main_file(folder: Path, imports: str = "", body: str = "  Dense(1)") -> Path:
    return written(folder, "main.nn", MAIN.format(imports=imports, body=body))


def codes(path: Path) -> list[str]:
    with pytest.raises(UserError) as raised:
        check(SourceFile(path.name, path.read_text(encoding="utf-8"), path))
    return [diagnostic.code for diagnostic in raised.value.diagnostics]


# ------------------------------------------------------------------------------------------------ reading


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a secret beside it, and an imported file that names what its text says."""
    written(tmp_path, "secret.nn", LAYER)
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.mark.parametrize("named", ["../secret.nn", "lib/../../secret.nn", "{outside}/secret.nn", "..\\\\secret.nn"])
def test_an_imported_file_may_not_name_what_lies_outside_of_its_folder(project: Path, named: str) -> None:
    named = named.replace("{outside}", str(project.parent))
    written(project, "blocks.nn", f'import Scale from "{named}"\n{LAYER.replace("Scale", "Block")}')
    assert "NN111" in codes(main_file(project, 'import Block from "blocks.nn"'))


def test_a_link_out_of_the_folder_is_no_way_around(project: Path) -> None:
    (project / "inside.nn").symlink_to(project.parent / "secret.nn")
    written(project, "blocks.nn", f'import Scale from "inside.nn"\n{LAYER.replace("Scale", "Block")}')
    assert codes(main_file(project, 'import Block from "blocks.nn"')) == ["NN111"]


def test_an_imported_file_may_not_open_a_run_outside_of_its_folder(project: Path) -> None:
    (project.parent / "runs" / "Net").mkdir(parents=True)
    written(
        project, "blocks.nn", 'model Body {\n  input x: [2]\n  body = Net from "../runs/Net"\n  output body(x)\n}\n'
    )
    assert codes(main_file(project, 'import Body from "blocks.nn"', "  Body")) == ["NN111"]


def test_the_user_may_allow_a_folder(project: Path, process) -> None:
    written(project, "blocks.nn", f'import Scale from "../secret.nn"\n{LAYER.replace("Scale", "Block")}')
    main_file(project, 'import Block from "blocks.nn"', "  Block\n  Dense(1)")
    refused = process("check", "project/main.nn")
    assert refused.returncode == 1
    assert "NN111" in refused.stderr
    assert f"--allow-path {project.parent}" in refused.stderr
    assert process("check", "project/main.nn", "--allow-path", ".").returncode == 0
    assert process("check", "project/main.nn", "--allow-path", "project").returncode == 1
    nndsl.load(project / "main.nn", allow_paths=[project.parent])


def test_the_file_that_is_run_may_name_any(project: Path) -> None:
    path = main_file(project, 'import Scale from "../secret.nn"', "  Scale\n  Dense(1)")
    check(SourceFile("main.nn", path.read_text(encoding="utf-8"), path))


@pytest.mark.parametrize("named", ["/dev/zero", "/etc/passwd", "fifo", "fifo.nn", "zero.nn", "main.py", "."])
def test_what_is_no_program_is_not_imported_and_never_waited_for(project: Path, named: str) -> None:
    os.mkfifo(project / "fifo.nn")
    (project / "zero.nn").symlink_to("/dev/zero")
    assert codes(main_file(project, f'import Block from "{named}"')) == ["NN107"]


# ------------------------------------------------------------------------------------------------ a stranger's run


@pytest.fixture
def stranger(project: Path) -> Path:
    """A run folder that somebody else has made."""
    model = nndsl.load(main_file(project))
    run = project / "theirs"
    run.mkdir()
    model.save(run / "weights.safetensors")
    written(run, "main.nn", (project / "main.nn").read_text(encoding="utf-8"))
    fields = {"points": {"x": {"dtype": "float", "shape": [2], "classes": None, "ids": None}}}
    start = {"file": "main.nn", "train": "Net", "sets": {}, "precision": "float32", "fields": fields}
    written(run, "run.json", json.dumps(start))
    return run


USE = '  body = Net from "theirs" frozen\n  body(x) -> Dense(1)'


def test_an_honest_run_of_a_stranger_can_be_used(project: Path, stranger: Path) -> None:
    path = main_file(project, body=USE.replace("Net from", "Net from"))
    text = path.read_text(encoding="utf-8").replace("model Net", "model Mine").replace("Net(x)[0]", "Mine(x)[0]")
    check(SourceFile("main.nn", text, path))


def using(project: Path) -> Path:
    path = main_file(project, body=USE)
    text = path.read_text(encoding="utf-8").replace("model Net", "model Mine").replace("Net(x)[0]", "Mine(x)[0]")
    path.write_text(text, encoding="utf-8")
    return path


def test_the_program_of_a_run_imports_from_its_own_folder_alone(project: Path, stranger: Path) -> None:
    program = (stranger / "main.nn").read_text(encoding="utf-8")
    for named in ("../../secret.nn", str(project.parent / "secret.nn"), "linked.nn"):
        (stranger / "linked.nn").unlink(missing_ok=True)
        (stranger / "linked.nn").symlink_to(project.parent / "secret.nn")
        written(stranger, "main.nn", f'import Scale from "{named}"\n{program}')
        assert codes(using(project)) == ["NN107"]
    written(stranger, "imported/secret.nn", LAYER)
    written(stranger, "main.nn", f'import Scale from "../../secret.nn"\n{program}')
    check(SourceFile("main.nn", using(project).read_text(encoding="utf-8"), project / "main.nn"))


def test_run_json_leads_to_no_program_elsewhere(project: Path, stranger: Path) -> None:
    start = json.loads((stranger / "run.json").read_text(encoding="utf-8"))
    for file in ("../../secret.nn", str(project.parent / "secret.nn"), "..", ""):
        written(stranger, "run.json", json.dumps({**start, "file": file}))
        assert codes(using(project)) == ["NN316"]


def test_the_data_of_a_stranger_s_run_are_never_read(project: Path, stranger: Path) -> None:
    start = json.loads((stranger / "run.json").read_text(encoding="utf-8"))
    written(stranger, "run.json", json.dumps({**start, "fields": {}}))
    program = (stranger / "main.nn").read_text(encoding="utf-8")
    written(project.parent, "secret.csv", "x,y\n1,2\n")
    block = program.partition("data points {")[0] + 'data points from csv("../../secret.csv") {\n  x = column("z")\n'
    written(stranger, "main.nn", block + "}" + program.partition("}")[2])
    assert codes(using(project)) == ["NN316"]


@pytest.mark.parametrize("name", ["run.json", "main.nn", "weights.safetensors"])
def test_a_run_of_pipes_and_devices_is_no_run(project: Path, stranger: Path, name: str) -> None:
    (stranger / name).unlink()
    os.mkfifo(stranger / name)
    assert codes(using(project)) == ["NN316"]


@pytest.mark.parametrize("head", [b"[" * 100_000, b'{"a": {"shape": ' + b"[" * 5000, b'{"a": 1}', b"{}", b"\xff" * 8])
def test_a_run_with_an_absurd_head_of_weights_is_no_run(project: Path, stranger: Path, head: bytes) -> None:
    (stranger / "weights.safetensors").write_bytes(len(head).to_bytes(8, "little") + head)
    assert codes(using(project))[0] in ("NN316", "NN319")


# ------------------------------------------------------------------------------------------------ writing


def test_a_run_writes_into_its_folder_and_nowhere_else(tmp_path: Path, process) -> None:
    """Links that lie in the run folder already are replaced, not followed."""
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    main_file(project)
    run = project / "runs" / "Net"
    run.mkdir(parents=True)
    names = ("weights.safetensors", "history.csv", "summary.json", "run.json", "main.nn", "main.py")
    for name in names:
        written(outside, name, "kept")
        (run / name).symlink_to(outside / name)
    done = process("run", "project/main.nn", "--out", "project/runs/Net")
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_text(encoding="utf-8") for path in outside.iterdir()} == dict.fromkeys(names, "kept")
    assert not any((run / name).is_symlink() for name in names)
    assert {path.name for path in tmp_path.iterdir()} == {"project", "outside"}


@pytest.mark.parametrize("name", ["show", "imported", "tensorboard", "run.lock"])
def test_a_run_does_not_write_through_a_link(project: Path, name: str) -> None:
    outside = project.parent / "outside"
    outside.mkdir()
    (project / "run").mkdir()
    (project / "run" / name).symlink_to(outside)
    with pytest.raises(UserError) as raised:
        prepare_folder(project / "run")
    assert raised.value.diagnostics[0].code == "NN608"
    assert "is a link to somewhere else" in raised.value.diagnostics[0].message


@pytest.mark.parametrize(
    "text",
    [
        "train ../../outside on points {",
        'train "../outside" on points {',
        "train a/b on points {",
        "train .hidden on points {",
        "model ../Net {",
        "  ../up: Dense(1)",
    ],
)
def test_what_becomes_the_name_of_a_file_is_a_name(tmp_path: Path, text: str) -> None:
    source = MAIN.format(imports="", body="  Dense(1)")
    line = {"train": "train Net on points {", "model": "model Net {"}.get(text.split()[0], "  Dense(1)")
    path = written(tmp_path, "main.nn", source.replace(line, text))
    codes(path)


def test_an_imported_text_replaces_nothing_that_a_run_writes(project: Path) -> None:
    """It is kept beside the program's copy under its own name, which ends in .nn."""
    for name in ("main.py", "run.json", "weights.safetensors", "summary.json"):
        written(project, name, LAYER)
        assert codes(main_file(project, f'import Scale from "{name}"')) == ["NN107"]

"""`nndsl new`: a file that runs, and never over another."""

from __future__ import annotations

from pathlib import Path


def test_writes_a_file_of_the_given_name(nndsl):
    assert nndsl("new", "mine.nn").exit_code == 0
    assert "nndsl run mine.nn" in Path("mine.nn").read_text()


def test_adds_the_ending(nndsl):
    assert nndsl("new", "mine").exit_code == 0
    assert Path("mine.nn").exists()


def test_is_called_first_without_a_name(nndsl):
    assert "first.nn" in nndsl("new").stdout
    assert Path("first.nn").exists()


def test_leaves_a_file_alone_that_is_there(nndsl):
    Path("mine.nn").write_text("my work")
    result = nndsl("new", "mine.nn")
    assert result.exit_code == 1
    assert "NN608" in result.stderr
    assert Path("mine.nn").read_text() == "my work"


def test_a_name_with_a_line_in_it_is_refused(nndsl):
    result = nndsl("new", "a\nmodel")
    assert result.exit_code == 1
    assert "NN616" in result.stderr


def test_what_it_writes_runs(nndsl):
    nndsl("new", "mine.nn")
    assert nndsl("check", "mine.nn").exit_code == 0
    result = nndsl("run", "mine.nn", "--epochs", "1", "--verify")
    assert result.exit_code == 0, result.stderr


def test_a_folder_that_is_not_there_is_a_mistake(nndsl):
    result = nndsl("new", "nowhere/mine.nn")
    assert result.exit_code == 1
    assert "NN608" in result.stderr

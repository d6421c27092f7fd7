"""How a diagnostic is printed."""

from __future__ import annotations

import json

from nndsl.diagnostics import Label, error, warning
from nndsl.diagnostics.render import as_data, count, render, render_all
from nndsl.source import SourceFile, Span


def place(text: str, part: str, name: str = "price.nn") -> Span:
    file = SourceFile(name, text)
    start = text.index(part)
    return Span(file, start, start + len(part))


def places(text: str, *parts: str) -> list[Span]:
    file = SourceFile("price.nn", text)
    return [Span(file, text.index(part), text.index(part) + len(part)) for part in parts]


def test_title_places_and_help_stand_as_the_language_shows_them() -> None:
    text = "\n" * 8 + "  weight kernel: [64, 16] = glorot_uniform\n" + "\n" * 4 + "  y = h @ kernel\n"
    said, here = places(text, "64", "h @ kernel")
    diagnostic = error(
        "NN201",
        "cannot multiply [128] by [64, 16]: 128 is not 64",
        here,
        "h: [128], kernel: [64, 16]",
        more=[Label(said, "64 is said here")],
        help="let the shape follow from the input: `[d, 16]`",
    )
    assert render(diagnostic) == (
        "error[NN201]: cannot multiply [128] by [64, 16]: 128 is not 64\n"
        "  --> price.nn:14:7\n"
        "   |\n"
        " 9 |   weight kernel: [64, 16] = glorot_uniform\n"
        "   |                   -- 64 is said here\n"
        "14 |   y = h @ kernel\n"
        "   |       ^^^^^^^^^^ h: [128], kernel: [64, 16]\n"
        "help: let the shape follow from the input: `[d, 16]`"
    )


def test_labels_of_one_line_hang_below_each_other() -> None:
    left, sign, right = places("y = h @ kernel", "h", "@", "kernel")
    diagnostic = error("NN201", "no", sign, "here", more=[Label(left, "left"), Label(right, "right")])
    assert render(diagnostic).split("\n")[3:] == [
        " 1 | y = h @ kernel",
        "   |     - ^ ------ right",
        "   |     | |",
        "   |     | here",
        "   |     left",
    ]


def test_each_file_has_its_heading() -> None:
    library = Label(place("assert units > 0", "units > 0", "std/dense.nn"), "this failed")
    lines = render(error("NN301", "no", place("Dense(0)", "0"), "a", more=[library], notes=["n"])).split("\n")
    assert "  ::: std/dense.nn:1:8" in lines
    assert lines.index("  --> price.nn:1:7") < lines.index("  ::: std/dense.nn:1:8") < lines.index("note: n")


def test_short_span_of_several_lines_is_underlined_in_each() -> None:
    lines = render(error("NN1", "no", place("y = f(1,\n  2)\n", "f(1,\n  2)"), "all of it")).split("\n")
    assert lines[3:] == [" 1 | y = f(1,", "   |     ^^^^", " 2 |   2)", "   |   ^^ all of it"]


def test_long_span_is_underlined_in_its_first_line() -> None:
    text = "model A {\n" + "  Dense(1)\n" * 9 + "}"
    lines = render(error("NN1", "no", place(text, text), "this model")).split("\n")
    assert lines[3:] == [" 1 | model A {", "   | ^^^^^^^^^ this model"]


def test_carets_stand_below_their_characters_after_tabs_and_wide_letters() -> None:
    for before, width in (("\t", 4), ("ab\t", 4), ("漢字", 4), ("e\u0301", 1), ("👍", 2)):
        source, underline = render(error("NN1", "no", place(f"{before}x", "x"))).split("\n")[3:]
        assert underline == "   | " + " " * width + "^", (before, source)


def test_end_of_file_is_the_end_of_its_last_line() -> None:
    text = "model A {\n  x\n"
    lines = render(error("NN1", "no", Span(SourceFile("a.nn", text), len(text), len(text)), "here")).split("\n")
    assert lines[1:] == ["  --> a.nn:2:4", "   |", " 2 |   x", "   |    ^ here"]


def test_empty_file_can_be_pointed_at() -> None:
    assert render(error("NN1", "no", Span(SourceFile("a.nn", ""), 0, 0), "here")).endswith(" 1 |\n   | ^ here")


def test_very_long_line_is_cut_around_the_mistake() -> None:
    text = "abc + " * 10_000 + "wrong" + " + abc" * 10_000
    source, underline = render(error("NN1", "no", place(text, "wrong"))).split("\n")[3:]
    assert len(source) < 140
    assert source[underline.index("^") :].startswith("wrong")


def test_nothing_in_a_file_can_act_on_the_terminal() -> None:
    text = 'let \x1b[31mx\x9b = "\u202e\x07"'
    shown = render(error("NN1", "bad \x1b[0m", place(text, text), "\x1b]0;title\x07", help="a\rb", notes=["\x00"]))
    assert not set(shown) & {"\x1b", "\x9b", "\u202e", "\x07", "\r", "\x00"}


def test_colour_only_when_asked_and_around_the_same_text() -> None:
    diagnostic = warning("NN901", "no", place("y = h @ kernel", "@"), "here", help="do")
    coloured = render(diagnostic, color=True)
    assert "\x1b" not in render(diagnostic)
    assert "\x1b[1;33mwarning[NN901]" in coloured
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(diagnostic)


def test_diagnostic_without_a_place_is_its_title_and_help() -> None:
    assert render(error("NN601", "no such file", help="look again")) == "error[NN601]: no such file\nhelp: look again"


def test_lines_of_a_message_are_indented() -> None:
    assert render(error("NN1", "a\nb", help="c\nd")) == "error[NN1]: a\n  b\nhelp: c\n      d"


def test_all_are_counted() -> None:
    several = [error("NN1", "a"), error("NN1", "b"), warning("NN9", "c")]
    assert count(several) == "2 errors, 1 warning"
    assert render_all(several).endswith("\n\n2 errors, 1 warning")


def test_data_has_lines_and_columns_from_one() -> None:
    data = as_data(error("NN1", "no", place("a\n bc", "bc"), "here", help="h"))
    json.dumps(data)
    assert data["severity"] == "error"
    assert data["labels"] == [
        {
            "file": "price.nn",
            "line": 2,
            "column": 2,
            "end_line": 2,
            "end_column": 4,
            "message": "here",
            "primary": True,
        }
    ]

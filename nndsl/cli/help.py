"""`nndsl help [NAME]`: the library and the language, from their own definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nndsl.cli.options import json_option
from nndsl.cli.output import print_json
from nndsl.cli.topics import WIDTH
from nndsl.diagnostics import UserError, did_you_mean, error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.cli.topics import Topic
    from nndsl.diagnostics import Code


@click.command(short_help="Explain a layer, a function, a statement, an error code ...")
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """Explain NAME: its arguments with their defaults, what it does, and its source.

    NAME is anything that a `.nn` file can use (Dense, cross_entropy, Adam, csv, EarlyStopping, minimize), a family
    of them (layers), or a code of an error (NN201). Without a name everything is listed.
    """
    from nndsl.cli.topics import topics

    if name is not None and (code := _code(name)):
        _print_code(code, as_json)
        return
    known = topics()
    if name is None:
        _print_families(known, as_json)
        return
    family = [topic for topic in known if topic.family == name]
    found = [topic for topic in known if topic.name == name]
    if family and not found:
        _print_family(family, as_json)
        return
    if not found:
        close = did_you_mean(name, [topic.name for topic in known])
        hint = f"did you mean `nndsl help {close}`?" if close else "`nndsl help` lists everything"
        raise UserError(error("NN614", f"there is no help on {name!r}", help=hint))
    if as_json:
        print_json([_data(topic) for topic in found])
        return
    click.echo(f"\n{'-' * 8}\n".join(_page(topic) for topic in found))


def _page(topic: Topic) -> str:
    written = topic.kind in ("layer", "function", "metric", "model", "optimizer")
    lines = [f"{topic.kind} {topic.signature}" if written else topic.signature, "", topic.documentation]
    if topic.source is not None:
        lines += ["", f"It is written in the language, at {topic.place}:", ""]
        lines += [f"  {line}".rstrip() for line in topic.source.splitlines()]
    return "\n".join(lines) + "\n"


def _data(topic: Topic) -> dict[str, str | None]:
    return {
        "name": topic.name,
        "kind": topic.kind,
        "family": topic.family,
        "signature": topic.signature,
        "documentation": topic.documentation,
        "place": topic.place,
        "source": topic.source,
    }


def _families(known: Iterable[Topic]) -> dict[str, list[str]]:
    families: dict[str, list[str]] = {}
    for topic in known:
        names = families.setdefault(topic.family, [])
        if topic.name not in names:
            names.append(topic.name)
    return families


def _print_families(known: list[Topic], as_json: bool) -> None:
    families = _families(known)
    if as_json:
        print_json(families)
        return
    for family, names in families.items():
        text = click.wrap_text(", ".join(names), WIDTH, initial_indent="  ", subsequent_indent="  ")
        click.echo(f"{family}\n{text}\n")
    click.echo("`nndsl help NAME` explains one of them, `nndsl help layers` a family in a line each.")


def _print_family(family: list[Topic], as_json: bool) -> None:
    if as_json:
        print_json([_data(topic) for topic in family])
        return
    width = max(len(topic.name) for topic in family) + 2
    for topic in family:
        click.echo(f"{topic.name:<{width}}{topic.summary}")


def _code(name: str) -> Code | None:
    if not (name[:2].upper() == "NN" and name[2:].isdigit()):
        return None
    from nndsl.diagnostics.codes import CODES

    return CODES.get(name.upper())


def _print_code(code: Code, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "code": code.code,
                "title": code.title,
                "explanation": code.explanation,
                "example": code.example,
                "fix": code.fix,
            }
        )
        return
    parts = [
        f"{code.code}: {code.title}",
        click.wrap_text(code.explanation, WIDTH),
        _indented("An example:", code.example),
    ]
    if code.fix is not None:
        parts.append(_indented("Put right:", code.fix))
    click.echo("\n\n".join(parts))


def _indented(title: str, text: str) -> str:
    return "\n".join([title, "", *(f"  {line}".rstrip() for line in text.strip().splitlines())])

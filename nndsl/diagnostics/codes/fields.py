"""NN45x: fields, classes and splits in a data block."""

from __future__ import annotations

from nndsl.diagnostics.model import Code


def _digits(*lines: str) -> str:
    body = "".join(f"  {line}\n" for line in lines)
    return f'data digits from builtin("digits") {{\n{body}}}\n'


CODES: tuple[Code, ...] = (
    Code(
        "NN450",
        "columns outside of their data block",
        "`column`, `class`, `standardize` and their like describe a file, in its data block. Fields are used by name.",
        'data xor {\n  x = column("x")\n}\n',
        "data xor {\n  x = [[0, 0], [0, 1]]\n}\n",
    ),
    Code(
        "NN451",
        "rows that do not make a table",
        "Every field of a data block has a value for each row, and as many rows as the others.",
        "data xor {\n  x = [[0, 0], [0, 1], [1, 0]]\n  y = [0, 1]\n}\n",
        "data xor {\n  x = [[0, 0], [0, 1]]\n  y = [0, 1]\n}\n",
    ),
    Code(
        "NN452",
        "not what a field can be",
        "A field is numbers for each row: columns of numbers, class ids, categories, and what is computed from them.",
        _digits('image = class(column("image") / 16)'),
        _digits('image = column("image") / 16'),
    ),
    Code(
        "NN453",
        "a column with nothing to tell apart",
        "Classes and categories need at least two different values.",
        'data cells from csv("cells.csv") { kind = class(column("kind")) }   (every row of the file says "a")',
        None,
    ),
    Code(
        "NN454",
        "a split that can't be",
        "Parts have names, shares of more than 0% that are at most 100% together, and one of them is `train`.",
        _digits('image = column("image")', "split train 80%, test 40%"),
        _digits('image = column("image")', "split train 80%, test 20%"),
    ),
)

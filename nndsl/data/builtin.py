"""The reader `builtin`: data by name.

Some comes with nndsl, its source and licence beside it in `builtin_files/`; some is fetched once and kept in the user's
cache folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.data.downloads import Remote, RemoteFile, kept
from nndsl.data.files import damaged, reading
from nndsl.data.table import ColumnInfo, Table
from nndsl.diagnostics import UserError, did_you_mean, error
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.data.table import Array
    from nndsl.source import Span

FOLDER = Path(__file__).parent / "builtin_files"


@record
class Part:
    """A part of a data set that is fetched: how many rows it has, in which files, and how these are read."""

    rows: int
    files: tuple[RemoteFile, ...]
    read: Callable[[Sequence[Path], int, Span | None], dict[str, Array]]


@record
class Builtin:
    """One data set: what it is in a line, its columns, and the class names of those that have any.

    remote, parts: of one that is fetched: from where, and what for each part; the schema is that of "train". Else it
    comes with nndsl, as one table.
    """

    documentation: str
    schema: tuple[ColumnInfo, ...]
    classes: dict[str, tuple[str, ...]]
    remote: Remote | None = None
    parts: dict[str, Part] = field(default_factory=dict[str, Part])


class BuiltinTable(Table):
    """A data set by its name. Its schema needs no file; its rows are fetched when they are first read."""

    def __init__(self, name: str, part: str | None, span: Span | None) -> None:
        super().__init__(f'builtin("{name}")' if part is None else f'builtin("{name}", part={part})', span)
        if name not in BUILTINS:
            close = did_you_mean(name, BUILTINS)
            help = f'did you mean "{close}"?' if close else f"there is: {', '.join(BUILTINS)}"
            raise UserError(error("NN403", f'there is no built-in data "{name}"', span, help=help))
        self._builtin = BUILTINS[name]
        if part is not None and not self._builtin.parts:
            message = f"{name} is one table, without parts"
            raise UserError(error("NN402", message, span, help="`split train 80%, test 20%` divides it"))
        self._part = part or "train"
        self._path = FOLDER / f"{name}.npz"

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """As `BUILTINS` says it."""
        if not self._builtin.parts:
            return self._builtin.schema
        rows = self._builtin.parts[self._part].rows
        return tuple(ColumnInfo(c.name, c.kind, c.shape, c.dtype, rows) for c in self._builtin.schema)

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Arrays as they were stored."""
        from nndsl.data.arrays import NpzTable

        if self._builtin.remote is None:
            return NpzTable(self.source, self._path, self.span).read_columns(names)
        part = self._builtin.parts[self._part]
        found = part.read(kept(self._builtin.remote, part.files, self.span), part.rows, self.span)
        return {name: self._named(name, found[name]) for name in names}

    def _named(self, name: str, values: Array) -> Array:
        """A text column's numbers as the names that they stand for."""
        import numpy as np

        if self.column(name).kind != "text":
            return values
        names = np.array(self._builtin.classes[name], np.str_)
        if values.max() >= len(names):
            damaged(self.source, f"a class is {values.max()}, of {len(names)}", self.span)
        return names[values]

    def content(self) -> str | None:
        """What is in it never changes."""
        from nndsl.data.scans import content_key

        return content_key([], self.source)

    def different_names(self, name: str) -> tuple[tuple[str, ...], bool]:
        """As `BUILTINS` says it, without reading."""
        names = self._builtin.classes.get(name)
        return (names, False) if names is not None else super().different_names(name)


# ------------------------------------------------------------------------------------------------ how files are read


def _read_idx(paths: Sequence[Path], rows: int, span: Span | None) -> dict[str, Array]:
    from nndsl.data.idx import IdxTable

    images, labels = paths
    table = IdxTable([("image", images.name, images), ("label", labels.name, labels)], span)
    found = table.read(["image", "label"])
    if len(found["label"]) != rows:
        damaged(labels.name, f"it has {len(found['label']):,} rows, not {rows:,}", span)
    return found


_CIFAR_BYTES = 1 + 32 * 32 * 3
"""Of one row: its label, then the red, the green and the blue values of its pixels."""


def _read_cifar(members: tuple[str, ...]) -> Callable[[Sequence[Path], int, Span | None], dict[str, Array]]:
    """Of the archive, the rows in these files."""

    def read(paths: Sequence[Path], rows: int, span: Span | None) -> dict[str, Array]:
        import tarfile

        import numpy as np

        (path,) = paths
        content: dict[str, bytes] = {}
        with reading(path.name, span):
            try:
                with tarfile.open(path, "r:gz") as archive:
                    for member in archive:
                        name = member.name.rpartition("/")[2]
                        file = archive.extractfile(member) if name in members and member.isfile() else None
                        if file is not None:
                            content[name] = file.read(rows * _CIFAR_BYTES + 1)
            except tarfile.TarError as failure:
                damaged(path.name, str(failure), span)
        joined = b"".join(content.get(name, b"") for name in members)
        if len(joined) != rows * _CIFAR_BYTES:
            damaged(path.name, f"its {len(members)} files have {len(joined):,} bytes for {rows:,} rows", span)
        values = np.frombuffer(joined, np.uint8).reshape(rows, _CIFAR_BYTES)
        images = np.ascontiguousarray(values[:, 1:].reshape(rows, 3, 32, 32).transpose(0, 2, 3, 1))
        return {"image": images, "label": values[:, 0].copy()}

    return read


# ------------------------------------------------------------------------------------------------ the data sets


def _idx_parts(files: dict[str, tuple[int, str]]) -> dict[str, Part]:
    """The parts of MNIST and its kin, from sizes and checksums of their four files."""
    found: dict[str, Part] = {}
    for part, start, rows in (("train", "train", 60_000), ("test", "t10k", 10_000)):
        names = (f"{start}-images-idx3-ubyte.gz", f"{start}-labels-idx1-ubyte.gz")
        found[part] = Part(rows, tuple(RemoteFile(name, *files[name]) for name in names), _read_idx)
    return found


_CIFAR_FILE = RemoteFile(
    "cifar-10-binary.tar.gz", 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
)

BUILTINS: dict[str, Builtin] = {
    "digits": Builtin(
        "1,797 scans of handwritten digits, 8x8 pixels of 0 to 16, and the digit each of them is "
        "(Alpaydin & Kaynak 1998; UCI, CC BY 4.0)",
        (ColumnInfo("image", "number", (8, 8), "uint8", 1797), ColumnInfo("label", "number", (), "uint8", 1797)),
        {"label": tuple("0123456789")},
    ),
    "mnist": Builtin(
        "70,000 handwritten digits, 28x28 pixels of 0 to 255: 60,000 to train and 10,000 to test "
        "(LeCun, Cortes & Burges 1998); 12 MB are fetched once",
        (ColumnInfo("image", "number", (28, 28), "uint8", 60_000), ColumnInfo("label", "number", (), "uint8", 60_000)),
        {"label": tuple("0123456789")},
        Remote(
            "mnist",
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist",
                "https://storage.googleapis.com/cvdf-datasets/mnist",
            ),
        ),
        _idx_parts(
            {
                "train-images-idx3-ubyte.gz": (
                    9_912_422,
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                ),
                "train-labels-idx1-ubyte.gz": (
                    28_881,
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                ),
                "t10k-images-idx3-ubyte.gz": (
                    1_648_877,
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                ),
                "t10k-labels-idx1-ubyte.gz": (
                    4_542,
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                ),
            }
        ),
    ),
    "fashion_mnist": Builtin(
        "70,000 pictures of clothes, 28x28 pixels of 0 to 255: 60,000 to train and 10,000 to test "
        "(Xiao, Rasul & Vollgraf 2017; MIT licence); 31 MB are fetched once",
        (ColumnInfo("image", "number", (28, 28), "uint8", 60_000), ColumnInfo("label", "text", (), "<U11", 60_000)),
        {
            "label": (
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            )
        },
        Remote(
            "fashion_mnist",
            (
                "https://fashion-mnist.s3.eu-central-1.amazonaws.com",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
            ),
        ),
        _idx_parts(
            {
                "train-images-idx3-ubyte.gz": (
                    26_421_880,
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                ),
                "train-labels-idx1-ubyte.gz": (
                    29_515,
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                ),
                "t10k-images-idx3-ubyte.gz": (
                    4_422_102,
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                ),
                "t10k-labels-idx1-ubyte.gz": (
                    5_148,
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                ),
            }
        ),
    ),
    "cifar10": Builtin(
        "60,000 photographs of ten kinds of things, 32x32 pixels of 3 colours from 0 to 255: 50,000 to train and "
        "10,000 to test (Krizhevsky 2009); 170 MB are fetched once",
        (
            ColumnInfo("image", "number", (32, 32, 3), "uint8", 50_000),
            ColumnInfo("label", "text", (), "<U10", 50_000),
        ),
        {
            "label": (
                "airplane",
                "automobile",
                "bird",
                "cat",
                "deer",
                "dog",
                "frog",
                "horse",
                "ship",
                "truck",
            )
        },
        Remote("cifar10", ("https://www.cs.toronto.edu/~kriz",)),
        {
            "train": Part(50_000, (_CIFAR_FILE,), _read_cifar(tuple(f"data_batch_{n}.bin" for n in range(1, 6)))),
            "test": Part(10_000, (_CIFAR_FILE,), _read_cifar(("test_batch.bin",))),
        },
    ),
}

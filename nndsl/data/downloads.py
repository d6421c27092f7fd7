"""Files that are fetched once, checked, and kept in the user's cache folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.data.files import reason
from nndsl.data.scans import cache_folder
from nndsl.diagnostics import UserError, error
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.source import Span

MIRROR = "NNDSL_DATA_MIRROR"
"""The environment variable that names another server: its address, below which lies a folder for each data set."""

SECONDS = 60
"""How long a server may keep silent."""

_CHUNK = 1 << 18


@record
class RemoteFile:
    """A file of a data set: its name, how many bytes it has, and their SHA-256."""

    name: str
    size: int
    sha256: str


@record
class Remote:
    """Where the files of a data set are. addresses: of the folders that have them, the first tried first."""

    name: str
    addresses: tuple[str, ...]


class FetchError(Exception):
    """A file that can't be had from one address; the message says why."""


def kept(remote: Remote, files: Sequence[RemoteFile], span: Span | None) -> list[Path]:
    """These files, each fetched if it is not in the cache folder as it should be. Raises UserError NN428."""
    folder = cache_folder("datasets")
    if folder is None:
        message = f"there is no home folder to keep {remote.name} in"
        help = "the environment variable XDG_CACHE_HOME names a folder for such files"
        raise UserError(error("NN428", message, span, help=help))
    folder /= remote.name
    return [_kept(remote, file, folder / file.name, span) for file in files]


def _kept(remote: Remote, file: RemoteFile, path: Path, span: Span | None) -> Path:
    with suppress(OSError):
        if path.stat().st_size == file.size and _sha256(path) == file.sha256:
            return path
    mirror = os.environ.get(MIRROR, "").rstrip("/")
    addresses = (f"{mirror}/{remote.name}",) if mirror else remote.addresses
    problems: list[str] = []
    for address in addresses:
        try:
            _fetch(f"{address}/{file.name}", file, path)
        except FetchError as failure:
            problems.append(f"{address}/{file.name}: {failure}")
        else:
            return path
    there = "is damaged on this machine" if path.exists() else "is not on this machine yet"
    raise UserError(
        error(
            "NN428",
            f"{file.name} of {remote.name} {there}, and can't be fetched",
            span,
            notes=problems,
            help=f"put {file.name} into {path.parent}; or name another server in the environment variable {MIRROR}",
        )
    )


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(address: str, file: RemoteFile, path: Path) -> None:
    """Writes the file at `address` to `path`: whole and as it should be, or not at all. Raises FetchError."""
    import hashlib
    import http.client
    import urllib.error
    import urllib.request

    if not address.startswith(("http://", "https://")):
        raise FetchError("only http:// and https:// are fetched from")
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sys.stderr.write(f"fetching {address} ({file.size / 1e6:.1f} MB)\n")
        with urllib.request.urlopen(address, timeout=SECONDS) as answer, unfinished.open("wb") as target:
            digest, size = hashlib.sha256(), 0
            while chunk := answer.read(_CHUNK):
                size += len(chunk)
                if size > file.size:
                    raise FetchError(f"it is longer than {file.size:,} bytes")
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        if size != file.size:
            raise FetchError(f"only {size:,} of {file.size:,} bytes arrived")
        if digest.hexdigest() != file.sha256:
            raise FetchError("its SHA-256 is not the one it should be: it is another file, or was changed on its way")
        unfinished.replace(path)
    except urllib.error.HTTPError as failure:
        raise FetchError(f"the server says {failure.code} {failure.reason}") from None
    except urllib.error.URLError as failure:
        inner = failure.reason
        raise FetchError(reason(inner) if isinstance(inner, Exception) else str(inner)) from None
    except (http.client.HTTPException, ValueError) as failure:
        raise FetchError(reason(failure)) from None
    except OSError as failure:  # the server's silence, or a disk that is full or closed to us
        raise FetchError(reason(failure)) from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)

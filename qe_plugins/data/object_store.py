"""Folders at `s3://` URLs, through pyarrow's object store: listed, copied here, copied there.

Address and credentials are those of every S3 client: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, or the files of `~/.aws`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qe_plugins.data.catalog.build_cache import cached
from qe_plugins.errors import DataError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

SCHEME = "s3:/"
VARIABLES = "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def url_of(place: Path | str | None) -> str | None:
    """Return the `s3://` URL that a place is, None for a path of this machine.

    A `Path` of a URL has lost one of its two slashes.
    """
    text = str(place or "")
    if not text.startswith(SCHEME):
        return None
    return f"s3://{text.removeprefix(SCHEME).strip('/')}"


def listing(url: str, where: str | None = None) -> dict[str, str]:
    """Return the files below a URL by relative name, each with its size and time.

    Empty where there is none. Raises DataError, at `where`, for a bucket that cannot be read.
    """
    from pyarrow.fs import FileSelector

    found: list[Any] = []
    with refused(url, where), suppress(FileNotFoundError):
        store, path = _opened(url)
        found = store.get_file_info(FileSelector(path, recursive=True))
    return {
        one.path.removeprefix(path).lstrip("/"): f"{one.size} {one.mtime_ns}"
        for one in found
        if one.is_file
    }


def fetched(url: str, where: str | None = None) -> Path:
    """Return a copy of the folder at a URL in the cache of this machine, made where it changed.

    The copy has the folder's name. Raises DataError, at `where`, where there is nothing.
    """
    found = listing(url, where)
    if not found:
        raise DataError(f"there is nothing at {url}.", where=where, hint="Check the URL.")
    key = hashlib.sha256(repr((url, sorted(found.items()))).encode()).hexdigest()[:32]
    name = url.rpartition("/")[2]
    return cached(
        "s3",
        key,
        lambda folder: download(url, folder / name, where),
        lambda folder: folder / name,
    )


def download(url: str, folder: Path, where: str | None = None) -> None:
    """Copy the files below a URL into a folder. Raises DataError, at `where`."""
    from pyarrow.fs import LocalFileSystem, copy_files

    folder.mkdir(parents=True, exist_ok=True)
    with refused(url, where):
        store, path = _opened(url)
        copy_files(
            path, str(folder), source_filesystem=store, destination_filesystem=LocalFileSystem()
        )


def upload(source: Path, url: str) -> None:
    """Copy a file to a URL, or the files of a folder below it. Raises DataError."""
    from pyarrow.fs import LocalFileSystem, copy_files

    with refused(url):
        store, path = _opened(url)
        copy_files(
            str(source), path, source_filesystem=LocalFileSystem(), destination_filesystem=store
        )


def read(url: str) -> bytes | None:
    """Return the content of the file at a URL, None where there is none. Raises DataError."""
    with refused(url):
        store, path = _opened(url)
        if not store.get_file_info(path).is_file:
            return None
        with store.open_input_stream(path) as file:
            content: bytes = file.read()
            return content


def write(url: str, content: bytes) -> None:
    """Write a file, which appears whole. Raises DataError."""
    with refused(url):
        store, path = _opened(url)
        with store.open_output_stream(path) as file:
            file.write(content)


def refuse_filled(url: str) -> None:
    """Raise DataError where there are files below a URL already, or its bucket cannot be read."""
    if listing(url):
        raise DataError("there are files already.", where=url, hint="Name another folder.")


def _opened(url: str) -> tuple[FileSystem, str]:
    """Return the store of a URL, and the path in it. The URL's bucket gives the region."""
    from pyarrow.fs import FileSystem

    opened: tuple[FileSystem, str] = FileSystem.from_uri(url)
    return opened


@contextmanager
def refused(url: str, where: str | None = None) -> Iterator[None]:
    """Raise DataError for what an object store refuses."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        text, bucket = str(error), url.removeprefix("s3://").partition("/")[0]
        missing = "NO_SUCH_BUCKET" in text or f"Bucket '{bucket}' not found" in text
        what = (
            f"there is no bucket '{bucket}'."
            if missing
            else f"{url} cannot be used: {text.splitlines()[0].rpartition('AWS Error ')[2]}."
        )
        raise DataError(what, where=where or url, hint=f"Check {VARIABLES}.") from error

"""Where a store of features is: a folder of this machine, or an `s3://` URL."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import polars as pl

from qe_plugins.data import object_store


class StoreFolder:
    """The files of a store by relative name; each is whole or not there."""

    def __init__(self, place: Path | str) -> None:
        self.url = object_store.url_of(place)
        self.path = Path(place)

    def __str__(self) -> str:
        return self.url or str(self.path)

    def names(self) -> Collection[str]:
        """Return the files that are there. Raises DataError for a bucket that cannot be read."""
        if self.url:
            return object_store.listing(self.url)
        files = self.path.rglob("*")
        return {one.relative_to(self.path).as_posix() for one in files if one.is_file()}

    def has(self, name: str) -> bool:
        """Return whether a file is there."""
        return name in self.names() if self.url else (self.path / name).is_file()

    def source(self, name: str) -> str | Path:
        """Return what Polars reads a file from."""
        return f"{self.url}/{name}" if self.url else self.path / name

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, None where it is not there."""
        if self.url:
            return object_store.read(f"{self.url}/{name}")
        file = self.path / name
        return file.read_bytes() if file.is_file() else None

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""
        if self.url:
            object_store.write(f"{self.url}/{name}", content)
            return
        staged = self._staged(name)
        staged.write_bytes(content)
        os.replace(staged, self.path / name)

    def write_frame(self, name: str, frame: pl.DataFrame) -> None:
        """Write a table as Parquet."""
        if self.url:
            with object_store.refused(self.url):
                frame.write_parquet(
                    f"{self.url}/{name}", compression="uncompressed", statistics=False
                )
            return
        staged = self._staged(name)
        frame.write_parquet(staged, compression="uncompressed", statistics=False)
        os.replace(staged, self.path / name)

    def _staged(self, name: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.with_name(f".{file.name}.{os.getpid()}.part")

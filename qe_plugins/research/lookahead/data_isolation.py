"""Keep a component from reading the run's data by its path: hide it, or notice that it is opened.

Hidden, the path leads to the copy that was cut, whatever library opens it: a mount namespace of the
process' own is below all of them. Nothing on the disk changes, and no other process sees it. That
takes Linux and the right to mount (root) or a user namespace, which some systems refuse; there,
inotify tells which files were opened. Elsewhere neither is to be had.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

BIND, RECURSIVE, PRIVATE = 1 << 12, 1 << 14, 1 << 18  # flags of mount(2)
OPENED, OF_A_FOLDER = 0x20, 0x40000000  # of inotify(7)
EVENT = struct.Struct("iIII")
SEEN = (".dbn.zst", ".parquet")


def hide(pairs: Iterable[tuple[str, str]]) -> bool:
    """Put the second path of each pair in place of the first; say whether that could be done.

    Both are folders, or both are files. Call in a process that has a single thread and works on
    nothing else: it stays like this until the process ends.
    """
    if sys.platform != "linux" or not _apart():
        return False
    try:
        _mount(None, "/", RECURSIVE | PRIVATE)
        for original, other in pairs:
            _mount(other, original, BIND)
    except OSError:
        return False
    return True


def _apart() -> bool:
    """Give this process a view of the file system of its own."""
    try:
        os.unshare(os.CLONE_NEWNS)
    except OSError:
        return _apart_as_user()
    return True


def _apart_as_user() -> bool:
    user, group = os.getuid(), os.getgid()
    try:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError:
        return False
    return True


def _mount(source: str | None, target: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    given = None if source is None else os.fsencode(source)
    if libc.mount(given, os.fsencode(target), None, flags, None):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


class FileWatch:
    """Tells which data files below some paths were opened, by whatever process.

    Where there is no inotify, none ever was.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._places: dict[int, Path] = {}
        self._fd = -1
        if sys.platform != "linux":
            return
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for text in paths:
            path = Path(text)
            for place in [path, *(one for one in path.rglob("*") if one.is_dir())]:
                at = libc.inotify_add_watch(self._fd, os.fsencode(place), OPENED)
                self._places[at] = place

    def opened(self) -> list[str]:
        """Return the files that were opened since the last call, each once."""
        try:
            read = os.read(self._fd, 1 << 16) if self._fd >= 0 else b""
        except BlockingIOError:
            return []
        found, at = dict[str, None](), 0
        while at < len(read):
            watch, mask, _, size = EVENT.unpack_from(read, at)
            name = os.fsdecode(read[at + EVENT.size : at + EVENT.size + size].rstrip(b"\0"))
            at += EVENT.size + size
            file = str(self._places[watch] / name) if watch in self._places else ""
            if not mask & OF_A_FOLDER and file.endswith(SEEN):
                found[file] = None
        return list(found)

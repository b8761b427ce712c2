"""Keep a component from reading the original data by its path: hide it, or detect the access.

When hidden, the path leads to the truncated copy, whichever library opens it, because the copy is
mounted over it in a mount namespace of this process. The disk and other processes are unaffected.
This needs Linux and the right to mount (root) or a user namespace, which some systems deny; there,
inotify reports which files were opened. Other systems support neither.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

BIND, RECURSIVE, PRIVATE = 1 << 12, 1 << 14, 1 << 18  # flags of mount(2)
OPENED, IS_FOLDER = 0x20, 0x40000000  # of inotify(7)
EVENT = struct.Struct("iIII")
DATA_SUFFIXES = (".dbn.zst", ".parquet")


def hide(pairs: Iterable[tuple[str, str]]) -> bool:
    """Mount the second path of each pair over the first; return whether that succeeded.

    Both are folders, or both are files. Call it in a single-threaded process of its own: the
    mounts remain until the process ends.
    """
    if sys.platform != "linux" or not _enter_mount_namespace():
        return False
    try:
        _mount(None, "/", RECURSIVE | PRIVATE)
        for original, other in pairs:
            _mount(other, original, BIND)
    except OSError:
        return False
    return True


def _enter_mount_namespace() -> bool:
    """Give this process its own mount namespace; return whether that succeeded."""
    try:
        os.unshare(os.CLONE_NEWNS)
    except OSError:
        return _enter_user_namespace()
    return True


def _enter_user_namespace() -> bool:
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
    """Reports which data files below some paths were opened, by any process.

    Reports none where inotify does not exist.
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
        """Return the files opened since the last call, each once."""
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
            if not mask & IS_FOLDER and file.endswith(DATA_SUFFIXES):
                found[file] = None
        return list(found)

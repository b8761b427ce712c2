"""The latch: one file, and whatever cannot be read as a halt is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from qe_plugins.errors import Halted, QeError
from qe_plugins.halt import latch as module
from qe_plugins.halt.latch import Halt, HaltLatch

NOW = datetime(2026, 1, 2, 14, 31, tzinfo=UTC)


@pytest.fixture
def latch(tmp_path: Path) -> HaltLatch:
    return HaltLatch(tmp_path / "state" / "halt.json")


def test_nothing_is_halted_before_the_state_folder_exists(latch):
    assert latch.read() is None
    assert not latch.file.parent.exists()


def test_a_halt_says_why_since_when_and_by_whom(latch):
    latch.set("news at 14:30", "person", by="ann", now=NOW)

    halt = HaltLatch(latch.file).read()

    assert halt is not None
    assert halt.line == "halted since 2026-01-02 14:31:00 UTC by ann: news at 14:30"


def test_a_second_halt_keeps_the_first_reason_and_adds_its_own(latch):
    latch.set("first", "person", by="ann", now=NOW)
    latch.set("lost 150 USD", "daily_loss", now=NOW)

    halt = HaltLatch(latch.file).read()

    assert halt is not None
    assert (halt.reason, halt.by) == ("first", "ann")
    assert [(one.reason, one.source) for one in halt.later] == [("lost 150 USD", "daily_loss")]
    assert halt.line.endswith("first (and 1 later)")


def test_later_reasons_are_bounded_and_the_first_stays(latch):
    for number in range(module.MOST_LATER + 5):
        halt = latch.set(f"reason {number}", "person", now=NOW)

    assert halt.reason == "reason 0"
    assert len(halt.later) == module.MOST_LATER
    assert halt.later[-1].reason == f"reason {module.MOST_LATER + 4}"


def test_another_process_is_halted_by_its_next_read(latch):
    reader = HaltLatch(latch.file)
    assert reader.read() is None

    latch.set("stop", "person")
    assert reader.read() is not None

    latch.clear()
    assert reader.read() is None


def test_clearing_returns_the_halt_that_was_in_force(latch):
    latch.set("stop", "person", now=NOW)

    cleared = latch.clear()

    assert cleared is not None
    assert cleared.reason == "stop"
    assert latch.clear() is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"[]", b'{"reason": "half', b'{"reason": 1}', b"\xff\xfe"]
)
def test_whatever_is_no_whole_halt_counts_as_one(latch, content):
    latch.file.parent.mkdir()
    latch.file.write_bytes(content)

    halt = latch.read()

    assert halt is not None
    assert halt.source == "latch"
    assert "cannot be read, which counts as a halt" in halt.line


def test_every_prefix_of_a_halt_counts_as_a_halt(latch):
    latch.set("stop", "person", by="ann", now=NOW)
    whole = latch.file.read_bytes()

    for length in range(len(whole)):
        latch.file.write_bytes(whole[:length])
        assert latch.read() is not None, length


def test_a_folder_in_its_place_counts_as_a_halt_and_can_be_cleared_by_hand_only(latch):
    latch.file.mkdir(parents=True)

    assert latch.read() is not None
    with pytest.raises(QeError, match="could not be removed"):
        latch.clear()


def test_a_halt_that_vanished_with_its_folder_stays_in_force(latch):
    latch.set("stop", "person")
    assert latch.read() is not None

    shutil.rmtree(latch.file.parent)

    assert latch.read() is not None


def test_a_half_written_halt_that_is_completed_by_hand_is_read_again(latch):
    latch.file.parent.mkdir()
    latch.file.write_bytes(b"")
    assert latch.read() is not None
    whole = Halt(reason="whole", source="person", since=NOW)
    latch.file.write_bytes(msgspec.json.encode(whole))

    assert latch.read() == whole


def test_a_halt_can_be_added_to_one_that_cannot_be_read(latch):
    latch.file.parent.mkdir()
    latch.file.write_bytes(b"{")

    latch.set("stop", "person", now=NOW)

    halt = HaltLatch(latch.file).read()
    assert halt is not None
    assert halt.source == "latch"
    assert [one.reason for one in halt.later] == ["stop"]


def test_on_a_full_disk_this_process_is_halted_and_an_empty_file_halts_the_others(
    latch, monkeypatch
):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_atomically", full)

    with pytest.raises(QeError, match="No space left on device"):
        latch.set("disk", "disk_low")

    assert latch.read() is not None
    assert HaltLatch(latch.file).read() is not None


def test_where_not_even_an_empty_file_can_be_made_this_process_stays_halted(latch, monkeypatch):
    latch.file.parent.mkdir()

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(module, "_write", refuse)
    with pytest.raises(QeError, match="Read-only file system"):
        latch.set("disk", "disk_low", now=NOW)
    assert not latch.file.exists()

    halt = latch.read()

    assert halt is not None
    assert halt.reason == "disk"


def test_a_lock_that_another_process_never_releases_does_not_keep_a_halt_from_being_set(
    latch, monkeypatch
):
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    latch.file.parent.mkdir()
    hold = (
        "import sys; from filelock import FileLock\n"
        "FileLock(sys.argv[1]).acquire(); print('held', flush=True); sys.stdin.read()"
    )
    lock = str(latch.file) + ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", hold, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        latch.set("stop", "person")
        holder.communicate()

    assert HaltLatch(latch.file).read() is not None


def test_the_error_of_what_is_refused_is_one_line_and_says_what_ends_the_halt(latch):
    error = latch.set("stop.", "person", by="ann", now=NOW).error()

    assert isinstance(error, Halted)
    assert str(error) == (
        "halted since 2026-01-02 14:31:00 UTC by ann: stop. "
        "`qe resume REASON` at a terminal ends the halt."
    )


def test_an_unchanged_latch_is_not_opened_again(latch, monkeypatch):
    latch.set("stop", "person")
    first = latch.read()
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("opened again"))

    assert latch.read() is first


def test_nothing_but_the_halt_and_its_lock_is_left_in_the_folder(latch):
    latch.set("stop", "person")
    latch.set("again", "person")

    assert set(os.listdir(latch.file.parent)) <= {"halt.json", "halt.json.lock"}

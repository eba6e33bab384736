"""Faults of the disk and the clock, in programs that are started with Faults.environment().

The work is done by a preloaded library (fault.c); this is its other end.  `at` and `times` are numbers of the calls
that count: of the kinds asked for, below the path asked for, over all processes since reset().
"""
import errno
import mmap
import os
import struct
from pathlib import Path
from typing import NamedTuple

from harness import MILLRACE

CALLS = ["open", "create", "read", "write", "sync", "rename", "link", "unlink", "mkdir", "truncate"]
# What changes something on the disk.  A kill before each of them visits every state that the disk can be left in.
CHANGES = ["create", "write", "sync", "rename", "link", "unlink", "mkdir", "truncate"]
ACTIONS = {"kill": 1, "tear": 2, "fail": 3, "shorten": 4, "stall": 5}
LIBRARY = Path(os.environ.get("MILLRACE_FAULT_LIBRARY", Path(MILLRACE).parents[1] / "tests/libmillrace_fault.so"))
FOREVER = 2**63
SEEN, HITS, STRIKE, CLOCK, WATCHED, PATH = 0, 8, 16, 44, 56, 64
BYTES = PATH + 1024


class Call(NamedTuple):
    number: int  # 0: it did not count
    pid: int
    result: str  # ok, error (the system's own), failed, killed
    name: str
    path: str
    origin: str  # of a rename or link


def mask_of(calls):
    return sum(1 << CALLS.index(call) for call in calls)


class Faults:
    def __init__(self, directory, path):
        """`directory` takes the control file and the journal; calls count below `path`."""
        assert LIBRARY.is_file(), f"{LIBRARY} is not built"
        self.control = Path(directory) / "fault.control"
        self.journal = Path(directory) / "fault.journal"
        self.control.write_bytes(bytes(BYTES))
        with open(self.control, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), BYTES)
        self.look_below(path)
        struct.pack_into("<I", self.memory, WATCHED, mask_of(CHANGES))

    def look_below(self, path):
        text = os.fsencode(str(Path(path).resolve()))
        self.memory[PATH:BYTES] = text + bytes(BYTES - PATH - len(text))

    def environment(self):
        return {"LD_PRELOAD": str(LIBRARY), "MILLRACE_FAULT": str(self.control),
                "MILLRACE_FAULT_JOURNAL": str(self.journal)}

    def reset(self, calls=CHANGES, action=None, at=0, times=1, error=0):
        """Count `calls` from 1 again; the `at`-th and the following, `times` in all, are struck.

        `error` is the name of an errno, or for "stall" a time in ms.
        """
        self.journal.unlink(missing_ok=True)
        self.strike(calls, action, at, times, error, count_from_zero=True)

    def strike(self, calls=CHANGES, action=None, at=0, times=1, error=0, count_from_zero=False):
        number = getattr(errno, error) if isinstance(error, str) else error
        struct.pack_into("<QQ", self.memory, STRIKE, 0, 0)  # nothing is struck while the rest is changed
        struct.pack_into("<IIi", self.memory, STRIKE + 16, mask_of(calls), ACTIONS.get(action, 0), number)
        if count_from_zero:
            struct.pack_into("<QQ", self.memory, SEEN, 0, 0)
        struct.pack_into("<Q", self.memory, STRIKE + 8, min(at + times - 1, FOREVER))
        struct.pack_into("<Q", self.memory, STRIKE, at)

    def strike_from_now(self, calls, action, times=FOREVER, error=0):
        self.strike(calls, action, self.seen + 1, times, error)

    def stop(self):
        struct.pack_into("<Q", self.memory, STRIKE, 0)

    @property
    def seen(self):
        return struct.unpack_from("<Q", self.memory, SEEN)[0]

    @property
    def hits(self):
        return struct.unpack_from("<Q", self.memory, HITS)[0]

    def move_clock(self, ms):
        struct.pack_into("<Iq", self.memory, CLOCK, 0, ms)

    def freeze_clock(self, at_ms):
        struct.pack_into("<Iq", self.memory, CLOCK, 1, at_ms)

    def calls(self):
        """Each change and each call that counted, in order of their ends."""
        if not self.journal.exists():
            return []
        rows = []
        for line in self.journal.read_text().splitlines():
            number, pid, result, call, path = line.split(" ", 4)
            path, _, origin = path.partition("\t")
            rows.append(Call(int(number), int(pid), result, call, path, origin))
        return rows


def assert_no_sync_is_tried_again(calls):
    """A file whose fsync failed is given up: the same pages may have been dropped, and a second fsync would lie.

    A directory's own fsync may come again: it is about the next name.  A name made anew is another file.
    """
    given_up = set()
    for call in calls:
        if call.name == "create" and call.result == "ok":
            given_up.discard((call.pid, call.path))
        if call.name != "sync" or Path(call.path).is_dir():
            continue
        assert (call.pid, call.path) not in given_up, f"fsync of a file whose fsync had failed: {call}"
        if call.result in ("failed", "error"):
            given_up.add((call.pid, call.path))


def assert_durable_before_it_counts(calls):
    """What a power cut could undo, of which a kill shows nothing: the page cache outlives the process.

    A file is synced between its last write and the name by which it counts; a new name is synced with its directory
    before the next name is made there; and nothing written is left without a sync.
    """
    done = [call for call in calls if call.result == "ok"]
    unsynced = {}
    for call in done:
        if call.name == "write":
            unsynced[call.path] = call
        elif call.name in ("sync", "unlink"):
            unsynced.pop(call.path, None)
    assert not unsynced, f"written and never synced: {list(unsynced.values())}"
    for index, call in enumerate(done):
        before, after = done[:index], done[index + 1:]
        if call.name in ("rename", "link"):
            writes = [i for i, other in enumerate(before) if other.name == "write" and other.path == call.origin]
            syncs = [i for i, other in enumerate(before) if other.name == "sync" and other.path == call.origin]
            assert writes and syncs and max(syncs) > max(writes), f"named before it was synced: {call}"
        if call.name in ("rename", "link", "mkdir"):
            directory = str(Path(call.path).parent)
            for other in after:
                if other.name == "sync" and other.path == directory:
                    break
                made_there = other.name in ("create", "rename", "link") and str(Path(other.path).parent) == directory
                assert not made_there, f"{other} follows {call}, and {directory} was not synced between"
            else:
                raise AssertionError(f"its directory was never synced: {call}")

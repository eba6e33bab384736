"""What "exact" means for an engine on the file log, and events that reach it while it may die.

The state in the checkpoints must equal what an undisturbed process makes of the same log, byte for byte, and every
event that was acknowledged must be in it, once.
"""
import hashlib
import http.client
import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from events import native_events, write_lines  # noqa: E402
from harness import MILLRACE, millrace  # noqa: E402
import oracle  # noqa: E402

# What a record can become.  Their sum is the number of offsets passed.
DISPOSITIONS = ["applied", "duplicate", "late", "poison", "opted_out", "erased", "control", "gap"]


def seed_of(name, default):
    """The seed of a random test, printed so that MILLRACE_SEED can give it again."""
    seed = int(os.environ.get("MILLRACE_SEED") or default)
    print(f"# {name}: MILLRACE_SEED={seed}", flush=True)
    return random.Random(seed)


def state_dump(engine):
    """The canonical dump of the checkpoints; read without any fault."""
    return subprocess.run([MILLRACE, "inspect", "state", "--canonical", "--config", engine.config], check=True,
                          capture_output=True).stdout.decode()


def replay_hash(engine):
    _, out, _ = millrace("replay", "--hash", "--json", "--config", engine.config,
                         environment={"MILLRACE_STATE_MEMORY_LIMIT": "1TiB"})
    return json.loads(out)["state_hash"]


def assert_as_the_oracle_says(engine, dump):
    """The same of a program that knows the written rules and the log's bytes alone; what it read."""
    log = oracle.read_log(engine.directory / "log", "events", (engine.directory / "control.key").read_bytes())
    expected = b"".join(oracle.dump(log.partitions, False))
    differences = oracle.compare(expected, dump.encode())
    assert expected == dump.encode(), "\n".join(differences[:20]) or "the same lines in another order"
    return log


def counters_of(dump):
    """{partition: {name: value}} of the dump's last part."""
    counters = {}
    for line in dump.splitlines():
        fields = line.split("\t")
        if fields[0] == "\\s" and len(fields) == 4:
            counters.setdefault(int(fields[1]), {})[fields[2]] = int(fields[3])
    return counters


def assert_exact(engine, records=None):
    """The checkpoints hold the whole log, each record once; the sum of the counters over the partitions."""
    dump = state_dump(engine)
    assert hashlib.sha256(dump.encode()).hexdigest() == replay_hash(engine), "the state is not that of the log"
    total = {}
    for partition, counters in counters_of(dump).items():
        passed = counters["next_offset"] - counters["first_offset"]
        assert passed == sum(counters[name] for name in DISPOSITIONS), (partition, counters)
        assert counters["gap"] == 0, (partition, counters)
        for name, value in counters.items():
            total[name] = total.get(name, 0) + value
    if records is not None:
        assert total["next_offset"] == records, (records, total)
    return total


def checkpointed_offsets(engine):
    """The sum of the next offsets in the newest checkpoints, 0 when there are none."""
    code, out, _ = millrace("inspect", "state", "--config", engine.config, check=False)
    return sum(partition["next_offset"] for partition in json.loads(out)["partitions"]) if code == 0 else 0


def generated(events, seed, *options, partitions=1):
    """[(event, what must become of it)] of a generated stream, people who are known only later among them."""
    _, out, _ = millrace("generate", "--output", "-", "--events", events, "--seed", seed, "--users", 400, "--items", 200,
                         "--rate", 0.05, "--bytes", 0, "--partitions", partitions, "--start", "2024-01-01T00:00:00Z", "--anonymous", 0.3, *options)
    # An event without a time has that of its record, which another one will get when it is posted.
    return [({"time": record["time"], **json.loads(record["value"])}, record["expect"])
            for record in map(json.loads, out.splitlines())]


def posts(events, size):
    """The events in lists of `size`, as they are asked for."""
    events = iter(events)
    while batch := list(itertools.islice(events, size)):
        yield batch


class Feeder:
    """Posts events one batch after the other, over all restarts of the engine, until each one is acknowledged.

    A batch that got no answer may be in the log or not, so it is posted again.
    """

    def __init__(self, engine, batches, pause=0.0):
        self.engine = engine
        self.batches = batches
        self.pause = pause
        self.acknowledged = 0  # events
        self.repeated = 0      # events posted again, as often as they were
        self.failures = []
        self.last_batch = self.giving_up = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def post(self, body):
        """Whether it was acknowledged; a 4xx is a failure of the test."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.engine.port, timeout=10)
            connection.request("POST", "/v1/events", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            connection.close()
        except (OSError, http.client.HTTPException):
            return False
        if 400 <= response.status < 500 and response.status != 429:
            self.failures.append((response.status, answer[:300]))
        return response.status == 202

    def run(self):
        for batch in self.batches:
            body = json.dumps(batch)
            while not self.post(body):
                if self.giving_up or self.failures:
                    return
                self.repeated += len(batch)
                time.sleep(0.02)
            self.acknowledged += len(batch)
            if self.last_batch:
                return
            time.sleep(self.pause)

    def is_done(self):
        return not self.thread.is_alive()

    def finish(self, seconds=60):
        """Stop after the batch that is under way, once it is acknowledged."""
        self.last_batch = True
        self.thread.join(seconds)
        self.giving_up = True
        assert self.is_done(), "a batch was never acknowledged"
        assert not self.failures, self.failures


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


__all__ = ["Feeder", "assert_as_the_oracle_says", "assert_exact", "checkpointed_offsets", "counters_of", "generated", "native_events", "percentile", "posts",
           "replay_hash", "seed_of", "state_dump", "write_lines"]

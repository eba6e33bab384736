#!/usr/bin/env python3
"""What the state of a log must be, worked out without the engine.

    oracle.py log LOG_DIRECTORY TOPIC [--control-key FILE] [--format F] [--free | --hash]
    oracle.py file GENERATED_FILE --partitions N [--format F] [--hash]
    oracle.py account LOG_DIRECTORY TOPIC MANIFEST [--control-key FILE] [--format F]
    oracle.py compare DUMP DUMP

`log` reads the segment files of the embedded log and prints the canonical dump, the order-free one with
--free, or with --hash both hashes as `millrace replay --hash` gives them.  `file` does it from the lines that
`millrace generate --output` wrote, for the order-free dump once all links have settled.  `account` holds what the
log's records become against the generator's manifest, and `compare` one dump against another; both name the
profiles that lost, doubled or changed something and end with 1.

It reads the files by docs/FORMATS.md and works by the rules of tests/golden/recompute.py.  What an
answer to a link says of a profile is not read: the profile is taken as its own partition had it.
"""
import argparse
import base64
import hashlib
import hmac
import json
import struct
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
from reading import Poison, check_id  # noqa: E402
from recompute import Partition, dump, partition_of  # noqa: E402
from segment_files import Damage, read_topic  # noqa: E402

CONTROL_HEADER, CONTROL_BYTES, CONTROL_VALUE_BYTES = "mr-control", 40, 4096
DIALECT_HEADER = "mr-dialect"
PARTITIONS_MOST = 4096
FATES = ["applied", "duplicate", "late", "poison"]
SHOWN_MOST = 40


# ---- control records ----

def sized(content):
    return struct.pack("<I", len(content)) + content


def is_signed(record, topic, key):
    headers = [content for name, content in record.headers if name == CONTROL_HEADER]
    if len(headers) != 1 or not key:
        return False
    covered = b"\x01" + sized(topic.encode()) + sized(record.key) + sized(record.value)
    expected = b"\x01\0\0\0" + hashlib.sha256(key).digest()[:4] + hmac.digest(key, covered, "sha256")
    return headers[0] == expected


def whole_number(members, name):
    value = members.get(name)
    if value is None or not str(value).isdigit():
        raise Poison(name)
    return int(value)


def control_of(record, topic, key):
    """The members of a control record that holds."""
    if not is_signed(record, topic, key):
        raise Poison("not signed by us")
    try:
        members = json.loads(record.value)
    except ValueError as error:
        raise Poison("no JSON") from error
    kind = members.get("control")
    is_answer = kind == "link" and "profile" in members
    if kind not in ("tick", "erase", "opt_out", "opt_in", "link") or \
            (len(record.value) > CONTROL_VALUE_BYTES and not is_answer):
        raise Poison("control")
    whole_number(members, "time")
    owner = "anonymous_id" if kind == "link" and not is_answer else "user_id"
    if kind == "tick":
        if members.get("user_id"):
            raise Poison("a tick of somebody")
    elif not members.get(owner) or check_id(members[owner]).encode() != record.key:
        raise Poison("not in its own partition")
    if kind == "link" and not (whole_number(members, "source") < PARTITIONS_MOST and whole_number(members, "sequence") > 0 and
                               all(check_id(members.get(name) or "") for name in ("anonymous_id", "user_id"))):
        raise Poison("a link of nobody")
    return members


# ---- a log ----

class Unfounded(Exception):
    """A link that nobody had reason to send, as far as the log goes; one that is being written can come to that."""


class Log:
    """All partitions of a topic, applied; an answer to a link waits until its sender has come so far."""

    def __init__(self, topic, control_key, dialect):
        self.topic, self.control_key, self.dialect = topic, control_key, dialect
        self.partitions, self.claims = [], []

    def read(self, directory):
        streams = read_topic(directory)
        self.partitions = [Partition(number, self.dialect) for number in range(len(streams))]
        waiting = {partition.number: self.follow(partition, stream)
                   for partition, stream in zip(self.partitions, streams)}
        while waiting:
            before = sum(partition.counters["next_offset"] for partition in self.partitions)
            for number, steps in list(waiting.items()):
                if next(steps, "end") == "end":
                    del waiting[number]
            if waiting and before == sum(partition.counters["next_offset"] for partition in self.partitions):
                raise Unfounded(f"partitions {sorted(waiting)}: answers to links that nobody had reason to send")
        self.check_claims()
        return self.partitions

    def follow(self, partition, records):
        """Apply a partition's records; yields where it has to wait for another."""
        for record in records:
            gap = record.offset - partition.counters["next_offset"]
            partition.counters["gap"] += gap
            partition.counters["next_offset"] += gap
            names = [name for name, _ in record.headers]
            if CONTROL_HEADER not in names:
                native = (DIALECT_HEADER, b"native") in record.headers
                partition.apply(record.value, record.time, "native" if native else None)
                continue
            try:
                members = control_of(record, self.topic, self.control_key)
            except Poison:
                partition.passed("poison")
                continue
            if members["control"] == "tick":
                partition.tick(members["time"])
            elif members["control"] == "link":
                yield from self.link(partition, members)
            else:
                partition.passed("control")

    def link(self, partition, members):
        source, sequence = members["source"], members["sequence"]
        self.claims.append((source, sequence, members["anonymous_id"], members["user_id"]))
        if "profile" not in members:
            partition.apply_request(source, sequence, members["anonymous_id"], members["user_id"])
            return
        sender = self.partitions[source]
        while sequence > partition.marks.get(source, 0) and sequence not in sender.moved:
            yield "waiting"
        partition.apply_answer(source, sequence, members["user_id"], sender.moved.get(sequence), members["time"])

    def check_claims(self):
        """Every link in the log is one that its source decided on, under the number it gave it."""
        for source, sequence, anonymous_id, user_id in self.claims:
            if self.partitions[source].links.get(sequence) != (anonymous_id, user_id):
                raise Unfounded(f"link {sequence} of partition {source} is not what its records ask for")

    def unsent(self):
        """Links that were decided on and are not in the log yet."""
        seen = {(source, sequence) for source, sequence, _, _ in self.claims}
        return [(partition.number, sequence) for partition in self.partitions for sequence in partition.links
                if (partition.number, sequence) not in seen]


def read_log(directory, topic, control_key=b"", dialect="auto"):
    log = Log(topic, control_key, dialect)
    log.read(Path(directory) / topic)
    return log


# ---- a generated file ----

def generated_lines(path):
    """(key, record time, value, is it a control record, what must become of it) of each line."""
    with open(path, encoding="utf-8") as lines:
        for each in map(json.loads, lines):
            value = each["value"].encode() if "value" in each else base64.b64decode(each["value_base64"])
            yield each["key"].encode(), each["time"], value, CONTROL_HEADER in each.get("headers", {}), each["expect"]


def read_generated(path, count, dialect="auto"):
    """The partitions, every record applied; the file's control records are nobody's."""
    partitions = [Partition(number, dialect) for number in range(count)]
    for key, time_ms, value, is_control, _ in generated_lines(path):
        partition = partitions[partition_of(key, count)]
        if is_control:
            partition.passed("poison")
        else:
            partition.apply(value, time_ms)
    return partitions


def settle(partitions):
    """Every anonymous profile that was asked for, moved to its user, as it will be once all links are in."""
    for partition in partitions:
        for anonymous_id, user_id in list(partition.links.values()):
            home = partitions[partition_of(anonymous_id.encode(), len(partitions))]
            visitor = home.profiles.get((anonymous_id, True))
            if visitor and visitor.events:
                partition.profile(user_id, False).merge(visitor)
                visitor.restart()


# ---- comparing ----

def fnv1a64(content):
    number = 0xCBF29CE484222325
    for byte in content:
        number = (number ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return number


def sums_of(partitions):
    """{(id, is anonymous): [records, lines, sum, xor]} of what was applied, as the generator sums it."""
    sums = defaultdict(lambda: [0, 0, 0, 0])
    for partition in partitions:
        before = None
        for event in partition.events:
            own = sums[event.who, event.is_anonymous]
            own[1] += 1
            if event.offset != before:
                number = fnv1a64(event.event_id.encode())
                own[0], own[2], own[3] = own[0] + 1, (own[2] + number) % 2**64, own[3] ^ number
            before = event.offset
    return sums


def account(partitions, manifest):
    """What differs between a log and a manifest, a line each."""
    found = []
    for expected, partition in zip(manifest["partitions"], partitions):
        for name in [*FATES, "late_applied", "lines_applied", "lines_duplicate", "lines_late"]:
            if partition.counters[name] != expected[name]:
                found.append(f"partition {partition.number}: {name} is {partition.counters[name]}, not {expected[name]}")
    sums = sums_of(partitions)
    for profile in manifest["profiles"]:
        who = profile["id"], profile["anonymous"]
        expected = [profile["records"], profile["lines"], int(profile["sum"], 16), int(profile["xor"], 16)]
        actual = sums.pop(who, [0, 0, 0, 0])
        if actual != expected:
            verdict = "lost" if actual[0] < expected[0] else "doubled" if actual[0] > expected[0] else "wrong"
            found.append(f"{verdict}: {who[0]!r}: {actual[0]} records of {actual[1]} lines, not {expected[0]} of {expected[1]}")
    return found + [f"foreign: {who!r}: {actual[0]} records" for (who, _), actual in sums.items()]


def profiles_of(text):
    """{written id: {feature: the rest of its line}} and the lines of no profile."""
    profiles, others = defaultdict(dict), {}
    for each in text.decode().split("\n")[:-1]:
        fields = each.split("\t")
        if fields[0] in ("\\p", "\\s"):
            size = 3 if fields[0] == "\\s" or fields[1] != "customers" else 2
            size += fields[0] == "\\s" and fields[2] in ("dedup", "mark")
            size += fields[0] == "\\s" and fields[2] == "dedup"
            others[tuple(fields[:size])] = fields[size:]
        else:
            profiles[fields[0]][fields[1]] = fields[2:]
    return profiles, others


def compare(one, other):
    """What the second dump has otherwise than the first, a line each."""
    (profiles, others), (theirs, their_others) = profiles_of(one), profiles_of(other)
    found = []
    for who in sorted(profiles.keys() | theirs.keys()):
        a, b = profiles.get(who), theirs.get(who)
        if a is None or b is None:
            found.append(f"{'only in the second' if a is None else 'lost'}: {who}")
        elif a != b:
            counts = [int(each.get("events", ["0"])[0]) for each in (a, b)]
            verdict = "lost" if counts[1] < counts[0] else "doubled" if counts[1] > counts[0] else "wrong"
            names = [name for name in {**a, **b} if a.get(name) != b.get(name)]
            found.append(f"{verdict}: {who}: {counts[0]} events and {counts[1]}; " +
                         "; ".join(f"{name} {a.get(name)} and {b.get(name)}" for name in names[:3]))
    for name in sorted(others.keys() | their_others.keys()):
        if others.get(name) != their_others.get(name):
            found.append(f"{' '.join(name)}: {others.get(name)} and {their_others.get(name)}")
    return found


def report(found):
    for each in found[:SHOWN_MOST]:
        print(each if len(each) < 300 else each[:300] + " …")
    if len(found) > SHOWN_MOST:
        print(f"and {len(found) - SHOWN_MOST} more")
    return 1 if found else 0


# ---- commands ----

def hash_of(partitions, is_free):
    digest = hashlib.sha256()
    for each in dump(partitions, is_free):
        digest.update(each)
    return digest.hexdigest()


def arguments_of(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    log, file = commands.add_parser("log"), commands.add_parser("file")
    accounting, comparing = commands.add_parser("account"), commands.add_parser("compare")
    for each in (log, accounting):
        each.add_argument("directory")
        each.add_argument("topic")
        each.add_argument("--control-key", type=Path)
    accounting.add_argument("manifest", type=Path)
    for each in (log, file, accounting):
        each.add_argument("--format", default="auto", choices=["auto", "native", "segment"])
    for each in (log, file):
        each.add_argument("--hash", action="store_true")
    log.add_argument("--free", action="store_true")
    file.add_argument("path")
    file.add_argument("--partitions", type=int, required=True)
    comparing.add_argument("first", type=Path)
    comparing.add_argument("second", type=Path)
    return parser.parse_args(words)


def main():
    arguments = arguments_of(sys.argv[1:])
    if arguments.command == "compare":
        return report(compare(arguments.first.read_bytes(), arguments.second.read_bytes()))
    if arguments.command == "file":
        partitions = read_generated(arguments.path, arguments.partitions, arguments.format)
        settle(partitions)
        if arguments.hash:
            print("features_hash=" + hash_of(partitions, True))
        else:
            sys.stdout.buffer.writelines(dump(partitions, True))
        return 0
    key = arguments.control_key.read_bytes() if arguments.control_key else b""
    try:
        partitions = read_log(arguments.directory, arguments.topic, key, arguments.format).partitions
    except (Damage, Unfounded) as error:
        raise SystemExit(str(error)) from error
    if arguments.command == "account":
        return report(account(partitions, json.loads(arguments.manifest.read_text())))
    if arguments.hash:
        print("features_hash=" + hash_of(partitions, True), "state_hash=" + hash_of(partitions, False))
    else:
        sys.stdout.buffer.writelines(dump(partitions, arguments.free))
    return 0


if __name__ == "__main__":
    sys.exit(main())

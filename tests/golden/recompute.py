#!/usr/bin/env python3
"""The canonical dump of a log, worked out from the written rules alone.

    recompute.py events.ndjson [free] [partitions=N]

It keeps every event and reads each feature off all of them, by the sentences of docs/ on events, on what
becomes of a record, on links and on the canonical dump.  It shares no line with the engine and none of its
methods: no fingerprints, no eviction, no record layout, no merging of summaries.  Record n of the file is
written at LOG_START_MS + n * LOG_STEP_MS, to the partition of its key.  `free` prints the order-free dump.
"""
import re
import sys
from collections import Counter, defaultdict
from functools import lru_cache

from reading import TYPES, Dialect, Poison

LOG_START_MS = 1748736000000
LOG_STEP_MS = 6 * 3600 * 1000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
LATENESS_MS, VISIT_GAP_MS = 600_000, 1_800_000
QUOTAS = {"view": 120, "cart_add": 20, "wishlist": 20, "purchase": 60, "rate": 60}
TRENDING = {"view", "click", "cart_add", "wishlist", "purchase", "rate", "review", "share"}
LONG = {"purchase", "refund", "rate", "review", "cart_add", "cart_remove"}
HORIZON_MS = {"long": 7 * DAY_MS, "short": HOUR_MS}
WIDTH_MS = {"long": HOUR_MS, "short": MINUTE_MS}
IDS_MOST = 4_194_304
ORDERS_KNOWN, VISITORS_NOTED = 16, 8
SESSIONS_MOST = 65535

# ---- what becomes of a record ----

class Ids:
    """The event ids of one partition that are remembered: buckets of event time, forgotten whole."""

    def __init__(self, most=IDS_MOST):
        self.most = most
        self.buckets = {}  # (class, number): the ids in it
        self.where = {}    # id: its bucket
        self.floor = {}    # class: what ends up to here is forgotten
        self.evicted = {}  # class: the end of the newest bucket that the cap took

    @staticmethod
    def end(bucket):
        return (bucket[1] + 1) * WIDTH_MS[bucket[0]]

    def forget(self, bucket):
        for each in self.buckets.pop(bucket):
            del self.where[each]

    def advance(self, watermark):
        for span, horizon in HORIZON_MS.items():
            floor = watermark - horizon
            if floor // WIDTH_MS[span] != self.floor.get(span, -1) // WIDTH_MS[span]:
                for bucket in [each for each in self.buckets if each[0] == span and self.end(each) <= floor]:
                    self.forget(bucket)
            self.floor[span] = floor

    def is_late(self, span, time, watermark):
        if watermark is None:
            return False
        return time < min(watermark, max(self.floor[span], self.evicted.get(span, self.floor[span])))

    def put(self, each, span, time):
        bucket = span, time // WIDTH_MS[span]
        while len(self.where) >= self.most:
            oldest = min(self.buckets, key=lambda some: (self.end(some), some[0] == "long"))
            self.evicted[oldest[0]] = max(self.end(oldest), self.evicted.get(oldest[0], 0))
            self.forget(oldest)
        self.where[each] = bucket
        self.buckets.setdefault(bucket, set()).add(each)


class Profile:
    """All events of one id, and what depends on the order of arrival: visits, orders, ids seen beside it."""

    def __init__(self, who, is_anonymous):
        self.who, self.is_anonymous = who, is_anonymous
        self.noted = []
        self.restart()

    def restart(self):
        self.events, self.newest, self.sessions = [], None, 0
        self.orders, self.known_orders, self.record = 0, [], None

    def know(self, order):
        """Whether the order id is a new one."""
        if order in self.known_orders:
            return False
        self.known_orders = [*self.known_orders, order][-ORDERS_KNOWN:]
        return True

    def take(self, event):
        if self.newest is None or event.time - self.newest > VISIT_GAP_MS:
            self.sessions = min(self.sessions + 1, SESSIONS_MOST)
        self.newest = event.time if self.newest is None else max(self.newest, event.time)
        event.session = self.sessions
        event.begins_order = event.type == "purchase" and (self.know(event.order) if event.order else event.line == 0)
        self.orders += event.begins_order
        self.events.append(event)

    def merge(self, moved):
        """Everything another profile held when it was moved here."""
        self.events += moved.events
        self.sessions = min(self.sessions + moved.sessions, SESSIONS_MOST)
        self.newest = moved.newest if self.newest is None else max(self.newest, moved.newest)
        self.orders += moved.orders - sum(not self.know(order) for order in moved.known_orders)


class Partition:
    """The records of one partition, applied one after the other."""

    def __init__(self, number, dialect="auto", ids_most=IDS_MOST):
        self.number, self.dialect, self.ids = number, Dialect(dialect), Ids(ids_most)
        self.counters = Counter()
        self.events = []      # applied ones, for what is counted a partition
        self.profiles = {}
        self.newest = self.clock = None
        self.marks = {}
        self.links = {}       # sequence: (anonymous id, user id) of what was asked for or sent on
        self.moved = {}       # sequence: the profile that was sent on
        self.fates = []

    def watermark(self):
        return None if self.clock is None else self.clock - LATENESS_MS

    def move_clock(self, time):
        self.clock = time if self.clock is None else max(self.clock, time)

    def passed(self, fate):
        """One record is done with."""
        self.counters[fate] += 1
        self.counters["next_offset"] += 1
        self.fates.append(fate)

    def profile(self, who, is_anonymous):
        return self.profiles.setdefault((who, is_anonymous), Profile(who, is_anonymous))

    def apply(self, value, log_ms, dialect=None):
        """`dialect`: the record's own, where it names one."""
        try:
            events = (Dialect(dialect) if dialect else self.dialect).events(value, log_ms)
        except Poison:
            self.passed("poison")
            return
        watermark = self.watermark()
        if watermark is not None:
            self.ids.advance(watermark)
        lines = Counter(self.apply_line(event, watermark) for event in events)
        for name, count in lines.items():
            self.counters["lines_" + name] += count
        self.counters["lines"] += len(events)
        applied = [event for event in events if event.offset is not None]
        self.counters["late_applied"] += watermark is not None and any(each.time < watermark for each in applied)
        self.passed("applied" if applied else "late" if lines["late"] else "duplicate")

    def apply_line(self, event, watermark):
        span = "long" if event.type in LONG else "short"
        event.offset = None
        if self.ids.is_late(span, event.time, watermark):
            return "late"
        if event.event_id:
            each = event.event_id, event.line
            if each in self.ids.where:
                return "duplicate"
            self.ids.put(each, span, event.time)
        event.offset = self.counters["next_offset"]
        self.newest = event.time if self.newest is None else max(self.newest, event.time)
        self.move_clock(event.time)
        profile = self.profile(event.who, event.is_anonymous)
        profile.take(event)
        profile.record = event.offset, event.time
        self.events.append(event)
        if event.visitor and not event.is_anonymous and event.visitor not in profile.noted:
            profile.noted = [*profile.noted, event.visitor][-VISITORS_NOTED:]
            self.links[len(self.links) + 1] = event.visitor, event.who
        return "applied"

    # What a control record does, once it has been verified.

    def tick(self, time):
        self.move_clock(time)
        self.passed("control")

    def is_new(self, source, sequence):
        is_new = sequence > self.marks.get(source, 0)
        self.marks[source] = max(sequence, self.marks.get(source, 0))
        return is_new

    def apply_request(self, source, sequence, anonymous_id, user_id):
        profile = self.profiles.get((anonymous_id, True))
        if self.is_new(source, sequence) and profile and profile.events:
            self.links[len(self.links) + 1] = anonymous_id, user_id
            moved = self.moved[len(self.links)] = Profile(anonymous_id, True)
            moved.merge(profile)
            self.counters["lines_moved_out"] += len(profile.events)
            profile.restart()
        self.passed("control")

    def apply_answer(self, source, sequence, user_id, moved, time):
        """`moved`: the profile as its partition had it, not what the record says of it."""
        if self.is_new(source, sequence):
            profile = self.profile(user_id, False)
            profile.merge(moved)
            profile.record = self.counters["next_offset"], time
            self.counters["lines_moved_in"] += len(moved.events)
        self.passed("control")


# ---- features ----

def wrap(number):
    return (number + 2**63) % 2**64 - 2**63


def day(time_ms):
    return time_ms // DAY_MS


class Reader:
    """One profile: all its events, read as of `at`."""

    def __init__(self, profile, at):
        self.profile, self.events, self.at = profile, profile.events, at
        self.by_type = defaultdict(list)
        for event in self.events:
            self.by_type[event.type].append(event)

    def of(self, *types):
        return [event for kind in types for event in self.by_type[kind]]

    def window(self, kind, days):
        return [e for e in self.of(kind) if day(self.at) - days + 1 <= day(e.time) <= day(self.at)]

    def value(self, events):
        return wrap(sum(event.value for event in events))

    def spend(self):
        return wrap(sum(-e.value if e.type == "refund" else e.value for e in self.of("purchase", "refund")))

    def fading(self, half_life=30):
        sums = defaultdict(int)
        for event in self.of("purchase"):
            sums[day(event.time)] += event.value
        total = 0
        for when, amount in sums.items():
            age = day(self.at) - when
            if 0 <= age < 10 * half_life:
                share = round(2 ** (-(age % half_life) / half_life) * 2**30) >> age // half_life
                faded = abs(wrap(amount)) * share // 2**30
                total += faded if amount >= 0 else -faded
        return wrap(total)

    def times(self, choose, kind=None):
        times = [event.time for event in (self.of(kind) if kind else self.events)]
        return [choose(times)] if times else []

    def active_days(self):
        days = sorted({day(event.time) for event in self.events})
        return [each for each in days if each > days[-1] - 128]

    def hours(self):
        counts = Counter(event.time // HOUR_MS % 24 for event in self.events)
        return [number for hour in sorted(counts) for number in (hour, min(counts[hour], 65535))]

    def history(self):
        entries = [(e.time // 1000, e.item.encode(), TYPES.index(e.type), weight(e), e.session)
                   for e in self.events if e.type in QUOTAS and e.item]
        kept = []
        for kind, quota in QUOTAS.items():
            kept += sorted(entry for entry in entries if TYPES[entry[2]] == kind)[-quota:]
        return sorted(kept)


def weight(event):
    if event.type == "rate":
        return event.rating // 10
    return 0 if event.quantity < 0 else 1 if event.quantity == 0 else min(event.quantity, 255)


def features(reader, is_free):
    """(name, values) in the plan's order."""
    purchases = reader.of("purchase")
    yield "events", [len(reader.events)]
    yield "first_seen", reader.times(min)
    yield "last_seen", reader.times(max)
    if not is_free:
        yield "sessions", [reader.profile.sessions]
    yield "views_7d", [len(reader.window("view", 7))]
    yield "carts_7d", [len(reader.window("cart_add", 7))]
    yield "purchases", [len(purchases)]
    for days in (30, 90, 180):
        yield "purchases_%dd" % days, [len(reader.window("purchase", days))]
    yield "refunds", [len(reader.of("refund"))]
    yield "spend", [reader.spend()]
    for days in (30, 90):
        yield "spend_%dd" % days, [reader.value(reader.window("purchase", days))]
    yield "spend_fading", [reader.fading()]
    if not is_free:
        yield "orders", [reader.profile.orders]
    yield "first_purchase", reader.times(min, "purchase")
    yield "last_purchase", reader.times(max, "purchase")
    yield "purchase_times", sorted({event.time for event in purchases})[-32:]
    yield "active_days", reader.active_days()
    yield "hours", reader.hours()
    values = []
    for time_s, item, kind, heaviness, session in reader.history():
        values += [time_s * 1000, escape(item.decode()), TYPES[kind], heaviness] + ([] if is_free else [session])
    yield "history", values
    if not is_free:
        latest = max((event.time for event in purchases), default=None)
        yield "rfm", [] if latest is None else [(reader.at - latest) // DAY_MS, reader.profile.orders, reader.spend()]


# ---- the dump ----

def escape(name):
    for plain, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        name = name.replace(plain, written)
    return name


def line(*fields):
    return "\t".join(map(str, fields)).encode() + b"\n"


def show_profiles(profiles, at, is_free):
    for profile in sorted(profiles, key=lambda each: (each.who.encode(), each.is_anonymous)):
        name = ("\\a" if profile.is_anonymous else "") + escape(profile.who)
        for feature, values in features(Reader(profile, at), is_free):
            yield line(name, feature, *values)
        if not is_free:
            yield line(name, "@record", *profile.record)


def show_trending(events, at):
    items = defaultdict(list)
    for event in events:
        if event.type in TRENDING and event.item:
            items[event.item].append(event.time // HOUR_MS)
    for item in sorted(items, key=str.encode):
        counts = Counter(hour for hour in items[item] if at // HOUR_MS - 191 <= hour <= at // HOUR_MS)
        yield line("\\p", "trending", escape(item), len(items[item]), *[n for h in sorted(counts) for n in (h, counts[h])])


def commerce_kind(event):
    if event.type == "custom":
        return "adjustment" if event.name == "adjustment" else None
    return event.type if event.type in ("purchase", "refund") else None


def commerce_sums(label, some, is_free):
    kinds = ("purchase", "refund", "adjustment")
    split = [[event for event in some if commerce_kind(event) == kind] for kind in kinds]
    orders = [] if is_free else [sum(event.type == "purchase" and event.begins_order for event in some)]
    return line("\\p", "commerce", label, *[wrap(sum(event.value for event in part)) for part in split],
                *[len(part) for part in split], *orders)


def show_commerce(events, profiles, is_free):
    trade = defaultdict(list)
    for event in events:
        if commerce_kind(event):
            trade[day(event.time)].append(event)
    for when in sorted(trade):
        yield commerce_sums(when, trade[when], is_free)
    yield commerce_sums("total", [event for when in trade for event in trade[when]], is_free)
    yield line("\\p", "customers", sum(not each.is_anonymous and any(event.type == "purchase" for event in each.events)
                                       for each in profiles))


COUNTERS = ("first_offset next_offset applied duplicate late poison opted_out erased control gap late_applied lines "
            "lines_applied lines_duplicate lines_late lines_opted_out lines_erased lines_moved_out lines_moved_in").split()


def show_partition(partition):
    for name in COUNTERS:
        yield line("\\s", partition.number, name, partition.counters[name])
    newest, watermark = partition.newest, partition.watermark()
    yield line("\\s", partition.number, "times", "-" if newest is None else newest, "-" if watermark is None else watermark)
    ids = partition.ids
    if watermark is not None:
        ids.advance(watermark)
    for bucket in sorted(ids.buckets):
        yield line("\\s", partition.number, "dedup", *bucket, len(ids.buckets[bucket]))
    for span in sorted(ids.evicted):
        yield line("\\s", partition.number, "dedup_evicted", span, ids.evicted[span])
    yield line("\\s", partition.number, "links", len(partition.links))
    for source in sorted(source for source in partition.marks if partition.marks[source] > 0):
        yield line("\\s", partition.number, "mark", source, partition.marks[source])


def dump(partitions, is_free):
    """The lines of the canonical dump."""
    events = [event for partition in partitions for event in partition.events]
    profiles = [profile for partition in partitions for profile in partition.profiles.values() if profile.events]
    at = max((partition.newest for partition in partitions if partition.newest is not None), default=0)
    yield from show_profiles(profiles, at, is_free)
    yield from show_trending(events, at)
    yield from show_commerce(events, profiles, is_free)
    if not is_free:
        for partition in partitions:
            yield from show_partition(partition)


# ---- the frozen log ----

def murmur2(key):
    """As Kafka's Java producer hashes a key."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at:at + 4], "little") * m & mask
        h = h * m & mask ^ (k ^ k >> 24) * m & mask
    if whole < len(key):
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


@lru_cache(1 << 16)
def partition_of(key, partitions):
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def profile_key(value, log_ms):
    """The id that a record would be keyed by; empty when it is none."""
    try:
        return Dialect("native").events(value, log_ms)[0].who.encode()
    except Poison:
        return b""


def read(path, count=1):
    """The partitions of the file, every record applied."""
    partitions = [Partition(number, "native") for number in range(count)]
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")[:-1]
    keyless = 0
    for number, value in enumerate(lines):
        log_ms = LOG_START_MS + number * LOG_STEP_MS
        key = profile_key(value, log_ms)
        at = partition_of(key, count) if key else keyless % count  # without a key: in turn
        keyless += not key
        partitions[at].apply(value, log_ms)
    return partitions


def main():
    count = next((int(word.split("=")[1]) for word in sys.argv[2:] if re.fullmatch("partitions=[0-9]+", word)), 1)
    sys.stdout.buffer.writelines(dump(read(sys.argv[1], count), "free" in sys.argv[2:]))


if __name__ == "__main__":
    main()

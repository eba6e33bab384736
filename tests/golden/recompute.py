#!/usr/bin/env python3
"""The canonical dump of a log, worked out from the written rules alone.

    recompute.py events.ndjson [free] [partitions=N]

It keeps every event and reads each feature off all of them, by the sentences of docs/ on events, on what
becomes of a record, on links and on the canonical dump.  It shares no line with the engine and none of its
methods: no fingerprints, no eviction, no record layout, no merging of summaries.  Record n of the file is
written at LOG_START_MS + n * LOG_STEP_MS, to the partition of its key.  `free` prints the order-free dump.
"""
import base64
import re
import sys
from collections import Counter, defaultdict
from datetime import datetime, timezone
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


def share(half_life, age):
    """What is left after some days, in 2^-30."""
    return round(2 ** (-(age % half_life) / half_life) * 2**30) >> age // half_life if age < 10 * half_life else 0


def towards_zero(number, divisor):
    return number // divisor if number >= 0 else -(-number // divisor)


class Top:
    """Words with weights in 1/256, each as of a day; a few places only."""

    def __init__(self, places, half_life=30):
        self.places, self.half_life, self.entries = places, half_life, []

    def faded(self, weight, age):
        return weight if age <= 0 else (weight * share(self.half_life, age) + 2**29) >> 30

    def joined(self, a, b):
        when = max(a[2], b[2])
        return [a[0], min(self.faded(a[1], when - a[2]) + self.faded(b[1], when - b[2]), 2**24 - 1), when]

    def find(self, word):
        return next((i for i, each in enumerate(self.entries) if each[0] == word), None)

    def weakest(self, when):
        return min(range(len(self.entries)), key=lambda i: (self.faded(self.entries[i][1], when - self.entries[i][2]), i))

    def take(self, word, time):
        fresh, at = [word, 256, min(day(time), 65535)], self.find(word)
        if at is not None:
            self.entries[at] = self.joined(self.entries[at], fresh)
        elif len(self.entries) < self.places:
            self.entries.append(fresh)
        else:
            when = max(each[2] for each in [*self.entries, fresh])
            at = self.weakest(when)
            if self.faded(self.entries[at][1], when - self.entries[at][2]) <= self.faded(256, when - fresh[2]):
                self.entries[at] = fresh

    def merge(self, other):
        for entry in other.entries:
            at = self.find(entry[0])
            if at is None:
                self.entries.append(list(entry))
            else:
                self.entries[at] = self.joined(self.entries[at], entry)
        while len(self.entries) > self.places:
            del self.entries[self.weakest(max(each[2] for each in self.entries))]

    def read(self, at):
        read = [(e[1] * share(self.half_life, max(day(at) - e[2], 0)) * 10**6 >> 38, e[0]) for e in self.entries]
        return ranked(read)


def ranked(weights, most=1000):
    """[(weight, word)] as values, the strongest first."""
    kept = sorted((w for w in weights if w[0] > 0), key=lambda w: (-w[0], w[1].encode()))[:most]
    return [value for weight, word in kept for value in (escape(word), weight)]


class Points:
    CAP, EXPIRES = 200, 365

    def __init__(self):
        self.lots, self.day, self.earned = {}, 0, 0

    def take(self, event):
        when, units = day(event.time), towards_zero(event.value, 100)
        for old in [lot for lot in self.lots if lot + self.EXPIRES <= when]:
            if all(other + self.EXPIRES <= when for other in self.lots if other < old):
                del self.lots[old]
        if event.type == "redeem":
            for lot in sorted(self.lots):
                taken = min(units, self.lots[lot])
                self.lots[lot] -= taken
                units -= taken
                if not self.lots[lot]:
                    del self.lots[lot]
            return
        gain = {"purchase": units, "review": 20, "login": 2}[event.type]
        if gain <= 0:
            return
        mark = min(when + 1, 65535)
        if mark > self.day:
            self.day, self.earned = mark, 0
        before = self.earned if mark == self.day else self.lots.get(when, 0)
        taken = min(gain, max(self.CAP - before, 0))
        self.earned += taken if mark == self.day else 0
        if taken and (when in self.lots or len(self.lots) < self.EXPIRES + 1):
            self.lots[when] = self.lots.get(when, 0) + taken

    def merge(self, other):
        for when, points in other.lots.items():
            self.lots[when] = self.lots.get(when, 0) + points
        for old in sorted(self.lots)[:max(len(self.lots) - self.EXPIRES - 1, 0)]:
            del self.lots[old]
        if other.day > self.day:
            self.day, self.earned = other.day, other.earned
        elif other.day == self.day:
            self.earned = min(self.earned + other.earned, 65535)

    def read(self, at):
        return sum(points for when, points in self.lots.items() if when + self.EXPIRES > day(at))


class Growth:
    HALF_LIFE = 180

    def __init__(self):
        self.value, self.day = 0, 0

    def join(self, value, when):
        later = max(when, self.day)
        self.value = self.faded(self.value, later - self.day) + self.faded(value, later - when) if self.day else value
        self.day = later

    def faded(self, value, age):
        return value if age <= 0 else towards_zero(value * share(self.HALF_LIFE, age), 2**30)

    def take(self, event):
        gain = towards_zero(event.value, 100) if event.type == "purchase" else 1
        self.join(gain * 65536, min(day(event.time) + 1, 65535))

    def merge(self, other):
        if other.day:
            self.join(other.value, other.day)

    def read(self, at):
        return towards_zero(self.faded(self.value, day(at) + 1 - self.day), 65536)


class Credit:
    def __init__(self):
        self.sum, self.start, self.run = 0, 0, 0

    def take(self, event):
        self.sum += {"purchase": 2, "review": 1, "refund": -5}[event.type]
        if event.type != "purchase":
            return
        time_s = event.time // 1000
        is_within = self.run and 0 <= time_s - self.start < 3600
        if not is_within and (not self.run or time_s > self.start):
            self.start, self.run = time_s, 0
        self.run += 1
        if self.run == 21:
            self.sum -= 40

    def merge(self, other):
        self.sum += other.sum
        if other.run and (not self.run or other.start > self.start):
            self.start, self.run = other.start, other.run

    def read(self, _):
        return max(300, min(850, 600 + self.sum))


SCORED = {"points": ("purchase", "review", "login", "redeem"), "growth": ("purchase", "login"),
          "credit": ("purchase", "refund", "review")}


class Profile:
    """All events of one id, and what depends on the order of arrival: visits, orders, ids seen beside it."""

    def __init__(self, who, is_anonymous):
        self.who, self.is_anonymous = who, is_anonymous
        self.noted = []
        self.restart()

    def restart(self):
        self.events, self.newest, self.sessions = [], None, 0
        self.orders, self.known_orders, self.record = 0, [], None
        self.start, self.open, self.closed, self.bounces = 0, 0, 0, 0
        self.tops = {"device": Top(2), "channel": Top(2)}
        self.scores = {"points": Points(), "growth": Growth(), "credit": Credit()}

    def close_visit(self, end):
        self.closed += end // 1000 - self.start
        self.bounces += self.open == 1
        self.open = 0

    def know(self, order):
        """Whether the order id is a new one."""
        if order in self.known_orders:
            return False
        self.known_orders = [*self.known_orders, order][-ORDERS_KNOWN:]
        return True

    def take(self, event):
        if self.newest is None or event.time - self.newest > VISIT_GAP_MS:
            self.sessions = min(self.sessions + 1, SESSIONS_MOST)
            if self.open:
                self.close_visit(self.newest)
            self.start = event.time // 1000
        self.open += 1
        self.newest = event.time if self.newest is None else max(self.newest, event.time)
        event.session = self.sessions
        event.begins_order = event.type == "purchase" and (self.know(event.order) if event.order else event.line == 0)
        self.orders += event.begins_order
        for field, top in self.tops.items():
            if event.words[field]:
                top.take(event.words[field], event.time)
        for name, score in self.scores.items():
            if event.type in SCORED[name]:
                score.take(event)
        self.events.append(event)

    def merge(self, moved):
        """Everything another profile held when it was moved here."""
        self.merge_visits(moved)
        for name, top in self.tops.items():
            top.merge(moved.tops[name])
        for name, score in self.scores.items():
            score.merge(moved.scores[name])
        self.events += moved.events
        self.sessions = min(self.sessions + moved.sessions, SESSIONS_MOST)
        self.newest = moved.newest if self.newest is None else max(self.newest, moved.newest)
        self.orders += moved.orders - sum(not self.know(order) for order in moved.known_orders)


    def merge_visits(self, moved):
        """The later of the two open visits stays open."""
        if not moved.open:
            return
        is_later = self.newest is None or moved.newest > self.newest
        later, earlier, end = (moved, self, self.newest) if is_later else (self, moved, moved.newest)
        kept = Profile(None, False)
        kept.start, kept.open, kept.closed, kept.bounces = earlier.start, earlier.open, earlier.closed, earlier.bounces
        if kept.open:
            kept.close_visit(end)
        self.start, self.open = later.start, later.open
        self.closed, self.bounces = later.closed + kept.closed, later.bounces + kept.bounces


class Partition:
    """The records of one partition, applied one after the other."""

    def __init__(self, number, dialect="auto", ids_most=IDS_MOST):
        self.number, self.dialect, self.ids = number, Dialect(dialect), Ids(ids_most)
        self.counters = Counter()
        self.item_words = {}  # (item, field): (second, text) of the latest
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
        profile.partition = self
        event.sold_as = event.words["category"] or self.item_words.get((event.item, "category"), (0, b""))[1].decode()
        if event.item and (event.type in QUOTAS or event.type in TRENDING or event.type == "impression"):
            for field, word in (*((f, event.words[f]) for f in ("category", "brand")), ("band", band(event.price))):
                if word:
                    said = event.time // 1000, word.encode()
                    self.item_words[event.item, field] = max(said, self.item_words.get((event.item, field), said))
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
            profile.partition = self
            profile.record = self.counters["next_offset"], time
            self.counters["lines_moved_in"] += len(moved.events)
        self.passed("control")


# ---- features ----

def wrap(number):
    return (number + 2**63) % 2**64 - 2**63


def day(time_ms):
    return time_ms // DAY_MS


def month(time_ms):
    date = datetime.fromtimestamp(min(time_ms, 250_000_000_000_000) // 1000, timezone.utc)
    return (date.year - 1970) * 12 + date.month - 1


def day_of(a_month):
    return (datetime(1970 + a_month // 12, a_month % 12 + 1, 1) - datetime(1970, 1, 1)).days


LEVELS = [("newcomer", 0), ("bronze", 100), ("silver", 500), ("gold", 2000), ("platinum", 8000), ("diamond", 30000)]
GRADES = [("D", 300), ("C", 500), ("B", 600), ("A", 700), ("AA", 780)]


def level(score, levels):
    return [name for name, begins in levels if begins <= score or name == levels[0][0]][-1]


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

    def months(self, *types):
        months = sorted({month(e.time) for e in (self.of(*types) if types else self.events)})
        return [day_of(each) for each in months if each > months[-1] - 48]

    def visits(self):
        p = self.profile
        if not p.open:
            return []
        seconds = p.closed + p.newest // 1000 - p.start
        return [p.sessions, seconds // p.sessions, len(p.events) * 10**6 // p.sessions, p.bounces, p.start * 1000]

    def history_top(self, field, types, most, half_life):
        weights = Counter()
        for time_s, item, kind, _, _ in self.history():
            word = self.profile.partition.item_words.get((item.decode(), field))
            if word and TYPES[kind] in types:
                weights[word[1].decode()] += share(half_life, max(day(self.at) - day(time_s * 1000), 0))
        return ranked([(total * 10**6 >> 30, word) for word, total in weights.items()], most)

    def stage(self):
        times = [event.time for event in self.events]
        silent, age = self.at - max(times), self.at - min(times)
        bought = [t for t in sorted({e.time for e in self.of("purchase")})[-32:] if 0 <= self.at - t < 60 * DAY_MS]
        days = sorted({day(t) for t in times})
        back = any(b <= day(self.at) and day(self.at) - b < 30 and b - a >= 30 for a, b in zip(days, days[1:]))
        return ("lost" if silent >= 120 * DAY_MS else "dormant" if silent >= 30 * DAY_MS else "new" if age < 30 * DAY_MS
                else "returned" if back else "growing" if len(bought) >= 2 else "active")

    def history(self):
        entries = [(e.time // 1000, e.item.encode(), TYPES.index(e.type), weight(e), e.session)
                   for e in self.events if e.type in QUOTAS and e.item]
        kept = []
        for kind, quota in QUOTAS.items():
            kept += sorted(entry for entry in entries if TYPES[entry[2]] == kind)[-quota:]
        return sorted(kept)


BANDS = [(500, "0-5"), (1000, "5-10"), (2000, "10-20"), (5000, "20-50"), (10000, "50-100"), (20000, "100-200"),
         (50000, "200-500"), (100000, "500-1000"), (200000, "1000-2000"), (500000, "2000-5000")]


def band(price):
    return "" if price <= 0 else next((name for below, name in BANDS if price < below), "5000-")


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
    yield "active_months", reader.months()
    yield "purchase_months", reader.months("purchase")
    yield "hours", reader.hours()
    if not is_free:
        yield "visits", reader.visits()
        yield "devices", reader.profile.tops["device"].read(reader.at)
        yield "channels", reader.profile.tops["channel"].read(reader.at)
    values = []
    for time_s, item, kind, heaviness, session in reader.history():
        values += [time_s * 1000, escape(item.decode()), TYPES[kind], heaviness] + ([] if is_free else [session])
    yield "history", values
    if not is_free:
        yield "interests", reader.history_top("category", QUOTAS, 16, 30)
        yield "brands", reader.history_top("brand", QUOTAS, 8, 30)
        yield "price_bands", reader.history_top("band", ("purchase",), 6, 90)
        latest = max((event.time for event in purchases), default=None)
        yield "rfm", [] if latest is None else [(reader.at - latest) // DAY_MS, reader.profile.orders, reader.spend()]
        growth, points, credit = (reader.profile.scores[name].read(reader.at) for name in ("growth", "points", "credit"))
        yield from (("growth_value", [growth]), ("points", [points]), ("credit", [credit]))
        yield "member_level", [level(growth, LEVELS)]
        yield "credit_grade", [level(credit, GRADES)]
    yield "lifecycle", [reader.stage()]


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


def quality(events):
    """item: impressions, clicks, shares, reviews, ratings and their sum."""
    received = defaultdict(lambda: [0] * 6)
    for event in events:
        is_rated = event.type in ("rate", "review") and event.rating > 0
        if event.item and (is_rated or event.type in ("impression", "click", "share", "review")):
            for place, kind in enumerate(("impression", "click", "share", "review")):
                received[event.item][place] += event.type == kind
            received[event.item][4] += is_rated
            received[event.item][5] += event.rating if is_rated else 0
    return received


def shown_at(event):
    """Where an event's item was shown: placement, source, variant."""
    text = event.shown[2:] if event.shown.startswith("r_") else ""
    start = [spelt(text, index) for index in range(18)]
    if None in start or start[0] != 1:
        return (crc32c(event.placement.encode()), 255, 0) if event.placement else None
    place = event.position - 1
    pair = spelt(text, 18 + place // 2) if 0 <= place < start[1] else None
    return int.from_bytes(bytes(start[2:6]), "little"), 255 if pair is None else pair >> place % 2 * 4 & 15, start[17]


def spelt(text, index):
    """A byte of what a text spells in base64url, if its two letters are there."""
    first = 8 * index // 6
    letters = text[first:first + 2]
    if not re.fullmatch("[A-Za-z0-9_-]{2}", letters, re.ASCII):
        return None
    return base64.urlsafe_b64decode("A" * (first % 4) + letters + "A" * (2 - first % 4))[index % 3]


def crc32c(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


def show_sales(events):
    """Order by order of what was sold: by the hour, by category, by channel."""
    rows = defaultdict(lambda: [0] * 5)
    for event in events:
        if event.type not in ("purchase", "refund"):
            continue
        local = max(event.time, 0)
        for by, what in ((0, local // HOUR_MS % 24), (1, event.sold_as.encode()), (2, event.words["channel"].encode())):
            row = rows[day(event.time), by, what]
            place = event.type == "refund"
            row[place] += event.value
            row[2 + place] += 1
            row[4] += event.type == "purchase" and event.begins_order
    for when, by, what in sorted(rows, key=lambda key: key[:2] + ((key[2], b"") if key[1] == 0 else (0, key[2]))):
        name = what if by == 0 else escape(what.decode()) or "-"
        row = rows[when, by, what]
        yield line("\\p", "sales", when, ("hour", "category", "channel")[by], name, wrap(row[0]), wrap(row[1]), *row[2:])


def show_exposures(events):
    kinds = {"impression": 0, "click": 1, "view": 2, "cart_add": 3, "purchase": 4}
    rows = defaultdict(lambda: [0] * 6)
    for event in events:
        where = shown_at(event)
        if where is None or event.type not in (*kinds, "refund"):
            continue
        row = rows[(max(day(event.time), 0), *where)]
        if event.type in kinds:
            row[kinds[event.type]] += 1
        row[5] += {"purchase": 1, "refund": -1}.get(event.type, 0) * event.value
    for key in sorted(rows):
        yield line("\\p", "exposure", *key, *rows[key][:5], wrap(rows[key][5]))


def show_trending(partitions, events, at):
    words = {}
    for partition in partitions:
        for key, said in partition.item_words.items():
            words[key] = max(said, words.get(key, said))
    items = defaultdict(list)
    for item, _ in words:
        items[item]
    for event in events:
        if event.type in TRENDING and event.item:
            items[event.item].append(event.time // HOUR_MS)
    received = quality(events)
    for item in received:
        items[item]
    for item in sorted(items, key=str.encode):
        said = [words.get((item, field)) for field in ("category", "brand", "band")]
        if any(said):
            yield line("\\p", "item", escape(item), *[escape(word[1].decode()) if word else "-" for word in said])
        if item in received:
            yield line("\\p", "quality", escape(item), *received[item])
        if not items[item]:
            continue
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
    yield from show_trending(partitions, events, at)
    yield from show_commerce(events, profiles, is_free)
    yield from show_exposures(events)
    if not is_free:
        yield from show_sales(events)
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

#!/usr/bin/env python3
"""The canonical dump of a log, worked out from the written rules alone: `recompute.py events.ndjson [free]`.

It keeps every event and reads each feature off all of them, by the sentences on native events and on the
canonical dump in docs/ (FORMATS).  It shares no line with the engine and none of its methods: no
buckets, no eviction, no record layout.  Record n of the file is record n of partition 0, written at
LOG_START_MS + n * LOG_STEP_MS.  `free` prints the order-free dump.
"""
import json
import re
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from fractions import Fraction

LOG_START_MS = 1748736000000
LOG_STEP_MS = 6 * 3600 * 1000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
AHEAD_MS, LATENESS_MS, VISIT_GAP_MS = 300_000, 600_000, 1_800_000
ID_BYTES, RECORD_BYTES, DEPTH, LINES, QUANTITY = 128, 32768, 8, 1000, 10**9
TYPES = ["", "view", "click", "search", "list_view", "cart_add", "cart_remove", "wishlist", "checkout", "purchase",
         "refund", "rate", "review", "share", "login", "impression", "redeem", "identify", "custom"]
IDS = ["user_id", "anonymous_id", "session_id", "event_id", "order_id", "currency", "name", "device", "channel",
       "campaign", "geo", "recommendation_id", "placement"]
QUOTAS = {"view": 120, "cart_add": 20, "wishlist": 20, "purchase": 60, "rate": 60}
TRENDING = {"view", "click", "cart_add", "wishlist", "purchase", "rate", "review", "share"}


# ---- native events ----

class Poison(Exception):
    pass


class Number(str):
    """A JSON number as it was written: an id may be one, and amounts are read exactly."""


def pairs(members):
    result = dict(members)
    if len(result) < len(members):
        raise Poison("the same key twice")
    return result


def refuse(constant):
    raise Poison(constant)


def depth(value):
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)


def parse(line):
    if not line or len(line) > RECORD_BYTES:
        raise Poison("empty or too large")
    try:
        value = json.loads(line.decode(), object_pairs_hook=pairs, parse_int=Number, parse_float=Number,
                           parse_constant=refuse)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no character
    except ValueError as error:
        raise Poison(str(error)) from error
    if not isinstance(value, dict) or depth(value) > DEPTH:
        raise Poison("no object, or too deep")
    return value


def text(members, key):
    value = members.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Poison(key)
    return str(value)


def identifier(members, key):
    value = text(members, key)
    if len(value.encode()) > ID_BYTES:
        raise Poison(key)
    return value


def decimal(written):
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", written):
        raise Poison(written)
    return Fraction(written)


def cents(amount):
    return round(amount * 100)  # of a Fraction: exact, halves to even


def whole(written):
    number = decimal(written)
    if number.denominator != 1 or abs(number) > QUANTITY:
        raise Poison(written)
    return int(number)


def time_of(written):
    if re.fullmatch(r"-?[0-9]+", written):
        time_ms = int(written)
    else:
        match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[-+]\d\d:\d\d)", written)
        try:
            moment = datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc)
        except (TypeError, ValueError) as error:
            raise Poison(written) from error
        if match[3] != "Z":
            ahead = timedelta(hours=int(match[3][1:3]), minutes=int(match[3][4:]))
            moment -= ahead if match[3][0] == "+" else -ahead
        seconds = (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)
        time_ms = seconds * 1000 + int(((match[2] or "0") + "000")[:3])
    if time_ms < 0:
        raise Poison(written)
    return time_ms


class Event:
    pass


def put_line(event, members, defaults):
    event.item = identifier(members, "item_id")
    for key in ("category", "brand"):
        identifier(members, key) or identifier(defaults, key)
    written = {key: text(members, key) for key in ("quantity", "price", "value", "position")}
    event.quantity = whole(written["quantity"]) if written["quantity"] else 1
    price = decimal(written["price"]) if written["price"] else Fraction(0)
    event.value = cents(decimal(written["value"])) if written["value"] else cents(event.quantity * price)
    if written["position"] and whole(written["position"]) < 0:
        raise Poison("position")
    is_adjustment = event.type == "custom" and event.name == "adjustment"
    if not is_adjustment and min(event.quantity, price, event.value) < 0:
        raise Poison("a negative amount")
    return written["price"] != "" or written["value"] != ""


def head(members, log_ms):
    event = Event()
    event.type = text(members, "type")
    if event.type not in TYPES or event.type == "":
        raise Poison("type")
    ids = {key: identifier(members, key) for key in IDS}
    if not ids["user_id"] and not ids["anonymous_id"]:
        raise Poison("nobody")
    event.is_anonymous = not ids["user_id"]
    event.who = ids["user_id"] or ids["anonymous_id"]
    event.shown = ids["anonymous_id"] if ids["user_id"] else ""
    event.order, event.name = ids["order_id"], ids["name"]
    event.time = time_of(text(members, "time")) if text(members, "time") else log_ms
    event.time = min(event.time, log_ms + AHEAD_MS)
    rating = cents(decimal(text(members, "rating"))) if text(members, "rating") else 0
    if rating and not 100 <= rating <= 500:
        raise Poison("rating")
    event.rating = rating
    return event


def events_of(line, log_ms):
    members = parse(line)
    head(members, log_ms)
    lines = members.get("items") if members.get("items") is not None else members.get("lines")
    if lines is not None and not isinstance(lines, list):
        raise Poison("items")
    if lines is not None and len(lines) > LINES:
        raise Poison("too many lines")
    result, is_priced = [], False
    for place, each in enumerate(lines or [members]):
        if not isinstance(each, dict):
            raise Poison("a line")
        event = head(members, log_ms)
        event.line = place
        is_priced |= put_line(event, each, members)
        result.append(event)
    if lines and not is_priced and text(members, "value"):
        whole_order = head(members, log_ms)
        put_line(whole_order, {"value": members["value"]}, {})
        result[0].value = whole_order.value
    return result


# ---- features ----

def wrap(number):
    return (number + 2**63) % 2**64 - 2**63


def day(time_ms):
    return time_ms // DAY_MS


class Reader:
    """One profile: all its events in the log's order, read as of `at`."""

    def __init__(self, events, at):
        self.events, self.at = events, at

    def of(self, *types):
        return [event for event in self.events if not types or event.type in types]

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


def follow_the_log(events):
    """What depends on the order of arrival: a visit's number and whether a line begins an order."""
    newest, session, orders = None, 0, []
    for event in events:
        if newest is None or event.time - newest > VISIT_GAP_MS:
            session = min(session + 1, 65535)
        newest = event.time if newest is None else max(newest, event.time)
        event.session, event.begins_order = session, False
        if event.type != "purchase":
            continue
        if not event.order:
            event.begins_order = event.line == 0
        elif event.order not in orders[-16:]:
            orders.append(event.order)
            event.begins_order = True


def features(reader, is_free):
    """(name, values) in the plan's order."""
    purchases = reader.of("purchase")
    orders = sum(event.begins_order for event in purchases)
    yield "events", [len(reader.events)]
    yield "first_seen", reader.times(min)
    yield "last_seen", reader.times(max)
    if not is_free:
        yield "sessions", [reader.events[-1].session]
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
        yield "orders", [orders]
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
        yield "rfm", [] if latest is None else [(reader.at - latest) // DAY_MS, orders, reader.spend()]


# ---- the dump ----

def escape(name):
    for plain, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        name = name.replace(plain, written)
    return name


def show(*fields):
    sys.stdout.buffer.write("\t".join(map(str, fields)).encode() + b"\n")


def show_profiles(profiles, at, is_free):
    for (who, is_anonymous), events in sorted(profiles.items(), key=lambda each: (each[0][0].encode(), each[0][1])):
        name = ("\\a" if is_anonymous else "") + escape(who)
        for feature, values in features(Reader(events, at), is_free):
            show(name, feature, *values)
        if not is_free:
            show(name, "@record", events[-1].offset, events[-1].time)


def show_trending(events, at):
    items = defaultdict(list)
    for event in events:
        if event.type in TRENDING and event.item:
            items[event.item].append(event.time // HOUR_MS)
    for item in sorted(items, key=str.encode):
        counts = Counter(hour for hour in items[item] if at // HOUR_MS - 191 <= hour <= at // HOUR_MS)
        show("\\p", "trending", escape(item), len(items[item]), *[n for h in sorted(counts) for n in (h, counts[h])])


def commerce_kind(event):
    if event.type == "custom":
        return "adjustment" if event.name == "adjustment" else None
    return event.type if event.type in ("purchase", "refund") else None


def show_commerce(events, is_free):
    kinds = ("purchase", "refund", "adjustment")
    trade = [event for event in events if commerce_kind(event)]

    def sums(label, some):
        split = [[event for event in some if commerce_kind(event) == kind] for kind in kinds]
        orders = [] if is_free else [sum(event.type == "purchase" and event.begins_order for event in some)]
        show("\\p", "commerce", label, *[wrap(sum(event.value for event in part)) for part in split],
             *[len(part) for part in split], *orders)

    for when in sorted({day(event.time) for event in trade}):
        sums(when, [event for event in trade if day(event.time) == when])
    sums("total", trade)
    show("\\p", "customers", len({e.who for e in trade if e.type == "purchase" and not e.is_anonymous}))


def show_counters(counters, newest):
    names = ("first_offset next_offset applied duplicate late poison opted_out erased control gap late_applied lines "
             "lines_applied lines_duplicate lines_late lines_opted_out lines_erased lines_moved_out "
             "lines_moved_in").split()
    for name in names:
        show("\\s", 0, name, counters[name])
    show("\\s", 0, "times", *(["-", "-"] if newest is None else [newest, newest - LATENESS_MS]))
    show("\\s", 0, "links", counters["links"])


def read(path):
    """All events in the log's order, and the partition's counters."""
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")[:-1]
    events, counters, newest = [], Counter(next_offset=len(lines)), None
    for offset, line in enumerate(lines):
        try:
            found = events_of(line, LOG_START_MS + offset * LOG_STEP_MS)
        except Poison:
            counters["poison"] += 1
            continue
        for event in found:
            event.offset = offset
        counters["applied"] += 1
        counters["late_applied"] += newest is not None and min(e.time for e in found) < newest - LATENESS_MS
        newest = max([e.time for e in found] + ([] if newest is None else [newest]))
        events += found
    counters["lines"] = counters["lines_applied"] = len(events)
    counters["links"] = count_links(events)
    return events, counters, newest


def count_links(events):
    """How often a user is seen with an anonymous id that is not among the last eight noted."""
    noted, links = defaultdict(list), 0
    for event in events:
        if event.shown and event.shown not in noted[event.who][-8:]:
            noted[event.who].append(event.shown)
            links += 1
    return links


def main():
    is_free = sys.argv[2:] == ["free"]
    events, counters, newest = read(sys.argv[1])
    profiles = defaultdict(list)
    for event in events:
        profiles[event.who, event.is_anonymous].append(event)
    for mine in profiles.values():
        follow_the_log(mine)
    at = newest or 0
    show_profiles(profiles, at, is_free)
    show_trending(events, at)
    show_commerce(events, is_free)
    if not is_free:
        show_counters(counters, newest)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes events.ndjson, the frozen log of the golden tests: `make_events.py > events.ndjson`.

One line a log record, value only; record n was written at LOG_START_MS + n * LOG_STEP_MS.  A crowd of
shoppers with three tastes keeps the file alive (seeded, so the same bytes every time); between them stand
hand-made records, each for one rule of the state: ids that need escapes, every quota overrun, events behind the
watermark and behind the horizon, ids that come again, visitors who say who they are, times that are clamped,
amounts that round to even, order ids that come back, and a record of each poison.  Events at the edges of the
windows, counted from the newest event of all, stand where their time has come.

The file is frozen: whoever changes this script changes every golden answer.
"""
import base64
import json
import random
import struct
import sys

LOG_START_MS = 1748736000000  # 2025-06-01T00:00:00Z
LOG_STEP_MS = 6 * 3600 * 1000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
FINAL_MS = LOG_START_MS + 118 * DAY_MS  # of the newest event
CHAPTER_RECORDS = 28  # of the crowd, between two chapters
TASTES = ["tea", "yarn", "bolt"]
ITEMS_OF_A_TASTE = 12
SHOPPERS = 30

chance = random.Random(20260301)
records, planned = [], []


def now_ms():
    return LOG_START_MS + len(records) * LOG_STEP_MS


def put(kind, user=None, **members):
    event = {"type": kind}
    if user is not None:
        event["user_id"] = user
    event.update({"anonymous_id" if key == "visitor" else key: value for key, value in members.items()})
    event.setdefault("time", now_ms() - 1000)
    if event["time"] is None:
        del event["time"]
    records.append(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())


def put_raw(text):
    records.append(text if isinstance(text, bytes) else text.encode())


def rfc3339(time_ms, offset_minutes):
    days, rest = divmod(time_ms + offset_minutes * MINUTE_MS, DAY_MS)
    # Only days of 2024 and 2025 occur: count them off from 2024-01-01.
    days -= 19723
    year = 2024
    while days >= (366 if year % 4 == 0 else 365):
        days -= 366 if year % 4 == 0 else 365
        year += 1
    lengths = [31, 29 if year % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    month = 0
    while days >= lengths[month]:
        days -= lengths[month]
        month += 1
    sign = "-" if offset_minutes < 0 else "+"
    zone = "Z" if offset_minutes == 0 else "%s%02d:%02d" % (sign, *divmod(abs(offset_minutes), 60))
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03d%s" % (
        year, month + 1, days + 1, rest // HOUR_MS, rest // MINUTE_MS % 60, rest // 1000 % 60, rest % 1000, zone)


def some_time():
    """Mostly fresh; some behind by days, by months or by most of a year, some absent, as text, or ahead."""
    fresh = now_ms() - chance.randrange(5 * HOUR_MS)
    dice = chance.random()
    if dice < 0.10:
        return now_ms() - chance.randrange(DAY_MS, 7 * DAY_MS)
    if dice < 0.14:
        return now_ms() - chance.randrange(7 * DAY_MS, 60 * DAY_MS)
    if dice < 0.16:
        return now_ms() - chance.randrange(200 * DAY_MS, 330 * DAY_MS)
    if dice < 0.21:
        return None
    if dice < 0.27:
        return rfc3339(fresh, chance.choice([0, 120, -210]))
    if dice < 0.30:
        return now_ms() + 10 * MINUTE_MS
    return str(fresh) if dice < 0.34 else fresh


def some_item(taste):
    if chance.random() < 0.12:
        taste = chance.choice(TASTES)
    return "%s-%02d" % (taste, int(ITEMS_OF_A_TASTE * chance.random() ** 2))


def some_price():
    return chance.choice(["4.99", 12.5, "0.335", 7, "19.995", 1e1, "3.1"])


def crowd_record():
    shopper = chance.randrange(SHOPPERS)
    taste = TASTES[shopper % 3]
    who = {"visitor": "guest-%d" % shopper} if shopper % 5 == 4 else {"user": "shopper-%02d" % shopper}
    kind = chance.choices(["view", "cart_add", "purchase", "wishlist", "rate", "refund", "click", "search", "login",
                           "review", "share", "impression"],
                          [30, 12, 24, 6, 8, 4, 4, 3, 3, 2, 2, 2])[0]
    event = {"time": some_time(), **who}
    if kind in ("purchase", "refund") and chance.random() < 0.8:
        event["order_id"] = "order-%d-%d" % (shopper, chance.randrange(6))
    if kind in ("purchase", "view") and chance.random() < 0.6:
        event["items" if chance.random() < 0.7 else "lines"] = [
            {"item_id": some_item(taste), "quantity": chance.choice([1, 1, 2, "3", 12]), "price": some_price()}
            for _ in range(chance.randrange(2, 6))]
    elif kind in ("purchase", "refund"):
        event.update(item_id=some_item(taste), quantity=chance.choice([1, 2, 3]), price=some_price())
    elif kind == "search":
        event["query"] = "something " + taste
    elif kind != "login":
        event["item_id"] = some_item(taste)
    if kind == "rate":
        event["rating"] = chance.choice([1, 2.5, "4", 4.5, 5])
    put(kind, **event)


def names_that_need_care():
    """Escapes, numbers as ids, a user and a visitor of one name, both ids at once, ids of the full length."""
    for user in ["tab\tbed", "back\\slash", "line\nfeed", "carriage\rreturn", "\\a", "zoë", "日本", "x" * 128]:
        put("view", user, item_id="odd\titem\\" + user[:3])
    put("view", 42, item_id=7)
    put("view", "42", item_id="7")
    put("view", "twin", item_id="tea-00")
    put("purchase", visitor="twin", item_id="tea-01", price="1.00")
    put("purchase", "twin", visitor="twin", item_id="tea-02", price="2.00")
    put("login", "quiet")
    put("refund", "only-refunds", item_id="bolt-03", value="5.55")


def more_than_is_kept():
    """`heavy` overruns the quota of each type of history, the purchase times and the order ids."""
    for visit in range(4):
        put("view", "heavy", items=[{"item_id": "yarn-%02d" % (n % 12), "quantity": n} for n in range(35)])
    for kind, older in (("cart_add", 6 * DAY_MS), ("wishlist", HOUR_MS)):
        put(kind, "heavy", items=[{"item_id": "bolt-%02d" % n} for n in range(22)])
        newest = now_ms() - LOG_STEP_MS - 1000
        put(kind, "heavy", time=newest - older, items=[{"item_id": "late-%02d" % n} for n in range(3)])
    for rating in (3, "4.5"):
        put("rate", "heavy", rating=rating,
            lines=[{"item_id": "tea-%02d" % (n % 12), "quantity": n + 1} for n in range(33)])
    for n in range(36):
        put("purchase", "heavy", time=now_ms() - (n * 7 % 36) * HOUR_MS - n % 2, order_id="heavy-%d" % (n % 19),
            items=[{"item_id": "yarn-%02d" % (n % 12), "price": "1.25", "quantity": 300 if n == 3 else n % 3},
                   {"item_id": "yarn-%02d" % (n * 5 % 12), "price": "0.75"}])
    put("purchase", "heavy", time=now_ms() - 2 * DAY_MS, order_id="heavy-0", item_id="tea-11", price=3)
    put("purchase", "heavy", time=now_ms() - 6 * DAY_MS, order_id="heavy-18", item_id="tea-10", price=3)


def visits():
    """Half an hour to the millisecond is one visit, a millisecond more another; older events never begin one."""
    start = now_ms() - 3 * HOUR_MS
    for after in (0, 30 * MINUTE_MS, 60 * MINUTE_MS + 1, 10 * MINUTE_MS, 90 * MINUTE_MS + 1, 21 * MINUTE_MS):
        put("view", "visitor-of-visits", item_id="tea-03", time=start + after)


def edges():
    """Planned: the newest event of all is among them, the others lie at the edges of the windows."""
    for days in (0, 1, 6, 7, 29, 30, 89, 90, 127, 128, 179, 180, 299, 300, 329):
        plan("purchase", FINAL_MS - days * DAY_MS, "edges", item_id="yarn-04", value="1%d.01" % days)
        plan("view", FINAL_MS - days * DAY_MS, "edges", item_id="yarn-05")
    for hours in (0, 5, 6, 167, 168, 190, 191, 192):
        plan("click", FINAL_MS - hours * HOUR_MS, visitor="edge-of-trending", item_id="bolt-00")


def horizons():
    """To the millisecond: the last time that is still applied, and the first one that is too late."""
    for kind, horizon in (("view", HOUR_MS), ("purchase", 7 * DAY_MS)):
        put(kind, "punctual", item_id="tea-05", time=now_ms() - HOUR_MS)
        newest = now_ms() - LOG_STEP_MS - HOUR_MS
        floor = newest - 10 * MINUTE_MS - horizon
        for behind in (0, 1, -1):
            put(kind, "punctual", item_id="tea-06", event_id="%s-%d" % (kind, behind), time=floor - behind)
        # Two lines of one record are judged by the watermark before it: the first does not move it for the second.
        put(kind, "punctual", items=[{"item_id": "tea-07"}, {"item_id": "tea-08"}], event_id=kind + "-two")


def again():
    """Ids that come again: as they were, with another time or type, with more lines, after they are forgotten."""
    start = now_ms()
    put("purchase", "again", event_id="one", order_id="a1", item_id="tea-01", price=5, time=start)
    for time_ms in (start, start, start + HOUR_MS):
        put("purchase", "again", event_id="one", order_id="a1", item_id="tea-01", price=5, time=time_ms)
    put("view", "again", event_id="one", item_id="tea-01")
    put("purchase", "someone-else", event_id="one", item_id="tea-01", price=5)
    lines = [{"item_id": "yarn-%02d" % n, "price": n} for n in range(4)]
    put("purchase", "again", event_id="many", order_id="a2", items=lines[:2])
    put("purchase", "again", event_id="many", order_id="a2", items=lines)
    put("purchase", "again", event_id="many", order_id="a2", items=lines[1:3])
    for _ in range(2):
        put("purchase", "again", order_id="a3", item_id="tea-02", price=1)  # no id: two purchases
        put("view", "again", event_id="short", item_id="tea-02")  # forgotten after an hour
        put("login", "again", event_id="", time=now_ms())
    put("view", "again", event_id="tail", item_id="tea-03", time=now_ms() - 4 * HOUR_MS)
    put("view", "again", event_id="tail", item_id="tea-03", time=now_ms() - LOG_STEP_MS - 4 * HOUR_MS - 55 * MINUTE_MS)
    for days in (6, 8):  # the long memory from within and from behind
        put("purchase", "again", event_id="one", item_id="tea-01", price=5, time=start + days * DAY_MS - HOUR_MS)


def known_at_last():
    """A visitor who says who they are; nine ids of one user, of which eight are noted; pairs that do not count."""
    for n in range(3):
        put("view", visitor="stranger", item_id="bolt-%02d" % n)
    put("purchase", visitor="stranger", order_id="s1", item_id="bolt-01", price=9)
    put("login", "known", visitor="stranger", event_id="hello")
    put("login", "known", visitor="not-this-one", event_id="hello")
    put("login", "known", visitor="stranger")
    put("login", "known", visitor="nor-this", time=now_ms() - 2 * DAY_MS)
    put("purchase", "known", visitor="shared", items=[{"item_id": "bolt-02"}, {"item_id": "bolt-03"}])
    put("login", "another", visitor="shared")
    for n in [*range(9), 0, 8]:
        put("view", "many-devices", visitor="device-%d" % n, item_id="bolt-04")


def amounts():
    """Halves go to the even cent, after multiplying; an order's value; corrections with their sign."""
    for price, quantity in (("0.125", 1), ("0.135", 1), ("0.335", 3), ("0.005", 5), ("2.675", 2), (1e1, 3), ("1.1", 0)):
        put("purchase", "cents", item_id="bolt-01", price=price, quantity=quantity)
    put("purchase", "cents", order_id="bundle", value="33.335", category="kits",
        items=[{"item_id": "bolt-01"}, {"item_id": "bolt-02", "quantity": 2}])
    put("purchase", "cents", order_id="bundle", value="99", items=[{"item_id": "bolt-03", "value": "1.50"}, {}])
    put("purchase", "cents", items=[], item_id="bolt-04", price="1.01", value="1")
    put("purchase", "cents", items=[{"price": "2"}, {"item_id": "bolt-05", "price": "2"}])
    put("refund", "cents", order_id="bundle", item_id="bolt-01", quantity=1, price="16.67")
    put("custom", "cents", name="adjustment", item_id="bolt-01", quantity=-2, price="1.255")
    put("custom", visitor="till", name="adjustment", value="-0.01")
    put("custom", "cents", name="newsletter", value="8")
    put("review", "cents", item_id="bolt-01", rating=4, text="holds")


def poison():
    deep = "[" * 8 + "]" * 8
    for line in ['', '{', '[1]', '"text"', b'{"type":"view","user_id":"\xff"}', '{"type":"view","user_id":"\\ud800"}',
                 '{"type":"view","user_id":"p","user_id":"q"}', '{"type":"view","user_id":"p","x":%s}' % deep,
                 '{"type":"view","item_id":"tea-00"}', '{"type":"view","user_id":""}',
                 '{"type":"view","user_id":"%s"}' % ("x" * 129), '{"type":"view","user_id":true}',
                 '{"type":"stare","user_id":"p"}', '{"user_id":"p"}', '{"type":"erase","user_id":"p"}',
                 '{"type":"view","user_id":"p","time":"yesterday"}', '{"type":"view","user_id":"p","time":-1}',
                 '{"type":"view","user_id":"p","time":"2025-02-30T00:00:00Z"}',
                 '{"type":"rate","user_id":"p","rating":5.01}', '{"type":"view","user_id":"p","quantity":1.5}',
                 '{"type":"purchase","user_id":"p","price":"-1"}', '{"type":"purchase","user_id":"p","value":NaN}',
                 '{"type":"purchase","user_id":"p","price":"1,50"}',
                 '{"type":"purchase","user_id":"p","items":{"item_id":"a"}}',
                 '{"type":"purchase","user_id":"p","items":[{"item_id":"a"},{"item_id":"b","price":"x"}]}',
                 '{"type":"view","user_id":"p","items":[%s]}' % ",".join(["{}"] * 1001)]:
        put_raw(line)


def plan(kind, time_ms, user=None, **members):
    planned.append((time_ms, kind, user, members))


def put_planned():
    """What has come due; whether anything is left."""
    while planned and planned[0][0] <= now_ms():
        time_ms, kind, user, members = planned.pop(0)
        put(kind, user, time=time_ms, **members)
    return bool(planned)


def shown():
    """Lists that were shown, and what came of them; ids of every length, broken ones, places that no id has."""
    for count in (0, 1, 2, 7, 100):
        content = struct.pack("<BBII6sBB", 1, count, 0x5EED + count, 7, b"\0" * 6, 0, count % 3)
        content += bytes((place * 5 + count) % 256 for place in range((count + 1) // 2)) + b"the code"
        text = "r_" + base64.urlsafe_b64encode(content).decode().rstrip("=")
        for place in (0, 1, 6, 99, 100):
            who = {"user": "shown"} if place % 2 else {"visitor": "shown"}
            put("impression", **who, item_id="tea-%02d" % (place % 7), recommendation_id=text, position=place, category="teas")
            put("click", **who, item_id="tea-%02d" % (place % 7), recommendation_id=text, position=place, placement="home")
        put("purchase", "shown", recommendation_id=text, price="12.50", quantity=2)
        put("refund", "shown", recommendation_id=text, price="12.50", position=0)
        put("cart_add", "shown", recommendation_id=text[:-1] + "!", placement="cart")
    for text in ("r_", "r_A", "x_" + "A" * 40, "r_" + "?" * 40, "r_" + "A" * 40, "r_AQ" + "A" * 20):
        put("view", "shown", recommendation_id=text, position=0)
        put("view", "shown", recommendation_id=text, placement="home", position=0)
    for rating in (1, 5):
        put("review", "shown", item_id="tea-06", rating=rating)
    put("share", "shown", item_id="tea-06")


CHAPTERS = [names_that_need_care, more_than_is_kept, visits, amounts, poison, horizons, again, known_at_last]

edges()
planned.sort(key=lambda each: each[0])
since = 0
while put_planned():
    crowd_record()
    since += 1
    if since % CHAPTER_RECORDS == 0 and CHAPTERS:
        CHAPTERS.pop(0)()
shown()
sys.stdout.buffer.write(b"".join(record + b"\n" for record in records))

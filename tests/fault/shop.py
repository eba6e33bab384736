"""A shop in which everybody's answer can be told from everybody else's.

A user keeps to the items of one of a few groups.  No two events have the same time, so that an answer's
`profile_as_of` names whose profile it was made from; and each user has bought some items, which must not be shown to
that user.  In each group one of the best sold items is hidden, and another is sold out.
"""
import json
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from harness import WORK, Engine, millrace

USERS = 160
GROUPS = 8
ITEMS_A_GROUP = 25
EVENTS_A_USER = 28
EVENTS_A_USER_MAX = 46  # fewer than the cache keeps of a user: what it has forgotten it cannot hide
SHOWN = 10
START = datetime(2026, 3, 1, tzinfo=timezone.utc)
PLACEMENTS = f"placements:\n  home: {{n: {SHOWN}, purchased: always}}\n"


@dataclass(frozen=True)
class Ask:
    path: str
    user: object = None      # of our users; None: a new visitor
    absent: frozenset = frozenset()  # items that the request itself forbids
    has_items: bool = False  # in view


@dataclass
class Deed:
    """An event of a user."""
    time: str         # as an answer writes it
    bought: object    # the item, or None
    posted: float = 0.0    # of time.monotonic(); what was there from the start is older than all
    accepted: float = 0.0  # infinite: not known to be in the log


def item(group, number):
    return f"item-{group * ITEMS_A_GROUP + number}"


def group_of(item_id):
    return int(item_id.removeprefix("item-")) // ITEMS_A_GROUP


HIDDEN = frozenset(item(group, 0) for group in range(GROUPS))
SOLD_OUT = frozenset(item(group, 1) for group in range(GROUPS))


class Shop:
    def __init__(self, seed=5):
        self.random = random.Random(seed)
        self.moment = START
        self.past = {user: [] for user in range(USERS)}  # Deed, the newest last
        self.visitors = 0

    def event(self, user, kind=None, item_id=None):
        """The next event, a millisecond or more after the last."""
        self.moment += timedelta(milliseconds=self.random.randrange(1, 200_000))
        stamp = self.moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.moment.microsecond // 1000:03d}Z"
        group = user % GROUPS if self.random.random() < 0.9 else self.random.randrange(GROUPS)
        item_id = item_id or item(group, min(int(self.random.expovariate(0.15)), ITEMS_A_GROUP - 1))
        kind = kind or self.random.choices(["view", "cart_add", "purchase"], [75, 13, 12])[0]
        event = {"event_id": f"e{stamp}", "user_id": f"user-{user}", "type": kind, "item_id": item_id,
                 "category": f"group-{group_of(item_id)}", "time": stamp}
        if kind == "purchase":
            event |= {"order_id": f"o{stamp}", "quantity": 1, "price": "9.50"}
        self.past[user].append(Deed(stamp, item_id if kind == "purchase" else None))
        return event

    def events(self):
        users = [user for user in range(USERS) for _ in range(EVENTS_A_USER)]
        self.random.shuffle(users)
        return [self.event(user) for user in users]

    def act(self, engine, user, kind=None, item_id=None):
        """One more event of a user, by HTTP.  Whether it was accepted."""
        event = self.event(user, kind, item_id)
        deed = self.past[user][-1]
        deed.posted, deed.accepted = time.monotonic(), float("inf")
        status, _ = engine.post("/v1/events", event)
        if status == 202:
            deed.accepted = time.monotonic()
        return status == 202

    def fill(self, engine):
        """Its events and its catalogue into the log of an engine that does not run."""
        write_topic(engine, "events", self.events(), raw=False)
        write_catalogue(engine)

    def asks(self, count):
        """Known users and new ones, with and without wishes."""
        return [self.next_ask() for _ in range(count)]

    def next_ask(self):
        kind = self.random.choices(["known", "visitor", "exclude", "cart", "visit"], [55, 20, 10, 10, 5])[0]
        user = self.random.randrange(USERS)
        mine = [item(user % GROUPS, self.random.randrange(2, 9)) for _ in range(2)]
        self.visitors += 1
        base = f"/v1/users/{{}}/recommendations?n={SHOWN}"
        if kind == "visitor":
            return Ask(base.format(f"visitor-{self.visitors}"))
        if kind == "visit":
            return Ask(base.format(f"visitor-{self.visitors}") + f"&items={mine[0]}", None, frozenset(mine[:1]), True)
        if kind == "exclude":
            return Ask(base.format(f"user-{user}") + f"&exclude={','.join(mine)}", user, frozenset(mine))
        if kind == "cart":
            return Ask(base.format(f"user-{user}") + f"&items={mine[0]}", user, frozenset(mine[:1]), True)
        return Ask(base.format(f"user-{user}"), user)


def write_topic(engine, topic, records, raw=True):
    path = WORK / f"{engine.directory.name}-{topic}.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    millrace("produce", path, "--config", engine.config, *(["--raw"] if raw else []),
             environment={**engine.environment, "MILLRACE_LOG_TOPIC": topic} if topic != "events" else engine.environment)


def write_catalogue(engine):
    """As events of each item's own "user", so that the records have the items' ids as their keys."""
    write_topic(engine, "catalogue", [
        {"id": item(group, number), "user_id": item(group, number), "type": "view", "item_id": item(group, number),
         "time": "2026-01-01T00:00:00Z", "title": f"No. {number} of {group}", "category": f"group-{group}", "price": 9.5,
         "hidden": item(group, number) in HIDDEN, "stock": 0 if item(group, number) in SOLD_OUT else 5}
        for group in range(GROUPS) for number in range(ITEMS_A_GROUP)])


def shop_engine(name, shop, redis_port=None, **more):
    """An engine for a Shop, its `shop`, with a cache behind `redis_port` or in memory."""
    if redis_port:
        more["cache"] = {"kind": "redis", "url": f"redis://127.0.0.1:{redis_port}", "ttl": "1h"}
    engine = Engine(name, placements=PLACEMENTS, **more)
    engine.shop = shop
    return engine

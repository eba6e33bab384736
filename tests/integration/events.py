"""Seeded events for the integration tests: users with tastes, sessions, purchases, in time order."""
import json
import random
from datetime import datetime, timedelta, timezone

GROUPS = 8
ITEMS_A_GROUP = 25
START = datetime(2026, 3, 1, tzinfo=timezone.utc)


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def native_events(count, users, seed=1, start=START):
    """`count` native events; a user prefers the items of one group, popular ones first.

    No two seeds share an event id.  An engine that has seen later events takes older ones for late.
    """
    chance = random.Random(seed)
    moment = start
    for number in range(count):
        moment += timedelta(milliseconds=chance.randrange(1, 4000))
        user = min(int(chance.paretovariate(0.9)), users) if chance.random() < 0.5 else chance.randrange(1, users + 1)
        group = user % GROUPS if chance.random() < 0.85 else chance.randrange(GROUPS)
        item = group * ITEMS_A_GROUP + min(int(chance.expovariate(0.2)), ITEMS_A_GROUP - 1)
        kind = chance.choices(["view", "cart_add", "purchase", "rate"], [70, 12, 15, 3])[0]
        event = {"event_id": f"e{seed}-{number}", "user_id": f"user-{user}", "type": kind, "item_id": f"item-{item}",
                 "category": f"group-{group}", "time": stamp(moment)}
        if kind == "purchase":
            event |= {"order_id": f"o{number}", "quantity": chance.randrange(1, 4),
                      "price": f"{chance.randrange(100, 9900) / 100:.2f}"}
        elif kind == "rate":
            event["rating"] = chance.randrange(1, 6)
        yield event


def write_lines(path, events):
    with open(path, "w") as out:
        for event in events:
            out.write(json.dumps(event) + "\n")
    return path

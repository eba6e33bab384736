"""Records as events, by the sentences of docs/EVENTS.md alone: native events and Segment messages.

read_events(value, log_ms, dialect) gives the events of one record, or raises Poison.  Which reason a
record has is not worked out here, only that it is none.
"""
import json
import re
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from functools import lru_cache

AHEAD_MS = 300_000
ID_BYTES, RECORD_BYTES, DEPTH, LINES = 128, 32768, 8, 1000
QUANTITY_MOST, MINOR_MOST, POSITION_MOST = 10**9, 10**15, 2**31 - 1
TYPES = ["", "view", "click", "search", "list_view", "cart_add", "cart_remove", "wishlist", "checkout", "purchase",
         "refund", "rate", "review", "share", "login", "impression", "redeem", "identify", "custom"]
NAMES = {name: name for name in TYPES[1:]}  # so that events share the strings
IDS = ["user_id", "anonymous_id", "session_id", "event_id", "order_id", "currency", "name", "device", "channel",
       "campaign", "geo", "recommendation_id", "placement"]
LINE_KEYS = ["item_id", "category", "brand", "quantity", "price", "value", "position"]
NATIVE = {key: key for key in ["type", "time", "rating", "query", "text", *IDS, *LINE_KEYS]}

SEGMENT = {"type": "type", "event": "event", "name": "name", "userId": "user_id", "anonymousId": "anonymous_id",
           "previousId": "previous_id", "messageId": "event_id", "timestamp": "time", "channel": "channel",
           "originalTimestamp": "original", "sentAt": "sent", "receivedAt": "received"}
PRODUCT = {key: key for key in ["product_id", "sku", "id", "category", "brand", "quantity", "price", "value", "position"]}
PROPERTIES = {**PRODUCT, **{key: key for key in ["revenue", "total", "currency", "order_id", "orderId", "query", "rating",
                                                 "review_body", "session_id", "recommendation_id", "placement"]}}
TRACKS = {
    "Product Viewed": "view", "Product Clicked": "click", "Product List Viewed": "list_view",
    "Product List Filtered": "list_view", "Products Searched": "search", "Product Added": "cart_add",
    "Wishlist Product Added to Cart": "cart_add", "Product Removed": "cart_remove",
    "Product Added to Wishlist": "wishlist", "Checkout Started": "checkout", "Order Completed": "purchase",
    "Order Refunded": "refund", "Order Cancelled": "refund", "Product Reviewed": "review", "Product Shared": "share",
    "Viewed Product": "view", "Clicked Product": "click", "Viewed Product Category": "list_view",
    "Searched Products": "search", "Added Product": "cart_add", "Removed Product": "cart_remove",
    "Added Product to Wishlist": "wishlist", "Started Checkout": "checkout", "Completed Order": "purchase",
    "Refunded Order": "refund", "Cancelled Order": "refund", "Reviewed Product": "review", "Shared Product": "share",
}
CALLS = {"track", "identify", "alias", "page", "screen", "group"}


class Poison(Exception):
    pass


# ---- JSON ----

class Number(str):
    """A JSON number as it was written: an id may be one, and amounts are read exactly."""


def pairs(members):
    result = dict(members)
    if len(result) < len(members):
        raise Poison("the same key twice")
    return result


def refuse(constant):
    raise Poison(constant)


DECODER = json.JSONDecoder(object_pairs_hook=pairs, parse_int=Number, parse_float=Number, parse_constant=refuse)


def depth(value):
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)


def parse(value):
    if not value or len(value) > RECORD_BYTES:
        raise Poison("empty or too large")
    try:
        members = DECODER.decode(value.decode())
        if b"\\u" in value:
            json.dumps(members, ensure_ascii=False).encode()  # half a surrogate pair is no character
        if value.count(b"[") + value.count(b"{") > DEPTH and depth(members) > DEPTH:
            raise Poison("too deep")
    except (ValueError, RecursionError) as error:
        raise Poison(str(error)) from error
    if not isinstance(members, dict):
        raise Poison("no object")
    return members


def texts(members, keys):
    """The members that `keys` knows, under our names; each is text or a number, null is absent."""
    found = {}
    for key, value in members.items():
        name = keys.get(key)
        if name is None or value is None:
            continue
        if not isinstance(value, str):
            raise Poison(key)
        found[name] = value
    return found


# ---- single values ----

def check_id(value):
    if len(value) * 4 > ID_BYTES and len(value.encode()) > ID_BYTES:
        raise Poison("a long id")
    return value


@lru_cache(1 << 16)
def decimal(written):
    match = re.fullmatch(r"-?([0-9]+)(\.[0-9]+)?([eE]([-+]?[0-9]+))?", written)
    if not match or len(match[4] or "") > 4:
        raise Poison(written)
    return Fraction(written)


@lru_cache(1 << 16)
def cents(written, quantity=1):
    amount = round(decimal(written) * quantity * 100)  # of a Fraction: exact, halves to even
    if abs(amount) > MINOR_MOST:
        raise Poison(written)
    return amount


@lru_cache(1 << 12)
def whole(written, most):
    if not re.fullmatch(r"-?[0-9]+(\.0*)?", written):
        raise Poison(written)
    number = int(written.split(".")[0])
    if abs(number) > most:
        raise Poison(written)
    return number


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
    if not 0 <= time_ms < 2**63:
        raise Poison(written)
    return time_ms


# ---- events ----

class Event:
    """One line of a record.  `session`, `begins_order`, `offset`: set by whoever applies it."""
    __slots__ = ("type", "who", "is_anonymous", "visitor", "event_id", "order", "name", "time", "rating", "line", "item",
                 "quantity", "value", "price", "offset", "session", "begins_order", "words", "shown", "placement", "position",
                 "sold_as")


def head(members, log_ms):
    event = Event()
    get = members.get
    event.type = NAMES.get(get("type", ""))
    if event.type is None:
        raise Poison("type")
    for key in IDS:
        if key in members:
            check_id(members[key])
    user, visitor = get("user_id", ""), get("anonymous_id", "")
    if not user and not visitor:
        raise Poison("nobody")
    event.is_anonymous, event.who, event.visitor = not user, user or visitor, visitor
    event.event_id, event.order, event.name = get("event_id", ""), get("order_id", ""), get("name", "")
    event.time = time_of(members["time"]) if get("time") else log_ms
    event.time = min(event.time, log_ms + AHEAD_MS)
    event.words = {key: get(key, "") for key in ("device", "channel")}
    event.shown, event.placement = get("recommendation_id", ""), get("placement", "")
    event.rating = cents(members["rating"]) if get("rating") else 0
    if event.rating and not 100 <= event.rating <= 500:
        raise Poison("rating")
    return event


def put_line(event, members, defaults):
    """What one line says; whether it says what it costs."""
    get = members.get
    event.item = check_id(get("item_id", ""))
    for key in ("category", "brand"):
        event.words[key] = check_id(get(key) or defaults.get(key, ""))
    price, value = get("price", ""), get("value", "")
    event.quantity = whole(members["quantity"], QUANTITY_MOST) if get("quantity") else 1
    one = event.price = cents(price) if price else 0
    event.value = cents(value) if value else cents(price, event.quantity) if price else 0
    event.position = whole(members["position"], POSITION_MOST) if get("position") else -1
    if get("position") and event.position < 0:
        raise Poison("position")
    is_adjustment = event.type == "custom" and event.name == "adjustment"
    if not is_adjustment and (event.quantity < 0 or one < 0 or event.value < 0):
        raise Poison("a negative amount")
    return price != "" or value != ""


def events_of(members, lines, log_ms):
    """`members`: texts of the record; `lines`: texts of each of its lines, empty when it has no list."""
    result, is_priced = [], False
    for place, each in enumerate(lines or [members]):
        event = head(members, log_ms)
        event.line = place
        is_priced |= put_line(event, each, members)
        result.append(event)
    if lines and not is_priced and members.get("value"):
        whole_order = head(members, log_ms)
        put_line(whole_order, {"value": members["value"]}, {})
        result[0].value = whole_order.value
    return result


def list_of(lines, keys):
    if lines is None:
        return []
    if not isinstance(lines, list) or len(lines) > LINES or not all(isinstance(line, dict) for line in lines):
        raise Poison("lines")
    return [texts(line, keys) for line in lines]


def native(members, log_ms):
    # Either word names the list; of both the later counts.
    lines = None
    for key in members:
        if key in ("items", "lines") and members[key] is not None:
            lines = members[key]
    return events_of(texts(members, NATIVE), list_of(lines, NATIVE), log_ms)


# ---- Segment ----

def object_of(members, key):
    value = members.get(key)
    return value if isinstance(value, dict) else {}


def with_item(line):
    line["item_id"] = line.get("product_id") or line.get("sku") or line.get("id") or ""
    return line


def corrected_time(message, log_ms):
    """When it happened by the receiver's clock."""
    if message.get("time") or not message.get("original"):
        return message.get("time", "")
    original = time_of(message["original"])
    received = time_of(message["received"]) if message.get("received") else log_ms
    if not message.get("sent"):
        return message["original"]
    return str(received - (time_of(message["sent"]) - original))


def segment(members, log_ms):
    message = texts(members, SEGMENT)
    call, name = message.get("type", ""), ""
    if call == "track" and message.get("event"):
        kind = TRACKS.get(message["event"], "custom")
        name = message["event"] if kind == "custom" else ""
    elif call in ("page", "screen", "group"):
        kind, name = "custom", call
    elif call in ("identify", "alias"):
        kind = "identify"
        if call == "alias" and message.get("previous_id"):
            message["anonymous_id"] = message["previous_id"]
    else:
        raise Poison("type")
    properties, lines = object_of(members, "properties"), None
    said = {}
    if kind not in ("custom", "identify"):
        said = with_item(texts(properties, PROPERTIES))
        said["value"] = said.get("revenue") or said.get("total") or said.get("value") or ""
        said["order_id"] = said.get("order_id") or said.get("orderId") or ""
        lines = properties.get("products")
    context = object_of(members, "context")
    for key, inner, ours in (("campaign", "name", "campaign"), ("device", "type", "device"),
                             ("location", "country", "geo")):
        said.update(texts(object_of(context, key), {inner: ours}))
    said.update(message, type=kind, name=name, time=corrected_time(message, log_ms))
    return events_of(said, [with_item(line) for line in list_of(lines, PRODUCT)], log_ms)


def recognised(members):
    """The dialect a record is plainly of; None: neither."""
    kind = members.get("type")
    if kind in CALLS and any(key in members for key in ("userId", "anonymousId", "messageId", "previousId")):
        return "segment"
    return "native" if isinstance(kind, str) and kind in NAMES and ("user_id" in members or "anonymous_id" in members) else None


class Dialect:
    """What a partition's records are written in: given, or that of the first one that is recognised."""

    def __init__(self, name="auto"):
        self.name = name

    def events(self, value, log_ms):
        members = parse(value)
        name = self.name
        if name == "auto":
            name = recognised(members)
            if name:
                self.name = name
        return (segment if name == "segment" else native)(members, log_ms)

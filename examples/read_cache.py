#!/usr/bin/env python3
"""Read a user's cached value (docs/FORMATS.md) with the standard library alone.

    redis-cli --raw GET 'mr:{u:HASH}:r' | head -c -1 | examples/read_cache.py 'mr:{u:HASH}:r'

Prints one JSON object.  Exit code 1: the value is damaged, or was stored under another key.
"""
import json
import re
import struct
import sys

SOURCES = ["none", "item_item", "ials", "blend", "popular", "trending", "session", "content",
           "repeat", "pinned"]
TIERS = [None, "watch", "at-risk", "critical"]


def crc32c(data):
    """CRC-32C (Castagnoli), reflected, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def read_frame(key, value):
    """Epoch, offset and kind of a value that was stored under `key`."""
    match = re.fullmatch(r"mr:\{u:([0-9a-f]{32})\}:([rs])", key)
    if not match:
        raise ValueError("not the key of a user's value")
    if len(value) < 24:
        raise ValueError("shorter than its frame")
    epoch, offset = struct.unpack_from(">QQ", value)
    magic, kind, version, reserved, check = struct.unpack_from("<cc2BI", value, 16)
    if (magic, kind, version, reserved) != (b"M", match[2].encode(), 1, 0):
        raise ValueError("not a value of this kind and version")
    if crc32c(bytes.fromhex(match[1]) + value[:20] + bytes(4) + value[24:]) != check:
        raise ValueError("damaged, or stored under another key")
    return {"epoch": epoch, "offset": offset}, match[2]


def read_result(value):
    """The recommendations; items are indices in the model's dictionary."""
    model, dictionary, as_of, expires, rows, reasons = struct.unpack_from("<IIqqBB", value, 24)
    because = struct.unpack_from(f"<{reasons}I", value, 56 + 8 * rows)
    items = []
    for item, score, source, reason in struct.iter_unpack("<IeBB", value[56:56 + 8 * rows]):
        items.append({"item": item, "score": score, "source": SOURCES[source],
                      "because": None if reason == 255 else because[reason]})
    return {"model": model, "dictionary": dictionary, "profile_as_of_ms": as_of,
            "expires_ms": expires, "items": items}


def read_state(value):
    """The recent events and the summary; items are their keyed hashes."""
    names = ("as_of_ms", "first_ms", "spend_minor", "events", "purchases", "churn_permille",
             "churn_tier")
    *fields, count = struct.unpack_from("<qqqIIHBB", value, 24)
    state = dict(zip(names, fields))
    state["churn_tier"] = TIERS[state["churn_tier"]]
    if state["churn_permille"] == 65535:
        state["churn_permille"] = None
    state["items"] = [
        {"item_hash": f"{item:016x}", "time_s": time, "type": kind, "weight": weight}
        for item, time, kind, weight in struct.iter_unpack("<QIBB", value[80:80 + 14 * count])]
    return state


def main():
    """Read the value from standard input."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    value = sys.stdin.buffer.read()
    try:
        answer, kind = read_frame(sys.argv[1], value)
    except ValueError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
    answer.update(read_result(value) if kind == "r" else read_state(value))
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()

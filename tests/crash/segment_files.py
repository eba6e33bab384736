"""The embedded log as docs/FORMATS.md describes it: segment files to records, every checksum verified."""
import ctypes
import ctypes.util
import json
import shutil
import struct
import subprocess
from collections import namedtuple
from functools import lru_cache

Record = namedtuple("Record", "offset time key value headers")

HEADER_BYTES = 64
SEGMENT_MAGIC, BATCH_MAGIC = b"\x89MRSEG1\n", b"MRB1"
POLYNOMIAL = 0x82F63B78  # of Castagnoli, its bits reversed
STRIP_BYTES = 512


class Damage(Exception):
    pass


# ---- CRC32C ----

def make_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = make_table()


def crc_of(data, crc=0xFFFFFFFF):
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc


def spread(table):
    """A table of the numbers f(n << 8 * i), so that a linear f of 32 bits is four look-ups."""
    tables = []
    for place in range(4):
        row = [0]
        for bit in range(8):
            row += [value ^ table[8 * place + bit] for value in row]
        tables.append(row)
    return tables


# What STRIP_BYTES of zeros do to a sum: linear, so known by what they do to each bit.
SHIFT = spread([crc_of(bytes(STRIP_BYTES), 1 << bit) for bit in range(32)])
# One byte of the table's numbers each: a step of many sums at once is then a translation of bytes.
PLANES = [bytes(number >> 8 * place & 255 for number in TABLE) for place in range(4)]


def crc32c(data):
    """Byte by byte through a table; many strips of the data side by side, then put together."""
    strips = len(data) // STRIP_BYTES
    crc = 0xFFFFFFFF
    if strips > 8:
        body = data[:strips * STRIP_BYTES]
        low, *others = [bytes(strips)] * 4
        for at in range(STRIP_BYTES):
            column = body[at::STRIP_BYTES]
            index = (int.from_bytes(low, "little") ^ int.from_bytes(column, "little")).to_bytes(strips, "little")
            shifted = [*others, bytes(strips)]
            low, *others = [(int.from_bytes(index.translate(plane), "little") ^ int.from_bytes(old, "little"))
                            .to_bytes(strips, "little") for plane, old in zip(PLANES, shifted)]
        for strip in zip(low, *others):
            crc = SHIFT[0][crc & 255] ^ SHIFT[1][crc >> 8 & 255] ^ SHIFT[2][crc >> 16 & 255] ^ SHIFT[3][crc >> 24]
            crc ^= int.from_bytes(strip, "little")
        data = data[strips * STRIP_BYTES:]
    return crc_of(data, crc) ^ 0xFFFFFFFF


# ---- codec ----

@lru_cache(1)
def zstd_library():
    """None where there is none."""
    name = ctypes.util.find_library("zstd")
    if name is None:
        return None
    library = ctypes.CDLL(name)
    library.ZSTD_decompress.restype = ctypes.c_size_t
    return library


def decompress(data, size):
    """One zstd frame that gives `size` bytes."""
    zstd = zstd_library()
    if zstd:
        target = ctypes.create_string_buffer(size)
        got = zstd.ZSTD_decompress(target, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
        plain = target.raw if got == size else b""
    elif shutil.which("zstd"):
        plain = subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=False).stdout
    else:
        raise SystemExit("the log is compressed: needs libzstd or the program zstd")
    if len(plain) != size:
        raise Damage("a batch does not decompress to the size it says")
    return plain


# ---- records ----

def varint(data, at):
    byte = data[at]
    if byte < 128:
        return byte, at + 1
    number, shift = 0, 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at


def text(data, at):
    length, at = varint(data, at)
    if at + length > len(data):
        raise Damage("a text ends behind its batch")
    return data[at:at + length], at + length


def records_of(body, base_offset, count):
    at = 0
    for place in range(count):
        length, at = varint(body, at)
        end = at + length
        number, at = varint(body, at)
        zigzag, at = varint(body, at)
        key, at = text(body, at)
        value, at = text(body, at)
        header_count, at = varint(body, at)
        headers = []
        for _ in range(header_count):
            name, at = text(body, at)
            content, at = text(body, at)
            headers.append((name.decode(errors="replace"), content))
        if number != place or at != end:
            raise Damage("a record does not end where it says")
        yield Record(base_offset + place, zigzag >> 1 ^ -(zigzag & 1), key, value, headers)
    if at != len(body):
        raise Damage("bytes behind the last record of a batch")


def batch_at(data, at):
    """(base offset, count, codec, stored body, plain size) of a sound batch; None: there is none."""
    header = data[at:at + HEADER_BYTES]
    if len(header) < HEADER_BYTES or header[:4] != BATCH_MAGIC:
        return None
    header_crc, stored, plain, base, count, body_crc = struct.unpack_from("<IIIqII", header, 4)
    body = data[at + HEADER_BYTES:at + HEADER_BYTES + stored]
    if crc32c(header[8:]) != header_crc or len(body) < stored or crc32c(body) != body_crc:
        return None
    return base, count, header[48], body, plain


def read_segment(path, partition, topic_id, next_base):
    """The records of one file that are part of the log: those below where the next one begins."""
    data = path.read_bytes()
    header = data[:HEADER_BYTES]
    base = int(path.stem)
    if header[:8] != SEGMENT_MAGIC or struct.unpack_from("<IIQq", header, 8) != (1, partition, topic_id, base) or \
            struct.unpack_from("<I", header, 60)[0] != crc32c(header[:60]):
        raise Damage(f"{path}: no segment header of partition {partition}")
    at, offset = HEADER_BYTES, base
    while at < len(data) and (next_base is None or offset < next_base):
        batch = batch_at(data, at)
        if batch is None:
            if next_base is None:
                return  # a tail that was being written
            raise Damage(f"{path}: byte {at}: no sound batch")
        base_offset, count, codec, body, plain = batch
        if base_offset != offset or codec not in (0, 1):
            raise Damage(f"{path}: byte {at}: offset {base_offset} in place of {offset}, or codec {codec}")
        yield from records_of(decompress(body, plain) if codec else body, base_offset, count)
        at, offset = at + HEADER_BYTES + len(body), offset + count
    if next_base is not None and offset != next_base:
        raise Damage(f"{path}: ends at {offset}, the next segment begins at {next_base}")


def read_partition(directory, partition, topic_id):
    paths = sorted((directory / str(partition)).glob("*.log"))
    for path, following in zip(paths, [*paths[1:], None]):
        yield from read_segment(path, partition, topic_id, int(following.stem) if following else None)


def read_topic(directory):
    """The records of each partition."""
    about = json.loads((directory / "topic.json").read_text())
    if about["format"] != 1:
        raise Damage(f"{directory}: format {about['format']}")
    return [read_partition(directory, partition, int(about["topic_id"], 16)) for partition in range(about["partitions"])]

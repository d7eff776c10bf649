"""Writes golden.archive: what mongodump --archive writes of the dump in golden/.

It follows the specification of MongoDB's tools (common/archive/spec.md) with
pymongo's bson and a CRC of its own, so that archive.go is compared with
something that shares nothing with it. golden/ was written by hand.
"""

import pathlib
import struct

from bson import encode
from bson.int64 import Int64

HERE = pathlib.Path(__file__).parent
TERMINATOR = b"\xff\xff\xff\xff"
POLYNOMIAL = 0xC96C5795D7870F42  # CRC-64/ECMA, reflected


def crc64(data: bytes) -> int:
    crc = 0xFFFFFFFFFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
    crc ^= 0xFFFFFFFFFFFFFFFF
    return struct.unpack("<q", struct.pack("<Q", crc))[0]


def header(name: str, end: bool, crc: int) -> bytes:
    return encode({"db": "shop", "collection": name, "EOF": end, "CRC": Int64(crc)})


def main() -> None:
    collections = [("a b/ü&c", "a%20b%2F%C3%BC%26c", "collection"), ("users", "users", "collection"), ("adults", "adults", "view")]
    out = struct.pack("<I", 0x8199E26D)
    out += encode({"concurrent_collections": 1, "version": "0.1", "server_version": "6.0.0", "tool_version": "argon"})
    for name, file, kind in collections:
        text = (HERE / "golden" / "shop" / f"{file}.metadata.json").read_text()
        out += encode({"db": "shop", "collection": name, "metadata": text, "size": 0, "type": kind})
    out += TERMINATOR
    for name, file, kind in collections:
        data = b"" if kind == "view" else (HERE / "golden" / "shop" / f"{file}.bson").read_bytes()
        out += header(name, False, 0) + data + TERMINATOR + header(name, True, crc64(data)) + TERMINATOR
    (HERE / "golden.archive").write_bytes(out)


if __name__ == "__main__":
    main()

"""The bytes of a text file in blocks, unpacked when it is gzip.

Holds `blocks`. Refuses a gzip that is cut off, damaged, or grows beyond the allowed inflation.
Does not split lines. Called by `records`.
"""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from ingestion.sources.limits import MB, Limits
from ingestion.sources.local_file import LocalFile, opened
from ledger.errors import IncorrectInput

BLOCK_BYTES = 48 * MB
"""Read at once. Rows of 200 bytes give some 240,000 per block: about one full commit."""

INFLATION_FREE_BYTES = 64 * MB
"""Below this a gzip may inflate as it likes: small, very regular files do, and harm nothing."""

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31
_PACKED_BYTES = 1 * MB


def blocks(file: LocalFile, limits: Limits) -> Iterator[bytes]:
    """The file's (unpacked) bytes. IncorrectInput when it cannot be unpacked whole."""
    with opened(file.path) as stream:
        packed = stream.read(2) == _GZIP_MAGIC
        stream.seek(0)
        if packed:
            yield from _gathered(_unpacked(stream, file, limits))
            return
        while block := stream.read(BLOCK_BYTES):
            yield block


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _unpacked(stream: BinaryIO, file: LocalFile, limits: Limits) -> Iterator[bytes]:
    """All members of a gzip file, one after another; its checksums are compared."""
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    allowed = max(INFLATION_FREE_BYTES, limits.inflation * file.size)
    out, whole = 0, False
    while packed := stream.read(_PACKED_BYTES):
        while packed:
            if whole and not packed.strip(b"\0"):
                break  # padding after the last member
            if whole:
                inflater, whole = zlib.decompressobj(_GZIP_WINDOW), False
            try:
                piece = inflater.decompress(packed, BLOCK_BYTES)
            except zlib.error as error:
                raise _damaged(file, str(error)) from None
            out += len(piece)
            if out > allowed:
                raise _bomb(file, limits, allowed)
            if piece:
                yield piece
            whole = inflater.eof
            packed = inflater.unused_data if whole else inflater.unconsumed_tail
    if not whole:
        raise _damaged(file, "an end before the checksum")


def _damaged(file: LocalFile, found: str) -> IncorrectInput:
    return IncorrectInput(
        "file_must_be_whole_gzip",
        thing=file.thing,
        expected="a whole gzip file",
        found=found,
        remedy="Send the file again; nothing of it was taken.",
    )


def _bomb(file: LocalFile, limits: Limits, allowed: int) -> IncorrectInput:
    return IncorrectInput(
        "gzip_must_not_inflate_beyond_the_limit",
        thing=file.thing,
        expected=f"at most {allowed:,} bytes unpacked ({limits.inflation} times its size)",
        found="more",
        remedy="If the file is right, raise the setting ingest.largest_inflation.",
    )

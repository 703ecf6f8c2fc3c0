"""Frames: one request or reply on a SOCK_SEQPACKET socket, whole or absent.

A frame is an operation byte, an 8-byte nonce and a msgpack payload. The nonce of a request comes back in its reply,
so a frame that was not asked for is seen as such. A call of a hosted object carries the nonce of the cell that makes
it, and so does its answer. File descriptors may travel beside what the host sends, never beside what it is sent.
"""

from __future__ import annotations

import array
import socket
from typing import Any

import msgpack

FRAME_BYTES = 190_000
"""Most bytes of one frame; below the kernel's default limit for one datagram."""

NONCE_BYTES = 8
HEAD_BYTES = 1 + NONCE_BYTES
MOST_FDS = 8

# Operations. A request and its reply carry the same letter; ERROR may answer any request.
FORK, TEMPLATE, STATUS, BEGIN = b"F", b"T", b"S", b"B"
EXECUTE, CLAIM, INJECT, NAMES, HELLO, ERROR = b"X", b"C", b"I", b"N", b"H", b"E"
JUDGE, CALL = b"J", b"M"


def pack(operation: bytes, nonce: bytes, payload: Any) -> bytes:
    """A frame's bytes; its payload is msgpack data (str may hold surrogates)."""
    body: bytes = msgpack.packb(payload, unicode_errors="surrogatepass")
    return operation + nonce + body


def payload_of(frame: bytes) -> Any:
    """The payload of a frame that comes from a trusted sender."""
    return msgpack.unpackb(memoryview(frame)[HEAD_BYTES:], unicode_errors="surrogatepass", strict_map_key=False)


_buffer = bytearray(FRAME_BYTES)  # one for all: a fresh one a frame would be mapped and unmapped each time


def receive(sock: socket.socket) -> tuple[bytes, list[int]]:
    """Blocks for the next frame and its descriptors; an empty frame means that the peer is gone."""
    size, ancillary, _, _ = sock.recvmsg_into([_buffer], socket.CMSG_SPACE(MOST_FDS * 4))
    data = bytes(memoryview(_buffer)[:size])
    fds: list[int] = []
    for level, kind, blob in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found = array.array("i")
            found.frombytes(blob[: len(blob) - len(blob) % found.itemsize])
            fds.extend(found)
    return data, fds

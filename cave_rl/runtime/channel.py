"""The host's end of a process's socket: strict request and reply, and nothing believed but what the kernel says.

Every frame carries the sender's pid, attached by the kernel. A frame that nobody asked for, from another process than
the channel's own, or without the request's nonce, is not an answer.
"""

from __future__ import annotations

import array
import itertools
import os
import socket
import struct
import threading
import time
from typing import Any

import msgpack

from cave_rl.runtime.drive import Steps, Wait
from cave_rl.runtime.errors import RuntimeGone
from cave_rl.runtime.inside import frames

_CREDENTIALS = struct.Struct("3i")
_CREDENTIALS_SPACE = socket.CMSG_SPACE(_CREDENTIALS.size)
_MOST_FOREIGN = 1000
MOST_REPLY = 1 << 28
_MOST_CONTAINERS, _MOST_ITEMS = 1 << 14, 1 << 14
"""A reply is flat: nested ones would cost the host a hundred times their size."""


class _Buffers(threading.local):
    """One a thread, for all its channels: a fresh one a frame would be mapped and unmapped each time."""

    def __init__(self) -> None:
        self.own = bytearray(frames.FRAME_BYTES)


_buffers = _Buffers()


class Channel:
    """A socket to one process, and the file for replies that do not fit a frame.

    Attributes:
        pid: the process that may answer; 0 until it is known.
    """

    def __init__(self) -> None:
        self._socket, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._replies = -1
        try:
            self._replies = os.memfd_create("cave-reply", os.MFD_CLOEXEC)
        except OSError:
            self.close()
            raise
        self._foreign = 0
        self.pid = 0

    @property
    def fd(self) -> int:
        """The host's descriptor, to wait on."""
        return self._socket.fileno()

    @property
    def theirs(self) -> tuple[int, int]:
        """The descriptors for the process: its end of the socket, and the reply file."""
        return self._theirs.fileno(), self._replies

    def given(self) -> None:
        """The process has its end: this side lets go of it, so that its death is seen."""
        self._theirs.close()

    def close(self) -> None:
        """Closes both descriptors."""
        self._theirs.close()
        self._socket.close()
        if self._replies >= 0:
            os.close(self._replies)
            self._replies = -1

    def send(self, operation: bytes, payload: Any, fds: tuple[int, ...] = (), nonce: bytes | None = None) -> bytes:
        """Sends a request; returns its nonce, a new one unless one is given.

        Raises:
            RuntimeGone: the process is gone, or does not read.
        """
        nonce = nonce or os.urandom(frames.NONCE_BYTES)
        self.put(frames.pack(operation, nonce, payload), fds)
        return nonce

    def put(self, frame: bytes, fds: tuple[int, ...] = ()) -> None:
        """Sends a frame.

        Raises:
            RuntimeGone: as `send`.
        """
        try:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
            self._socket.sendmsg([frame], rights)
        except BlockingIOError:
            raise RuntimeGone("tampered", "it does not read its requests") from None
        except (BrokenPipeError, ConnectionResetError):
            raise RuntimeGone("crashed", "it ended") from None

    def ask(self, operation: bytes, payload: Any, until: float, fds: tuple[int, ...] = ()) -> Steps[Any]:
        """Sends a request and waits for its answer; `until` is a moment of `time.monotonic()`.

        Raises:
            RuntimeGone: no answer in time, or none that can be one.
        """
        nonce = self.send(operation, payload, fds)
        return (yield from self.answer(operation, nonce, until))

    def answer(self, operation: bytes, nonce: bytes, until: float) -> Steps[Any]:
        """Waits for the answer to a request that was sent.

        Raises:
            RuntimeGone: as `ask`.
        """
        while True:
            reply = self.poll(operation, nonce)
            if reply is not None:
                return reply.content
            if time.monotonic() >= until:
                raise RuntimeGone("killed", "it did not answer in time")
            yield Wait(self.fd, until)

    def poll(self, operation: bytes, nonce: bytes, *, calls: bool = False) -> Reply | None:
        """The answer to a request, if it is there; or a call that is made as part of it, where such are taken.

        Raises:
            RuntimeGone: the process is gone, or what it sent is not an answer.
        """
        frame = self.receive()
        if frame is None:
            return None
        if len(frame) < frames.HEAD_BYTES or frame[1 : frames.HEAD_BYTES] != nonce:
            raise RuntimeGone("tampered", "a frame came that does not answer the request")
        said = frame[:1]
        if said == operation:
            return Reply(self._decode(memoryview(frame)[frames.HEAD_BYTES :]))
        if said == operation.lower():
            return Reply(self._large(self._decode(memoryview(frame)[frames.HEAD_BYTES :])))
        if said == frames.ERROR:
            return Reply(self._decode(memoryview(frame)[frames.HEAD_BYTES :]), failed=True)
        if calls and said == frames.CALL:
            return Reply(self._decode(memoryview(frame)[frames.HEAD_BYTES :]), call=True)
        raise RuntimeGone("tampered", f"it answered {said!r} to {operation!r}")

    def take_descriptors(self) -> tuple[bytes, list[int], int]:
        """The next frame of a trusted sender with its descriptors and pid; an empty frame if it is gone."""
        data, ancillary, _, _ = self._socket.recvmsg(
            frames.FRAME_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(frames.MOST_FDS * 4)
        )
        fds = array.array("i")
        for _, kind, blob in ancillary:
            if kind == socket.SCM_RIGHTS:
                fds.frombytes(blob[: len(blob) - len(blob) % fds.itemsize])
        return data, list(fds), _sender(ancillary)

    def trusted(self, operation: bytes, data: bytes) -> Reply:
        """The content of a frame that a trusted sender gave to `take_descriptors`."""
        content = self._decode(memoryview(data)[frames.HEAD_BYTES :])
        if data[:1] == operation.lower():
            content = self._large(content)
        return Reply(content, failed=data[:1] == frames.ERROR)

    def receive(self) -> bytes | None:
        """The next frame of the channel's own process; None if there is none yet."""
        buffer = _buffers.own
        while True:
            try:
                # Room for the credentials alone: descriptors that a rollout attaches are dropped by the kernel.
                size, ancillary, _, _ = self._socket.recvmsg_into([buffer], _CREDENTIALS_SPACE)
            except BlockingIOError:
                return None
            except ConnectionResetError:
                size, ancillary = 0, []
            if not size:
                raise RuntimeGone("crashed", "it ended")
            sender = _sender(ancillary)
            if self.pid == 0:
                self.pid = sender
            if sender == self.pid:
                return bytes(memoryview(buffer)[:size])
            self._foreign += 1
            if self._foreign > _MOST_FOREIGN:
                raise RuntimeGone("tampered", "other processes speak on its channel")

    def _decode(self, body: memoryview) -> Any:
        held = itertools.count()

        def count(container: Any) -> Any:
            if next(held) > _MOST_CONTAINERS:
                raise ValueError("too many parts")
            return container

        try:
            return msgpack.unpackb(
                body,
                unicode_errors="surrogatepass",
                strict_map_key=False,
                max_array_len=_MOST_ITEMS,
                max_map_len=_MOST_ITEMS,
                list_hook=count,
                object_hook=count,
            )
        except Exception as error:
            raise RuntimeGone("tampered", f"an answer that is not msgpack: {type(error).__name__}") from None

    def part(self, said: bytes | int, most: int) -> Any:
        """The content of a part of a frame, which may lie in the reply file: then its size is said.

        Raises:
            RuntimeGone: it is not what it should be.
        """
        return self._decode(memoryview(said)) if type(said) is bytes else self._large(said, most)

    def _large(self, size: Any, most: int = MOST_REPLY) -> Any:
        held = os.fstat(self._replies).st_size
        if type(size) is not int or not 0 <= size <= min(held, most):
            raise RuntimeGone("tampered", "an answer larger than its file, or than any may be")
        body = os.pread(self._replies, size, 0)
        os.ftruncate(self._replies, 0)
        return self._decode(memoryview(body))


class Reply:
    """An answer; `failed` where the other side says that it could not do what was asked, `call` where it calls."""

    __slots__ = ("call", "content", "failed")

    def __init__(self, content: Any, *, failed: bool = False, call: bool = False) -> None:
        self.content = content
        self.failed = failed
        self.call = call


def _sender(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, blob in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and len(blob) >= _CREDENTIALS.size:
            pid: int = _CREDENTIALS.unpack_from(blob)[0]
            return pid
    return -1

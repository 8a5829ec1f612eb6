"""The client's side of WebSocket (RFC 6455), as much of it as RTMS needs: text messages, no extensions."""

import asyncio
import base64
import hashlib
import os
import ssl
import struct
from urllib.parse import urlsplit

MAX_MESSAGE = 4 * 1024 * 1024
MAX_HEAD = 16 * 1024
CONTINUATION, TEXT, CLOSE, PING, PONG = 0x0, 0x1, 0x8, 0x9, 0xA
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Closed(Exception):
    """The connection is over; 1006 where the other side has not said why."""

    def __init__(self, code: int, reason: str = ""):
        super().__init__(f"closed with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class WebSocket:
    """One connection. Made by `WebSocket.connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        #: Seconds without a byte after which the connection counts as lost.
        self.silence = 10.0

    @classmethod
    async def connect(cls, url: str, subprotocol: str) -> "WebSocket":
        """Opens a connection. Raises OSError where the server cannot be reached, `Closed` where it refuses."""
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or parts.hostname is None:
            raise ValueError(f"{url!r} is not a ws: or wss: URL")
        secure = parts.scheme == "wss"
        context = ssl.create_default_context() if secure else None
        port = parts.port or (443 if secure else 80)
        socket = cls(*await asyncio.open_connection(parts.hostname, port, ssl=context))
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            await socket._shake_hands(parts.netloc.rpartition("@")[2], target, subprotocol)
        except BaseException:
            socket.abort()
            raise
        return socket

    async def _shake_hands(self, host: str, target: str, subprotocol: str) -> None:
        key = base64.b64encode(os.urandom(16))
        self._writer.write(
            f"GET {target} HTTP/1.1\r\n"
            f"Host: {host}\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key.decode()}\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n".encode()
        )
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD:
                raise Closed(1006, "the answer to the upgrade is too long")
            await self._fill()
        status, *lines = self._take(end + 4).decode("latin-1").rstrip().split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if status.split(" ")[1:2] != ["101"]:
            raise Closed(1006, f"the server answered the upgrade with {status!r}")
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        if headers.get("sec-websocket-accept") != accept:
            raise Closed(1006, "the answer to the upgrade is not a WebSocket server's")
        if headers.get("sec-websocket-protocol") != subprotocol:
            raise Closed(1006, f"the server does not speak {subprotocol}")

    def send(self, text: bytes) -> None:
        """Sends a text message, in UTF-8; what the network does not take at once waits in memory."""
        self._write(TEXT, text)

    async def receive(self) -> bytes:
        """The next text message. Raises `Closed` at the end of the connection, TimeoutError after too long a silence."""
        message = bytearray()
        begun = False
        while True:
            first, second = await self._read(2)
            opcode, length = first & 0x0F, second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", await self._read(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self._read(8))
            # No extension was agreed on, and a server does not mask.
            if first & 0x70 or second & 0x80:
                raise Closed(1006, "the server broke the framing")
            if len(message) + length > MAX_MESSAGE:
                raise Closed(1006, f"the server sent more than {MAX_MESSAGE} bytes in one message")
            data = await self._read(length)
            if opcode == PING:
                self._write(PONG, data)
            elif opcode == CLOSE:
                self._write(CLOSE, data[:2])
                code = struct.unpack("!H", data[:2])[0] if length >= 2 else 1005
                raise Closed(code, data[2:].decode(errors="replace"))
            elif opcode == (CONTINUATION if begun else TEXT):
                begun = True
                message += data
                if first & 0x80:
                    return bytes(message)
            elif opcode != PONG:
                raise Closed(1006, f"the server sent what is no text, opcode {opcode}")

    async def close(self, code: int) -> None:
        """Says that this side closes, and waits a moment for the answer."""
        try:
            self._write(CLOSE, struct.pack("!H", code))
            async with asyncio.timeout(1):
                while True:
                    await self.receive()
        except (Closed, OSError):
            pass
        finally:
            self.abort()

    def drop(self, code: int) -> None:
        """Says that this side closes, and waits for nothing."""
        self._write(CLOSE, struct.pack("!H", code))
        self.abort()

    def abort(self) -> None:
        self._writer.close()
        # A network that takes nothing any more would keep what waits to be sent for minutes.
        asyncio.get_running_loop().call_later(1, self._writer.transport.abort)

    def _write(self, opcode: int, data: bytes) -> None:
        length = len(data)
        if length < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        elif length < 65_536:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
        # Four bytes over and over; as one whole number, since a loop over bytes is slow in Python.
        mask = os.urandom(4)
        pattern = (mask * (length // 4 + 1))[:length]
        masked = int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")
        self._writer.write(head + mask + masked.to_bytes(length, "big"))

    async def _read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            await self._fill()
        return self._take(count)

    async def _fill(self) -> None:
        async with asyncio.timeout(self.silence):
            data = await self._reader.read(65_536)
        if not data:
            raise Closed(1006, "the connection was lost")
        self._buffer += data

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

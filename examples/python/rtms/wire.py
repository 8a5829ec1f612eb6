"""What travels: payloads, names and errors of PROTOCOL.md, and how results reach whoever waits for them."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_NAME, MAX_PAYLOAD, MAX_PACKET = 255, 32_768, 65_536
#: Calls, and inputs of a meeting, that may wait for their answer.
MAX_WAITING = 1_000
#: Publishers in a position.
MAX_PUBLISHERS = 64


class RtmsError(Exception):
    """`code` is one of PROTOCOL.md's errors; `retry_after` says how many milliseconds to wait, 0 for none in particular."""

    def __init__(self, code: str, message: str = "", retry_after: int = 0):
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.retry_after = retry_after


class Violation(Exception):
    """The node does not keep to the protocol: the connection is given up and another one made."""


@dataclass(frozen=True)
class Input:
    slot: int
    seq: int
    data: Any


@dataclass(frozen=True)
class Frame:
    """Numbered from 1, none left out, the same for everyone. Events are dicts: `{"event": "join", "slot": 0, …}`."""

    number: int
    events: list[dict[str, Any]]
    inputs: list[Input]


@dataclass(frozen=True)
class Publication:
    """`key` is '' where it has none; `removed`: the key has no value any more; `time`: seconds since 1970."""

    topic: str
    key: str
    data: Any
    removed: bool
    time: float


def to_payload(data: Any) -> dict[str, str]:
    """Bytes as they are, anything else as its JSON."""
    if isinstance(data, (bytes, bytearray)):
        size, payload = len(data), {"base64": base64.b64encode(data).decode()}
    else:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size, payload = len(text.encode()), {"text": text}
    # The rest of a packet has room enough in what is left.
    if size > MAX_PAYLOAD or len(encode([payload])) > MAX_PACKET - 4_096:
        raise RtmsError("TOO_LARGE", f"a payload has at most {MAX_PAYLOAD} bytes and must fit into a packet")
    return payload


def from_payload(payload: dict[str, Any]) -> Any:
    if "base64" in payload:
        return base64.b64decode(payload["base64"])
    try:
        return json.loads(payload["text"])
    except ValueError:
        return payload["text"]


def encode(messages: list[dict[str, Any]]) -> bytes:
    return json.dumps(messages, ensure_ascii=False, separators=(",", ":")).encode()


def check_name(name: str, code: str = "BAD_NAME", least: int = 1) -> str:
    if not least <= len(name.encode()) <= MAX_NAME:
        raise RtmsError(code, f"{name!r} does not have {least} to {MAX_NAME} bytes")
    return name


def settle(future: asyncio.Future, result: Any = None, error: Exception | None = None) -> None:
    """Ends a future, unless whoever waited has given up."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def new_future() -> asyncio.Future:
    """One whose error need not be looked at: most inputs are sent and forgotten."""
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


def tell(callback: Callable[..., None] | None, *args: Any) -> None:
    """What an application's callback raises belongs to the application, not to the packet under way."""
    if callback is None:
        return
    try:
        callback(*args)
    except Exception as error:
        context = {"message": f"{callback!r} raised", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)

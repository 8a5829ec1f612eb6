"""The client: its connection, its session and its calls."""

import asyncio
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from .logs import Meeting, Subscription
from .websocket import Closed, WebSocket
from .wire import (
    MAX_WAITING, Frame, Publication, RtmsError, Violation,
    check_name, encode, from_payload, new_future, settle, tell, to_payload,
)  # fmt: skip

logger = logging.getLogger("rtms")

SUBPROTOCOL = "rtms.v1.json"
POLICIES = {"skip": 0, "conflate": 1, "disconnect": 2}
#: The messages from code 0x60 on: entries of the session log.
SESSION_LOG = {"joined", "subscribed", "done", "failed", "reply", "nack", "push", "direct", "ended"}
#: Entries of the session log received without telling the node.
ENTRIES_PER_ACK = 64
CONNECT_S, LONGEST_WAIT_S = 10.0, 30.0
#: The close code of a token that was refused, and how often in a row another one is tried.
UNAUTHENTICATED, REFUSALS = 4401, 3
#: How this side closes a connection that it replaces; 1000 would end the session.
DROPPED = 3000


@dataclass
class Call:
    message: dict[str, Any]
    future: asyncio.Future
    sent: bool = False


class Client:
    """
    `get_ticket` is asked for a ticket (`{"url": …, "token": …}`, from your server) before each connection; where it raises
    an OSError it is asked again later, any other exception ends the client. Use it as `async with Client(…) as client:`.
    """

    def __init__(self, get_ticket: Callable[[], Awaitable[dict[str, Any]]], window: int = 131_072):
        #: 'connecting', 'connected' or 'closed'.
        self.state = "connecting"
        self.user = ""
        #: Called with each new state.
        self.on_state: Callable[[str], None] | None = None
        #: Why the client was closed, where it was not by `close`.
        self.error: Exception | None = None
        self.meetings: dict[str, Meeting] = {}
        self.topics: dict[str, Subscription] = {}
        self._get_ticket = get_ticket
        self._window = window
        self._task: asyncio.Task | None = None
        self._socket: WebSocket | None = None
        self._logs: dict[int, Meeting | Subscription] = {}
        self._pushes: dict[str, Callable[[Any], None]] = {}
        self._calls: dict[int, Call] = {}
        self._last_call = 0
        # Of the session.
        #: Of this connection: the time that publications count from, in milliseconds since 1970, and who publishes.
        self.origin, self.publishers = 0, []
        self._welcome: dict[str, Any] = {"session": "", "reconnectMin": 200, "reconnectMax": 2_000}
        self._received = 0
        self._entries_lost = False
        #: Not where the session may be of another user than the ticket.
        self._offers_session = True
        # Of the connection.
        self._consumed = self._acknowledged = self._received_acknowledged = 0
        self._seen_at = 0.0
        self._retry_after = self._goodbye = 0
        #: Logs are to be asked for once the packet with the welcome is handled: it may say that some have ended.
        self._follows = False

    async def __aenter__(self) -> "Client":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the session; whatever waits fails with CLOSED."""
        socket, live = self._socket, self.state == "connected"
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if socket is not None and live:
            await socket.close(1000)
        self._end(RtmsError("CLOSED", "the client was closed"))

    # ---- what the application asks for

    async def join(self, name: str, on_frame: Callable[[Frame], None] | None = None, spectator: bool = False) -> Meeting:
        """Joins a meeting and calls `on_frame` for every frame, from the first one kept. One seat per meeting."""
        check_name(name)
        if name in self.meetings:
            raise RtmsError("LIMIT", f"{name} is joined already; leave it first")
        self._check_open()
        meeting = self.meetings[name] = Meeting(self, name, spectator)
        meeting.on_frame = on_frame
        if self.state == "connected":
            self.send(meeting.join_message(self._next_call()))
        return await self._entered(meeting, meeting.leave)

    async def subscribe(
        self,
        topic: str,
        on_publication: Callable[[Publication], None],
        *,
        conflate: bool = False,
        max_hz: int = 0,
        keys: tuple[str, ...] = (),
        history: int = 0,
        policy: str = "skip",
        on_gap: Callable[[str, int], None] | None = None,
        on_end: Callable[[RtmsError], None] | None = None,
    ) -> Subscription:
        """Calls `on_publication` for every publication of a topic; the options are those of PROTOCOL.md's `subscribe`."""
        check_name(topic, "BAD_TOPIC")
        if topic in self.topics:
            raise RtmsError("LIMIT", f"{topic} is subscribed to already; close that subscription first")
        self._check_open()
        options = {
            "history": history,
            "conflate": conflate,
            "maxHz": max_hz,
            "policy": POLICIES[policy],
            "keys": [{"key": check_name(key)} for key in keys],
            "on_gap": on_gap,
            "on_end": on_end,
        }
        subscription = self.topics[topic] = Subscription(self, topic, on_publication, options)
        if self.state == "connected":
            self.send(subscription.subscribe_message(self._next_call()))
        return await self._entered(subscription, subscription.close)

    async def _entered(self, log: Any, give_up: Callable[[], Awaitable[None]]) -> Any:
        try:
            return await asyncio.shield(log.entered)
        except asyncio.CancelledError:
            await give_up()
            raise

    async def request(self, method: str, data: Any = None, timeout: float = 10.0) -> Any:
        """Asks the business server. The future it stands for ends exactly once: a reply or an RtmsError."""
        message = {"type": "request", "method": check_name(method), "data": to_payload(data), "timeout": max(1, int(timeout * 1000))}
        try:
            # The node's own answer to a time-out is waited for a little longer.
            async with asyncio.timeout(timeout + min(2, timeout)):
                return from_payload(await self.call(message))
        except TimeoutError:
            raise RtmsError("TIMEOUT", f"no answer to {method} in {timeout} s") from None

    async def publish(self, topic: str, data: Any, key: str = "", remove: bool = False) -> int:
        """Publishes, where the ticket allows it. Returns the topic's pressure in percent."""
        check_name(topic, "BAD_TOPIC")
        check_name(key, least=0)
        return await self.call(
            {"type": "publish", "topic": topic, "key": key, "tombstone": remove, "data": to_payload(data)}
        )

    def on_push(self, name: str, callback: Callable[[Any], None]) -> None:
        """Calls `callback` for each push of this name to this user."""
        self._pushes[name] = callback

    async def call(self, message: dict[str, Any]) -> Any:
        """Sends a call and waits for its one end, across reconnects."""
        self._check_open()
        if len(self._calls) >= self._welcome.get("maxRequests", MAX_WAITING):
            raise RtmsError("BUSY", "too many calls wait for their answer")
        number = self._next_call()
        call = self._calls[number] = Call(message | {"call": number}, new_future())
        if self.state == "connected":
            self._send_call(call)
        try:
            return await call.future
        except asyncio.CancelledError:
            if call.sent and message["type"] == "request":
                self.send({"type": "cancel", "call": number})
            raise
        finally:
            self._calls.pop(number, None)

    def _check_open(self) -> None:
        if self.state == "closed":
            raise RtmsError("CLOSED", f"the client is closed: {self.error or 'by the application'}")

    def _next_call(self) -> int:
        self._last_call += 1
        return self._last_call

    # ---- the life of a connection

    async def _run(self) -> None:
        failures = refusals = 0
        while True:
            self._retry_after = self._goodbye = 0
            try:
                await self._connect()
            except Closed as closed:
                if self.state == "connected":
                    refusals = 0
                # Where the code does not arrive, that of the goodbye counts.
                code = closed.code if 4400 <= closed.code <= 4499 else self._goodbye or closed.code
                if code == UNAUTHENTICATED and (refusals := refusals + 1) < REFUSALS:
                    self._offers_session = not (self._offers_session and self._welcome["session"])
                elif code == 1000 or 4400 <= code <= 4449:
                    self._end(RtmsError("CLOSED", f"the node closed for good: {code} {closed.reason}"))
                    return
            except OSError:
                pass
            except Violation:
                logger.exception("the connection is given up")
            except Exception as error:
                self._end(error)
                return
            if self.state == "connected":
                failures = 0
            self._lose_connection()
            # Full jitter from the first wait on: a lost node does not get all its clients back in one moment.
            shortest, longest = self._welcome["reconnectMin"] / 1000, self._welcome["reconnectMax"] / 1000
            ceiling = min(LONGEST_WAIT_S, longest * 2 ** min(failures, 10))
            least = max(shortest, self._retry_after / 1000)
            failures += 1
            await asyncio.sleep(least + random.random() * max(0, ceiling - shortest))

    async def _connect(self) -> None:
        """One connection, from its ticket to its end, which is an exception."""
        async with asyncio.timeout(CONNECT_S):
            ticket = await self._get_ticket()
            self._socket = socket = await WebSocket.connect(ticket["url"], SUBPROTOCOL)
            self._consumed = self._acknowledged = 0
            self.send(
                {
                    "type": "hello",
                    "features": 0,
                    "version": 1,
                    "client": "rtms-python/0.1",
                    "token": ticket["token"],
                    "session": self._welcome["session"] if self._offers_session else "",
                    "received": self._received if self._offers_session else 0,
                    "window": self._window,
                }
            )
            self._handle_packet(await socket.receive())
        socket.silence = 2 * self._welcome.get("heartbeat", 10_000) / 1000
        while True:
            self._handle_packet(await socket.receive())

    def forget(self, log: int) -> None:
        """What is still on its way in this log is not of interest any more."""
        self._logs.pop(log, None)

    def _lose_connection(self) -> None:
        if self._socket is not None:
            self._socket.drop(DROPPED)
        self._socket = None
        self._logs.clear()
        for log in (*self.meetings.values(), *self.topics.values()):
            log.log = log.call = 0
        self._set_state("connecting")

    def _end(self, error: Exception) -> None:
        if self.state == "closed":
            return
        self._lose_connection()
        self.error = error
        self._set_state("closed")
        told = error if isinstance(error, RtmsError) else RtmsError("CLOSED", f"the client has ended: {error!r}")
        for log in (*self.meetings.values(), *self.topics.values()):
            log.end(told)
        for call in list(self._calls.values()):
            settle(call.future, error=told)

    def _set_state(self, state: str) -> None:
        if state != self.state:
            self.state = state
            tell(self.on_state, state)

    # ---- sending

    def send(self, message: dict[str, Any]) -> None:
        if self._socket is not None:
            self._socket.send(encode([message]))

    def _send_call(self, call: Call) -> None:
        call.sent = True
        self.send(call.message)

    def _acknowledge(self) -> None:
        self._acknowledged, self._received_acknowledged = self._consumed, self._received
        self._seen_at = asyncio.get_running_loop().time()
        seen = [place for meeting in self.meetings.values() for place in meeting.seen()]
        self.send({"type": "ack", "bytes": self._consumed, "received": self._received, "seen": seen})

    # ---- receiving

    def _handle_packet(self, packet: bytes) -> None:
        try:
            for message in json.loads(packet.decode()):
                kind = message["type"]
                # What this client does not know is passed over.
                handle = getattr(self, f"_on_{kind}", None)
                if handle is None or self._goodbye:
                    continue
                if kind != "goodbye" and (kind == "welcome") == (self.state == "connected"):
                    raise Violation("a connection begins with one welcome")
                if kind in SESSION_LOG:
                    self._received += 1
                handle(message)
        except (LookupError, TypeError, ValueError) as error:
            raise Violation(f"a packet cannot be read: {error!r}") from error
        if self._follows:
            self._follow()
        self._consumed += len(packet)
        window = self._welcome.get("window", 0)
        unsaid = self._consumed - self._acknowledged
        is_due = (window and unsaid >= window / 4) or self._received - self._received_acknowledged >= ENTRIES_PER_ACK
        # Members acknowledge frames a second after they last did so at the latest, as long as packets come.
        if is_due or (self.meetings and asyncio.get_running_loop().time() >= self._seen_at + 1):
            self._acknowledge()

    def _on_welcome(self, message: dict[str, Any]) -> None:
        if message["version"] != 1:
            raise Violation(f"version {message['version']} was not asked for")
        if message["resumed"]:
            # What the session log still holds of a meeting comes before it is joined on this connection.
            self._logs = {meeting.facts["log"]: meeting for meeting in self.meetings.values() if meeting.facts}
        self._welcome = message
        self._offers_session = self._follows = True
        self.origin, self.publishers = message["origin"], [message["publisher"]]
        self.user = message["user"]
        self._entries_lost = message["received"] > self._received
        self._received = self._received_acknowledged = message["received"]
        self._set_state("connected")
        for number, call in sorted(self._calls.items()):
            if not message["resumed"] and call.message["type"] in ("leave", "unsubscribe"):
                # The session has taken its seats and subscriptions with it.
                settle(call.future)
            elif not call.sent or (message["resumed"] and number > message["calls"]):
                self._send_call(call)
            elif not message["resumed"] or self._entries_lost:
                settle(call.future, error=RtmsError("UNKNOWN", "the connection was lost; it may have taken effect"))

    def _follow(self) -> None:
        """Asks for each meeting and topic from where this client stands."""
        self._follows = False
        for meeting in self.meetings.values():
            self.send(meeting.join_message(self._next_call()))
        for subscription in self.topics.values():
            self.send(subscription.subscribe_message(self._next_call()))

    def _on_ping(self, message: dict[str, Any]) -> None:
        self.send({"type": "pong", "echo": message["time"], "time": time.monotonic_ns() // 1000, "lateness": 0})

    def _on_goodbye(self, message: dict[str, Any]) -> None:
        self._goodbye = message["code"]
        self._retry_after = message["retryAfter"]

    def _on_frames(self, message: dict[str, Any]) -> None:
        if (meeting := self._logs.get(message["log"])) is not None:
            meeting.frames(message)

    def _on_publishers(self, message: dict[str, Any]) -> None:
        if message["first"] != len(self.publishers):
            raise Violation("publishers out of order")
        self.publishers += [each["publisher"] for each in message["publishers"]]

    def _on_publications(self, message: dict[str, Any]) -> None:
        if (subscription := self._logs.get(message["log"])) is not None:
            subscription.publications(message)

    def _on_gap(self, message: dict[str, Any]) -> None:
        if (log := self._logs.get(message["log"])) is not None:
            log.gap(message)

    def _on_joined(self, message: dict[str, Any]) -> None:
        meeting = self.meetings.get(message["meeting"])
        if meeting is None:
            # Left before it was joined: now it can be said.
            self.send({"type": "leave", "call": self._next_call(), "log": message["log"]})
        elif meeting.call == message["call"]:
            self._logs[message["log"]] = meeting
            meeting.joined(message, self._welcome["session"], self._entries_lost)

    def _on_subscribed(self, message: dict[str, Any]) -> None:
        subscription = self.topics.get(message["topic"])
        if subscription is None:
            self.send({"type": "unsubscribe", "call": self._next_call(), "logs": [{"log": message["log"]}]})
        elif subscription.call == message["call"]:
            self._logs[message["log"]] = subscription
            subscription.subscribed(message)

    def _on_done(self, message: dict[str, Any]) -> None:
        self._answer(message["call"], message["value"])

    def _on_reply(self, message: dict[str, Any]) -> None:
        self._answer(message["call"], message["data"])

    def _on_failed(self, message: dict[str, Any]) -> None:
        error = RtmsError(message["error"], message["message"], message["retryAfter"])
        for log in (*self.meetings.values(), *self.topics.values()):
            if log.call == message["call"] != 0:
                if log.may_be_elsewhere(error):
                    raise OSError("the meeting is not found here: a fresh ticket may lead to it")
                log.end(error)
        self._answer(message["call"], error=error)

    def _answer(self, number: int, result: Any = None, error: Exception | None = None) -> None:
        if number in self._calls:
            settle(self._calls[number].future, result, error)

    def _on_nack(self, message: dict[str, Any]) -> None:
        if (meeting := self._logs.get(message["log"])) is not None:
            meeting.nack(message)

    def _on_push(self, message: dict[str, Any]) -> None:
        tell(self._pushes.get(message["name"]), from_payload(message["data"]))

    def _on_direct(self, message: dict[str, Any]) -> None:
        if (meeting := self._logs.get(message["log"])) is not None:
            tell(meeting.on_message, from_payload(message["data"]))

    def _on_ended(self, message: dict[str, Any]) -> None:
        if (log := self._logs.get(message["log"])) is not None:
            log.end(RtmsError(message["error"], message["message"]))

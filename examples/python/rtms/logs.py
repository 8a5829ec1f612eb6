"""What a client reads: a meeting's frames and a topic's publications, each a position in a log."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .wire import (
    MAX_PUBLISHERS, MAX_WAITING, Frame, Input, Publication, RtmsError, Violation, from_payload, new_future, settle, tell, to_payload,
)  # fmt: skip

if TYPE_CHECKING:
    from .client import Client


class Meeting:
    """A meeting that was joined. It stays joined across reconnects until `leave`."""

    #: Called for every frame, in order.
    on_frame: Callable[[Frame], None] | None = None
    #: Called with (first, end, reason) where the frames from first up to, not including, end are gone for good.
    on_gap: Callable[[int, int, str], None] | None = None
    #: Called with (recovered, reason) after a reconnect; in another `epoch` frames begin anew.
    on_rejoin: Callable[[bool, str], None] | None = None
    #: Called with what the business says to this member alone.
    on_message: Callable[[Any], None] | None = None
    #: Called once, with the RtmsError that says why it is over.
    on_end: Callable[[RtmsError], None] | None = None

    def __init__(self, client: "Client", name: str, spectator: bool):
        self.name = name
        self.spectator = spectator
        self.slot = 255
        self.epoch = 0
        #: Who was in it when it was last joined; from there on the frames' events tell.
        self.members: list[dict[str, Any]] = []
        #: The `joined` message: rate, seed, head and more.
        self.facts: dict[str, Any] = {}
        self.log = 0
        self.call = 0
        self.entered = new_future()
        self._client = client
        self._session = ""
        self._next = 1
        self._seq = 0
        #: The last input sent that was not refused, as far as is known; 0 for none in this seat.
        self._last = 0
        #: The last input that was handed to a connection.
        self._sent = 0
        #: The meeting was not found with an earlier ticket, since it was last joined.
        self._missed = False
        #: The last frame that the node was told of as seen.
        self._acknowledged = 0
        self._unanswered: dict[int, tuple[dict[str, str], asyncio.Future]] = {}

    def send(self, data: Any) -> "asyncio.Future[int]":
        """
        Sends an input. What it returns can be awaited: the number of the frame that holds the input, or an RtmsError with
        the node's reason, or UNKNOWN where the connection was lost for good. Across a short loss it waits.
        """
        future = new_future()
        payload = to_payload(data)
        if self._client.meetings.get(self.name) is not self:
            settle(future, error=RtmsError("NOT_JOINED", "the meeting was left or has ended"))
        elif self.spectator:
            settle(future, error=RtmsError("READ_ONLY"))
        elif len(self._unanswered) >= MAX_WAITING:
            settle(future, error=RtmsError("BUSY", f"{MAX_WAITING} inputs wait for their frame already"))
        else:
            self._seq += 1
            self._unanswered[self._seq] = (payload, future)
            if self.log:
                self._send(self._seq)
        return future

    async def leave(self) -> None:
        """Leaves for good. What was sent before is still framed."""
        if self._client.meetings.get(self.name) is not self:
            return
        log = self.log or self.facts.get("log", 0)
        self.end(RtmsError("CLOSED", "the meeting was left"))
        if log:
            await self._client.call({"type": "leave", "log": log})

    def _send(self, seq: int) -> None:
        data = self._unanswered[seq][0]
        self._acknowledged = self._next - 1
        self._client.send(
            {"type": "input", "log": self.log, "seq": seq, "after": self._last, "seen": self._next - 1, "data": data}
        )
        self._last = self._sent = seq

    def seen(self) -> list[dict[str, int]]:
        """What of an acknowledgement is this meeting's."""
        if self.spectator or not self.log or self._next - 1 <= self._acknowledged:
            return []
        self._acknowledged = self._next - 1
        return [{"log": self.log, "frame": self._acknowledged}]

    def join_message(self, call: int) -> dict[str, Any]:
        self.call = call
        return {
            "type": "join", "call": call, "meeting": self.name, "spectator": self.spectator, "config": "",
            "world": self.epoch, "next": self._next if self.epoch else 0,
        }  # fmt: skip

    def joined(self, message: dict[str, Any], session: str, lost: bool) -> None:
        """`lost`: entries of the session log are gone, and refusals of inputs may have been among them."""
        again = self.epoch != 0
        place = (message["world"], message["slot"], session)
        if place != (self.epoch, self.slot, self._session):
            # Inputs of another seat: whether they were taken nobody can tell any more.
            self._fail_inputs("UNKNOWN")
            self._seq = self._sent = message["seq"]
            self._last = 0
        elif lost or not message["recovered"]:
            self._fail_inputs("UNKNOWN", message["seq"])
        if message["world"] != self.epoch or message["reason"] == "PROTOCOL":
            self._next = 1
        # What is above `seq` did not arrive.
        self._last = min(self._last, message["seq"])
        self._acknowledged = 0
        self._missed = False
        self.epoch, self.slot, self._session = place
        self.log, self.members, self.facts = message["log"], message["members"], message
        if again:
            tell(self.on_rejoin, message["recovered"], message["reason"])
        settle(self.entered, self)
        # Those up to `seq` were taken in or refused: their frames or refusals are here or to come.
        for seq in [seq for seq in self._unanswered if seq > message["seq"]]:
            self._send(seq)

    def frames(self, message: dict[str, Any]) -> None:
        first, count = message["first"], message["count"]
        if first > self._next:
            raise Violation(f"frames {self._next} to {first} of {self.name} are missing")
        entries = {frame["frame"]: frame["entries"] for frame in message["frames"]}
        for number in range(self._next, first + count):
            self._next = number + 1
            events, inputs = [], []
            for entry in entries.get(number, ()):
                if "event" in entry:
                    events.append(entry)
                    continue
                inputs.append(Input(entry["slot"], entry["seq"], from_payload(entry)))
                if entry["slot"] == self.slot:
                    self._answer(entry["seq"], number)
            tell(self.on_frame, Frame(number, events, inputs))

    def gap(self, message: dict[str, Any]) -> None:
        if message["to"] <= self._next:
            return
        self._next = message["to"]
        # Their frames may be among those that are gone.
        self._fail_inputs("UNKNOWN")
        tell(self.on_gap, message["from"], message["to"], message["reason"])

    def nack(self, message: dict[str, Any]) -> None:
        if message["seq"] == self._last:
            self._last = max((seq for seq in self._unanswered if seq < self._last), default=0)
        self._answer(message["seq"], error=RtmsError(message["error"], "", message["retryAfter"]))

    def may_be_elsewhere(self, error: RtmsError) -> bool:
        """Whether a fresh ticket is worth a try: whoever issues it may open the meeting, or know another node."""
        if error.code != "NOT_FOUND" or self.epoch == 0 or self._missed:
            return False
        self._missed = True
        return True

    def end(self, error: RtmsError) -> None:
        self._client.meetings.pop(self.name, None)
        self._client.forget(self.log)
        self.log = 0
        # What was sent may be in a frame that this client does not see.
        self._fail_inputs("UNKNOWN", self._sent)
        self._fail_inputs(error.code)
        settle(self.entered, error=error)
        tell(self.on_end, error)

    def _answer(self, seq: int, frame: int = 0, error: RtmsError | None = None) -> None:
        if seq in self._unanswered:
            settle(self._unanswered.pop(seq)[1], frame, error)

    def _fail_inputs(self, code: str, last: float = float("inf")) -> None:
        for seq in [seq for seq in self._unanswered if seq <= last]:
            self._answer(seq, error=RtmsError(code))


class Subscription:
    """A topic that is read, across reconnects, until `close`."""

    def __init__(self, client: "Client", topic: str, on_publication: Callable[[Publication], None], options: dict[str, Any]):
        self.topic = topic
        #: Called with (reason, lost) where publications are missing: their number where it is known, else 0.
        self.on_gap: Callable[[str, int], None] | None = options.pop("on_gap")
        self.on_end: Callable[[RtmsError], None] | None = options.pop("on_end")
        self.log = 0
        self.call = 0
        self.entered = new_future()
        self._client = client
        self._on_publication = on_publication
        self._options = options
        #: Where it stands: an epoch of the topic's log, a place in it, and the last number of each publisher. An epoch of 0
        #: is nowhere: before the first `subscribed`.
        self._epoch = self._at = 0
        self._numbers: dict[int, int] = {}

    async def close(self) -> None:
        if self._client.topics.get(self.topic) is not self:
            return
        log = self.log
        self.end(RtmsError("CLOSED", "the subscription was closed"))
        # A subscription does not outlive its connection.
        if log:
            await self._client.call({"type": "unsubscribe", "logs": [{"log": log}]})

    def subscribe_message(self, call: int) -> dict[str, Any]:
        self.call = call
        since = {"epoch": self._epoch, "at": self._at, "numbers": list(self._numbers.items())}
        return {"type": "subscribe", "call": call, "topics": [{"topic": self.topic, "since": since} | self._options]}

    def subscribed(self, message: dict[str, Any]) -> None:
        again = self._epoch != 0
        self.log = message["log"]
        position = message["position"]
        self._epoch, self._at, self._numbers = position["epoch"], position["at"], dict(position["numbers"])
        settle(self.entered, self)
        if again and not message["recovered"]:
            tell(self.on_gap, message["reason"], 0)

    def publications(self, message: dict[str, Any]) -> None:
        self._at = message["at"]
        for entry in message["publications"]:
            self._at = entry["at"] + 1
            publisher = self._client.publishers[entry["publisher"]]
            # Another node may hold the entries in another order of publishers: what was had is passed over.
            if entry["number"] <= self._numbers.get(publisher, 0):
                continue
            self._take(publisher, entry["number"])
            key, removed = entry.get("key", ""), entry.get("tombstone", False)
            time = (self._client.origin + entry["time"]) / 1e3
            tell(self._on_publication, Publication(self.topic, key, from_payload(entry), removed, time))

    def _take(self, publisher: int, number: int) -> None:
        self._numbers.pop(publisher, None)
        self._numbers[publisher] = number
        if len(self._numbers) > MAX_PUBLISHERS:
            del self._numbers[next(iter(self._numbers))]

    def gap(self, message: dict[str, Any]) -> None:
        position, reason = message["position"], message["reason"]
        self._at = position["at"]
        # It begins anew, and gets values again that it had.
        if self._at == 0:
            self._numbers.clear()
        news = [pair for pair in position["numbers"] if pair[1] > self._numbers.get(pair[0], 0)]
        self._numbers.update(news)
        # A hole that it was told of before it lost its connection.
        if reason == "BUS" and not news:
            return
        # Of a reader of some keys nobody knows how many of the entries passed over were of these.
        lost = 0 if self._options["keys"] else max(0, self._at - message["from"])
        tell(self.on_gap, reason, lost)

    def may_be_elsewhere(self, error: RtmsError) -> bool:
        return False

    def end(self, error: RtmsError) -> None:
        self._client.topics.pop(self.topic, None)
        self._client.forget(self.log)
        self.log = 0
        settle(self.entered, error=error)
        tell(self.on_end, error)

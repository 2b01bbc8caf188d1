"""What is still to be said to the broker: what is retained and differs, then what happened.

Owns both. What is retained is bounded by what there is: only the last word about a topic is kept. What happened is bounded by
`WAITING`; then the oldest goes lost, is counted, and whoever waits for it hears so. Must not do I/O.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: Events that wait for the broker.
WAITING = 1000


@dataclass(frozen=True, slots=True)
class Message:
    """One publication, at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False
    correlation: bytes | None = None  # MQTT 5: goes back with an answer as it came
    on_end: Callable[[bool], None] | None = None  # True: the broker has it


class Outbox:
    """What waits."""

    def __init__(self) -> None:
        self._wanted: dict[str, bytes] = {}
        self._dirty: dict[str, bytes] = {}  # in the order in which it changed; b"" clears
        self._events: deque[Message] = deque()
        self.lost = 0  # events that the broker never got

    def __len__(self) -> int:
        return len(self._dirty) + len(self._events)

    def want(self, words: Mapping[str, bytes]) -> None:
        """All that is to be retained: what is not in it any more is cleared."""
        before, self._wanted = self._wanted, dict(words)
        for topic, payload in words.items():
            if before.get(topic) != payload:
                self._dirty[topic] = payload
        for topic in before:
            if topic not in words:
                self._dirty[topic] = b""

    def begin(self) -> None:
        """A new connection: nobody knows what the broker holds, so all of it is said again."""
        self._dirty |= self._wanted

    def found(self, topic: str) -> None:
        """The broker retains something: what we do not want there is cleared."""
        if topic not in self._wanted:
            self._dirty[topic] = b""

    def add(self, message: Message) -> None:
        """Something happened."""
        if len(self._events) >= WAITING:
            self._lose()
        self._events.append(message)

    def take_back(self, message: Message) -> None:
        """Nobody wants it any more, if it still waits."""
        if message in self._events:
            self._events.remove(message)

    def take(self, most: int) -> list[Message]:
        """What is to be said next; `put_back` what did not get through."""
        taken: list[Message] = []
        while self._dirty and len(taken) < most:
            topic = next(iter(self._dirty))
            taken.append(Message(topic, self._dirty.pop(topic), retain=True))
        while self._events and len(taken) < most:
            taken.append(self._events.popleft())
        return taken

    def put_back(self, messages: list[Message]) -> None:
        """The broker was lost meanwhile: events wait for it, as far as there is room."""
        for message in reversed(messages):
            if message.retain:
                self._dirty.setdefault(message.topic, message.payload)
            elif len(self._events) < WAITING:
                self._events.appendleft(message)
            else:
                self._end(message)

    def give_up(self) -> None:
        """Nothing will be said any more."""
        while self._events:
            self._lose()

    def _lose(self) -> None:
        self._end(self._events.popleft())

    def _end(self, message: Message) -> None:
        self.lost += 1
        if message.on_end is not None:
            message.on_end(False)

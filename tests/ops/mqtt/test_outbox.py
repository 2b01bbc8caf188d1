"""The outbox against a model: whatever is lost in between, the broker ends up with what is wanted, and no more waits than may."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.ops.mqtt import outbox
from controller.ops.mqtt.outbox import Message, Outbox

TOPICS = [f"t{number}" for number in range(6)]
WORDS = st.dictionaries(st.sampled_from(TOPICS), st.sampled_from([b"up", b"down", b"degraded"]))


class Broker(RuleBasedStateMachine):
    """A broker that is lost now and then, and forgets, keeps or has been given things meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox()
        self.wanted: dict[str, bytes] = {}
        self.holds: dict[str, bytes] = {}
        self.connected = False
        self.ended: dict[int, bool] = {}
        self.added = 0

    @rule(words=WORDS)
    def see(self, words: dict[str, bytes]) -> None:
        self.wanted = words
        self.outbox.want(words)

    @rule(count=st.integers(1, 700))
    def hear(self, count: int) -> None:
        for _ in range(count):
            number = self.added = self.added + 1
            self.outbox.add(Message("e", b"", on_end=lambda through, number=number: self._end(number, through)))

    def _end(self, number: int, through: bool) -> None:
        assert number not in self.ended, "heard twice of one event"
        self.ended[number] = through

    @precondition(lambda self: not self.connected)
    @rule(forgets=st.booleans(), strange=WORDS)
    def connect(self, forgets: bool, strange: dict[str, bytes]) -> None:
        self.holds = {} if forgets else {**self.holds, **strange}
        for topic in self.holds:
            self.outbox.found(topic)
        self.outbox.begin()
        self.connected = True
        while messages := self.outbox.take(20):
            self._deliver(messages)
        assert self.holds == self.wanted, "online, and something is stale"

    @precondition(lambda self: self.connected)
    @rule(most=st.integers(1, 30))
    def publish(self, most: int) -> None:
        self._deliver(self.outbox.take(most))

    @precondition(lambda self: self.connected)
    @rule(most=st.integers(1, 30), through=st.integers(0, 30), words=WORDS)
    def lose(self, most: int, through: int, words: dict[str, bytes]) -> None:
        """The broker goes while something is under way, and nobody knows what it got of that."""
        messages = self.outbox.take(most)
        for message in messages[:through]:
            self._apply(message)
        self.see(words)
        self.outbox.put_back(messages)
        self.connected = False

    def _deliver(self, messages: list[Message]) -> None:
        for message in messages:
            self._apply(message)
            if message.on_end is not None:
                message.on_end(True)

    def _apply(self, message: Message) -> None:
        if message.retain and message.payload:
            self.holds[message.topic] = message.payload
        elif message.retain:
            self.holds.pop(message.topic, None)

    @invariant()
    def is_bounded(self) -> None:
        assert len(self.outbox) <= outbox.WAITING + len(TOPICS)
        lost = sum(not through for through in self.ended.values())
        assert self.outbox.lost == lost

    def teardown(self) -> None:
        """Nobody waits for ever for what became of an event."""
        self.outbox.give_up()
        assert len(self.ended) == self.added


TestBroker: Any = Broker.TestCase
TestBroker.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_the_oldest_goes_and_only_the_last_word_stays() -> None:
    box = Outbox()
    for number in range(outbox.WAITING + 5):
        box.add(Message("e", str(number).encode()))
        box.want({"t": str(number).encode()})
    taken = box.take(2)
    assert [message.payload for message in taken] == [str(outbox.WAITING + 4).encode(), b"5"]
    assert (box.lost, len(box)) == (5, outbox.WAITING - 1)

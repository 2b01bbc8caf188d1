"""Every kind of news has words of its own, and whatever they say, a row has its columns and no more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from controller import news
from controller.broker import news as message_news
from controller.health.node import Change as MessageChange
from controller.health.score import Change
from controller.news import DRILL, TEST_CALL
from controller.ops.board import Board
from controller.ops.consumer import CALLS, MESSAGES, Event, Picture
from controller.resolver.book import NameNews
from controller.top import rows, sheets, views
from controller.top.seen import REMEMBERED, Seen
from controller.top.views import View
from controller.top.words import RANKS, STYLES, ended, failover, outcome, say
from controller.types import (
    CertificateExpiring,
    MediaNews,
    Overloaded,
    Page,
    PlacedNews,
    Registered,
    TargetState,
    TlsRefused,
    Transition,
    Uplink,
)
from controller.types.placed import CallState
from controller.types.records import Exercised
from controller.types.texts import TextNews, TextState
from tests.top.canned import LIVE, LOST, MESSAGES_STATUS, REFUSED, STATUS, WON, T, _call, _cascade

#: One of each, and what stands in the timeline.
SAMPLES: list[tuple[Any, tuple[str, str, str]]] = [
    (Transition("a", TargetState.UP, TargetState.DOWN, 5.0, "X", "silence"), ("a", "down", "silence (was up)")),
    (Change("a", (), "held", "open", 5.0, "well again"), ("a", "up", "all calls again: well again")),
    (Change("a", ("US",), "open", "canary", 5.0, "as well"), ("a US", "degraded", "single tries: as well")),
    (Page("a", 9.0, 4.0, "X", "down for 5 s"), ("a", "down", "somebody should know: down for 5 s")),
    (Registered("a", False, 1.0, "403 Forbidden"), ("a", "down", "not registered: 403 Forbidden")),
    (Overloaded(False, 1.0, 7), ("callward", "up", "overload is over, 7 turned away so far")),
    (MediaNews("192.0.2.1:22222", True, 1.0, "it answers"), ("192.0.2.1:22222", "up", "it answers")),
    (Uplink(True, 1.0, "all at once"), ("uplink", "down", "all at once")),
    (CertificateExpiring("trunk a", 9.0, 0, "expired"), ("trunk a", "down", "expired")),
    (TlsRefused("a", "it is not a"), ("a", "down", "it is not a")),
    (NameNews("sip.a.example", ("a",), new=("192.0.2.1",)), ("sip.a.example", "up", "now 192.0.2.1")),
    (PlacedNews("k", CallState.FAILED, "486"), ("own call", "degraded", "failed: 486 Busy Here")),
    (TextNews("k", TextState.FAILED, "404"), ("SIP message", "degraded", "failed: 404 Not Found")),
    (Exercised("a", None, "hung up", 1.0, 2.0, drill=True), ("a", "unknown", "called off: hung up")),
    (message_news.StoreNews(""), ("store", "up", "it answers again")),
    (MessageChange("sms-1", ("US",), "open", "held", 5.0, "lost"), ("sms-1 US", "down", "held out: lost")),
]


@pytest.mark.parametrize(("sample", "said"), SAMPLES, ids=lambda one: type(one).__name__)
def test_news_in_a_sentence(sample: Any, said: tuple[str, str, str]) -> None:
    show = message_news.show_news if isinstance(sample, MessageChange | message_news.StoreNews) else news.show_news
    assert tuple(say(*show(sample))) == said
    assert said[1] in RANKS


def test_no_kind_of_news_is_without_words() -> None:
    kinds = {*news.KINDS.values(), *message_news.KINDS.values(), DRILL} - {"call", "cascade", "fault", TEST_CALL}
    said = {news.show_news(one)[0] for one, _ in SAMPLES if not isinstance(one, message_news.StoreNews)} | {"store"}
    assert said == kinds
    assert say("something-new", {}).state == "unknown"


def test_what_became_of_a_call() -> None:
    won = _call(T, [LOST, WON], "anna-mobile via carrier-a", "", 200, 4.0)
    assert outcome(won)[:2] == ("answered", "up")
    way = failover(won)
    assert way is not None
    assert way.text == "front-desk via branch-pbx: its trunk went down; answered by anna-mobile via carrier-a"
    direct = _call(T, [{**WON, "at": 0.0}], "anna-mobile via carrier-a", "", 200, 4.0)
    assert failover(direct) is None
    around = {**direct, "skipped": [{"what": "front-desk via hq-pbx", "why": "hq-pbx is down (X)"}]}
    way = failover(around)
    assert way is not None
    assert "was passed over, hq-pbx is down (X)" in way.text
    busy = _call(T, [REFUSED], None, "EXHAUSTED", 486, 2.0)
    assert (outcome(busy).who, failover(busy)) == ("missed", None)
    assert outcome(_call(T, [], None, "WITHDRAWN", 487, 2.0)).who == "hung up"


def test_what_became_of_a_cascade() -> None:
    over: dict[str, Any] = {
        "status": "exhausted",
        "reason": "no_time",
        "winner": "",
        "sends": ("a", "b", "a"),
        "ended": T,
    }
    assert tuple(ended(over)) == ("exhausted", "down", "no time: sent by a, b")
    assert ended({**over, "status": "completed", "winner": "b"}).text == "b after a"
    assert ended({**over, "ended": None, "now": "step 1 of 3"})[::2] == ("under way", "step 1 of 3")


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(TEXT, TEXT, st.integers(78, 200), st.sampled_from(sorted(STYLES)), st.booleans())
def test_a_row_has_its_columns_whatever_stands_in_it(name: str, why: str, width: int, state: str, up: bool) -> None:
    """Wide characters, such as join others, and what a terminal would obey."""
    trunk = {
        **STATUS["trunks"][1],
        "name": name,
        "why": why,
        "code": why,
        "state": state,
        "carrier": name if up else "",
    }
    board = Board()
    board.see(Picture(T, {**STATUS, "trunks": [trunk]}))
    call = {**_call(T, [LOST], None, "EXHAUSTED", 486, 2.0), "refusal": why, "did": name, "caller": why, "chain": name}
    seen = Seen(whole=True)
    seen.hear(Event(CALLS, "call", T, call, 1, "life"))
    seen.hear(Event(CALLS, "media", T, {"relay": name, "answers": up, "at": 1.0, "why": why}, 2, "life"))
    (told,), (entry,) = seen.calls(), seen.timeline()
    drawn = [
        *rows.trunk(board.rows[f"trunk:{name}"], T, width),
        *rows.call(told, T, rows.WHOLE, width),
        *rows.event(entry, T, width),
    ]
    for line in drawn:
        assert cell_len(line.plain) <= width
        assert "\x1b" not in line.plain
        assert "\n" not in line.plain
    sheet = sheets.event(entry, T, width).plain
    assert "\x1b" not in sheet


def test_numbers_of_people_are_masked_unless_somebody_asks_for_them() -> None:
    call = _call(T, [WON], "anna-mobile via carrier-a", "", 200, 4.0)
    for whole in (False, True):
        seen = Seen(whole=whole)
        seen.hear(Event(CALLS, "call", T, {**call, "call": "x-+12025550123@h;b;h"}, 1, "life"))
        seen.hear(
            Event(CALLS, "media", T, {"relay": "r", "answers": True, "at": 1.0, "why": "for +12025550123"}, 2, "life")
        )
        seen.take_live(LIVE)
        shown = repr([next(iter(seen.calls())).data, seen.timeline()[0].said, seen.live["ringing"][0]["caller"]])
        assert ("2025550123" in shown) is whole
        assert ("2025550199" in shown) is whole


def test_what_is_remembered_is_bounded() -> None:
    seen = Seen()
    for number in range(REMEMBERED + 50):
        call = _call(T + number, [LOST, WON], "anna-mobile via carrier-a", "", 200, 4.0)
        seen.hear(Event(CALLS, "call", T + number, call, number, "life"))
        seen.hear(Event(MESSAGES, "store", T + number, {"why": str(number)}, number, "life"))
    assert len([*seen.calls()]) == REMEMBERED
    (failed,) = [entry for entry in seen.timeline() if entry.kind == "failover"]
    assert failed.said.text.startswith(f"{REMEMBERED} calls, front-desk via branch-pbx")
    assert len(seen.timeline()) == REMEMBERED + 1


def test_a_cascade_that_ended_is_over_whatever_an_older_list_says() -> None:
    seen = Seen()
    seen.take_cascades([{**_cascade("c1", "active", "2027-01-15T07:59:50.000Z", None, None, [])}])
    assert ended(seen.cascades()[0].data).who == "under way"
    data = {"cascade": "c1", "tenant": "acme", "status": "completed", "reason": "", "created": T - 10, "ended": T, "country": "",
            "operator": "", "use_case": "", "sends": ("a",), "winner": "a", "cost": 0.0}  # fmt: skip
    seen.hear(Event(MESSAGES, "cascade", T, data, 1, "life"))
    (told,) = seen.cascades()
    assert ended(told.data).who == "completed"


def test_a_daemon_that_goes_is_said_once_it_was_there() -> None:
    seen = Seen()
    seen.see(Picture(T))
    assert not seen.is_known
    assert seen.alarms() == []
    seen.see(Picture(T + 1, STATUS))
    seen.see(Picture(T + 2))
    assert seen.alarms()[0].startswith("the process for calls is gone since")
    assert seen.of_kind("trunk")  # as they were
    seen.see(Picture(T + 3, STATUS))
    assert not seen.gone


def test_messages_that_a_reload_took_out_are_not_missed_but_a_process_that_died_is() -> None:
    alone = {**STATUS, "messages": None}  # messages are a service of their own: that for calls does not run them
    for status, version, is_gone in ((STATUS, "v1", True), (alone, "v1", True), (alone, "v2", False)):
        seen = Seen()
        seen.see(Picture(T, {**status, "version": "v1"}, MESSAGES_STATUS))
        assert len(seen.of_kind("provider")) == 2
        for _ in range(2):
            seen.see(Picture(T + 1, {**status, "version": version}))
            assert (MESSAGES in seen.gone) is is_gone
            assert len(seen.of_kind("provider")) == (2 if is_gone else 0)
        seen.see(Picture(T + 2))
        assert (MESSAGES in seen.gone) is is_gone
        seen.see(Picture(T + 3, {**status, "version": version}, MESSAGES_STATUS))
        assert len(seen.of_kind("provider")) == 2
        assert not seen.gone


def test_a_daemon_of_messages_alone() -> None:
    seen = Seen()
    seen.see(Picture(T, None, MESSAGES_STATUS))
    assert not seen.alarms()
    assert [row["provider"] for row in seen.of_kind("provider")] == ["whatsapp-1", "sms-1"]
    head, items = views.show(View.TRUNKS, seen, "", T, 80)
    assert head.plain.startswith("provider")
    assert [item.key for item in items] == ["provider:whatsapp-1", "provider:sms-1"]
    seen.see(Picture(T + 1))
    assert seen.alarms()[0].startswith("the process for messages is gone")

"""Each way to tell people, against answers as the public documents of each have them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from controller.alerting.incidents import Alerting
from controller.alerting.notices import make_notice
from controller.alerting.outbox import Again, Done, Entry, Result
from controller.alerting.words import What
from controller.ops.consumers import HandOver
from controller.ops.notify.alertmanager import LASTS, alerts_of
from controller.ops.notify.base import read_retry_after
from controller.ops.notify.ways import make_way
from controller.types.alerts import Apprise, Email, Kind, Mqtt, PagerDuty, Severity, Slack, Target, Webhook
from controller.types.smtp import Smtp, SmtpSecurity
from tests.alerting.stage import START, World, labels_of, route
from tests.ops.alerts_stage import (
    PAGERDUTY_BUSY,
    PAGERDUTY_INVALID,
    SLACK_BROKEN,
    SLACK_NO_SERVICE,
    People,
    people,
)


def entry(what: What = What.TRIGGER, *, missed: bool = False, kind: Kind = Kind.TRUNK) -> Entry:
    here = World(Alerting((route(),), {}), labels_of(2)).fall("t0", "t1", kind=kind).wait(6.0)
    (incident,) = here.alerting.open.values()
    if what is What.RESOLVE:
        here.rise("t0", "t1", kind=kind).wait(31.0)
    if what is What.ACKNOWLEDGE:
        here.alerting.acknowledge(incident.id, "anna", here.now)
    return Entry("x", what, make_notice(incident, what), START, START, 1, missed=missed)


def told(
    target: Callable[[People], Target], *entries: Entry, setup: Callable[[People], object] = lambda _: None
) -> tuple[list[Result], People]:
    """What became of it, and what was heard."""

    async def main() -> tuple[list[Result], People]:
        async with people() as here:
            setup(here)
            way = make_way(target(here), {}.get)
            results = [await way.deliver(each) for each in entries]
            await way.close()
            return results, here

    return asyncio.run(main())


def pagerduty(here: People) -> Target:
    return PagerDuty("key-of-a-service", here.url + "/pd")


def slack(here: People) -> Target:
    return Slack(here.url + "/slack")


def mail(here: People) -> Target:
    smtp = Smtp("127.0.0.1", here.mail_port, "callward@example.com", "callward", security=SmtpSecurity.OFF)
    return Email(smtp, ("anna@example.com", "ben@example.com"))


def test_pagerduty_gets_events_of_its_api_version_2() -> None:
    whats = (What.TRIGGER, What.UPDATE, What.ACKNOWLEDGE, What.RESOLVE)
    results, here = told(pagerduty, *map(entry, whats))
    assert results == [Done()] * 4
    trigger, acknowledge, resolve = (each.body for each in here.at("/pd/v2/enqueue"))
    assert trigger["payload"].keys() >= {"summary", "source", "severity", "timestamp", "custom_details"}
    assert trigger["payload"]["severity"] in {"critical", "error", "warning", "info"}
    assert datetime.fromisoformat(trigger["payload"]["timestamp"]).timestamp() == START
    assert len(trigger["dedup_key"]) <= 255
    assert acknowledge == {**resolve, "event_action": "acknowledge"}
    assert resolve == {"routing_key": "key-of-a-service", "event_action": "resolve", "dedup_key": trigger["dedup_key"]}


@pytest.mark.parametrize(
    ("target", "path", "reply", "refused", "after"),
    [
        (pagerduty, "/pd/v2/enqueue", PAGERDUTY_BUSY, False, 1.0),
        (pagerduty, "/pd/v2/enqueue", PAGERDUTY_INVALID, True, 0.0),
        (slack, "/slack", SLACK_BROKEN, False, 0.0),
        (slack, "/slack", SLACK_NO_SERVICE, True, 0.0),
        (slack, "/slack", (302, "", {"Location": "/elsewhere"}), True, 0.0),
    ],
)
def test_what_an_answer_means(target, path, reply, refused, after) -> None:  # type: ignore[no-untyped-def]
    def script(here: People) -> None:
        here.replies[path] = deque([reply])

    (result,), here = told(target, entry(), setup=script)
    assert isinstance(result, Again)
    assert (result.refused, result.after) == (refused, after)
    assert result.why.startswith(str(reply[0]))
    assert len(here.heard) == 1  # nobody is led elsewhere


def test_nothing_that_goes_wrong_repeats_a_secret() -> None:
    (result,), _ = told(lambda _: Slack("http://127.0.0.1:1/services/hunter2"), entry())
    assert isinstance(result, Again)
    assert not result.refused
    assert "hunter2" not in result.why
    assert "hunter2" not in repr(
        (Slack("hunter2"), PagerDuty("hunter2"), Webhook("x", "hunter2"), Apprise(("hunter2",)))
    )


def test_slack_is_not_told_to_call_everybody() -> None:
    one = entry()
    one.notice = {**one.notice, "title": "<!channel> & co"}
    (result,), here = told(slack, one)
    assert result == Done()
    assert here.at("/slack")[0].body["text"].startswith("*&lt;!channel&gt; &amp; co*\n")


def test_what_could_not_be_told_in_time_says_so() -> None:
    results, here = told(slack, entry(What.RESOLVE, missed=True))
    assert results == [Done()]
    text = here.at("/slack")[0].body["text"]
    assert text.startswith("*over: carrier c0: all 2 trunks are down*\n(this could not be told before)\n")
    assert "over after 37" in text or "over after 36" in text


def test_mail_is_a_thread_and_bothers_no_robots() -> None:
    results, here = told(mail, entry(), entry(What.UPDATE), entry(What.RESOLVE))
    assert results == [Done()] * 3
    first, last = here.mails
    assert (first["to"], first["auto-submitted"]) == ("anna@example.com, ben@example.com", "auto-generated")
    assert first["importance"] == "high"
    assert first["references"] == last["references"]
    assert first["message-id"] != last["message-id"]
    assert "trunk t0 (carrier c0), since 2023-11-14 22:13:20 UTC: no reply" in first.get_content()


@pytest.mark.parametrize(("said", "refused"), [("451 try later", False), ("550 no such user", True)])
def test_a_mail_server_that_refuses(said: str, refused: bool) -> None:
    def script(here: People) -> None:
        here.mail_says = said

    (result,), _ = told(mail, entry(), setup=script)
    assert isinstance(result, Again)
    assert (result.refused, result.why[:3]) == (refused, said[:3])


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # which apprise imports
def test_one_of_several_whom_a_mail_server_does_not_know_is_said() -> None:
    def script(here: People) -> None:
        here.unknown.add("ben@example.com")

    (result,), here = told(mail, entry(), setup=script)
    assert result == Done("ben@example.com: 550 5.1.1 no such user")
    assert len(here.mails) == 1


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # the library's own
def test_apprise_tells_and_knows_what_it_does_not_know() -> None:
    results, here = told(
        lambda here: Apprise((f"json://{here.url.removeprefix('http://')}/a",)), entry(), entry(What.UPDATE)
    )
    assert results == [Done(), Done()]
    (heard,) = here.at("/a")
    assert (heard.body["title"], heard.body["type"]) == ("carrier c0: all 2 trunks are down", "warning")
    (result,), _ = told(lambda _: Apprise(("nonsense://hunter2",)), entry())
    assert result == Again("apprise does not know one of the URLs", refused=True)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # the library's own
def test_whom_apprise_has_told_is_not_told_again_for_the_sake_of_others() -> None:
    def both(here: People) -> Target:
        at = here.url.removeprefix("http://")
        return Apprise((f"json://{at}/fine", f"json://{at}/broken"))

    def script(here: People) -> None:
        here.replies["/broken"] = deque([(500, {}, {})] * 2)

    one = entry()
    results, here = told(both, one, one, one, setup=script)
    assert results == [*[Again("apprise could not tell 1 of 2")] * 2, Done()]
    assert (len(here.at("/fine")), len(here.at("/broken"))) == (1, 3)


def test_mqtt_waits_for_its_broker() -> None:
    async def fail(_: object, __: str) -> bool:
        return False

    async def deliver(hand_over: HandOver | None) -> Result:
        return await make_way(Mqtt(), lambda _: hand_over).deliver(entry())

    assert asyncio.run(deliver(None)) == Again("there is no 'mqtt' in the dialplan", refused=True)
    assert asyncio.run(deliver(fail)) == Again("the broker did not take it")


def test_alertmanager_forgets_what_is_not_repeated() -> None:
    first = alerts_of(entry().notice, START + 6.0)
    over = alerts_of(entry(What.RESOLVE).notice, START + 60.0)
    assert [each["labels"] for each in first] == [each["labels"] for each in over]
    assert {each["endsAt"] for each in first} == {datetime.fromtimestamp(START + 6.0 + LASTS, UTC).isoformat()}
    assert all(datetime.fromisoformat(each["endsAt"]).timestamp() < START + 60.0 for each in over)


def test_retry_after_in_both_its_forms() -> None:
    date = format_datetime(datetime.fromtimestamp(START + 90.0, UTC), usegmt=True)
    assert (read_retry_after("7", START), read_retry_after(date, START)) == (7.0, 90.0)
    assert [read_retry_after(text, START) for text in ("", "soon", "-1", "9" * 40)] == [0.0] * 4


def test_every_kind_has_words_for_its_title_and_its_end() -> None:
    for kind in Kind:
        for what in What:
            here = (
                World(Alerting((route(),), {}), labels_of(2)).fall("x", kind=kind, severity=Severity.WARNING).wait(6.0)
            )
            (incident,) = here.alerting.open.values()
            title = make_notice(incident, what)["title"]
            assert len(title) > 9, (kind, title)

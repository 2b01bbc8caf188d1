"""Every preset against the simulated provider, over sockets: sent, answered, reported, refused, forged."""

import asyncio
from typing import Any

import pytest

from controller.channels.base import Accepted, Inbound, Refused, Unclear
from controller.config.presets import read_preset
from controller.simulate.base import Answer, Fate, FatedReport, Fates, Faults, Word
from controller.types import TRANSPORT_ERROR
from controller.types.messages import Channel
from controller.types.words import Milestone
from tests.channels.hooks import Pair, message, pair
from tests.channels.providers import ALL

TELEGRAM = "telegram-gateway"
#: Who says nothing between "taken" and "delivered".
NO_SENT = {"rbm"}
#: Whose credentials are keys: test_http_tokens has them.
KEYS = {"vonage", "rbm"}
TEMPLATED = [
    (preset, channel)
    for preset, channel in ALL
    if "templated" in {**read_preset(preset)["http"], **read_preset(preset)["channels"][channel]}
]


def run(test: Any, *providers: tuple[str, Channel], **more: Any) -> None:
    async def play() -> None:
        async with pair(*providers, **more) as both:
            await test(both)

    asyncio.run(play())


@pytest.mark.parametrize(("preset", "channel"), ALL)
def test_a_message_is_sent_and_its_reports_come_back(preset: str, channel: Channel) -> None:
    async def play(both: Pair) -> None:
        answer = await both.adapter(preset).submit(message(channel))
        assert both.simulator.malformed == []
        [got] = both.simulator.journal.entries
        assert isinstance(answer, Accepted)
        assert answer.ref
        key = answer.ref if preset == "rbm" else "c1:0:1"  # where the name of a message is made from ours
        assert (got.send_key, got.to.rpartition(":")[2].removeprefix("+")) == (key, "14155550123")
        assert got.text == ("428193" if preset == TELEGRAM else "Dein Code: 428193 🙂 & mehr")
        await both.simulator.settled()
        assert both.house.forged == []
        reports = both.house.reports()
        assert {report.ref for report in reports} == {answer.ref}
        milestones = [report.milestone for report in reports]
        sent = [] if preset in NO_SENT else [Milestone.ALERTING]
        last = [Milestone.CONFIRMED] if reports[-1].milestone is Milestone.CONFIRMED else [Milestone.ANSWERED]
        assert milestones == [*sent, Milestone.ANSWERED, *last]
        assert all(report.send_key in {"c1:0:1", ""} for report in reports)
        assert all(report.cause == "" for report in reports)

    words = (Word.SENT, Word.DELIVERED, Word.READ)
    fate = Fate(reports=tuple(FatedReport(n / 20, word) for n, word in enumerate(words)))
    run(play, (preset, channel), fates=Fates(script=[fate]))


@pytest.mark.parametrize(("preset", "channel"), TEMPLATED)
def test_a_template_of_the_providers(preset: str, channel: Channel) -> None:
    async def play(both: Pair) -> None:
        adapter = both.adapter(preset)
        sent = message(channel, template="login_code", language="de", params={"code": "428193", "app": "Acme"})
        assert isinstance(await adapter.submit(sent), Accepted)
        [got] = both.simulator.journal.entries
        language = "" if preset == "twilio" else " in de"  # a content of Twilio's has its languages in it
        assert got.text == f"template login_code{language}: 428193, Acme", "in words, as its journal prints them"

    run(play, (preset, channel))


@pytest.mark.parametrize(("preset", "channel"), [each for each in ALL if each[1] is Channel.SMS])
def test_a_template_of_the_dialplan_goes_out_by_sms_as_its_words(preset: str, channel: Channel) -> None:
    async def play(both: Pair) -> None:
        sent = message(channel, template="otp", language="de", params={"code": "428193"})
        assert isinstance(await both.adapter(preset).submit(sent), Accepted)
        [got] = both.simulator.journal.entries
        assert got.text == "Dein Code: 428193 🙂 & mehr"

    run(play, (preset, channel))


@pytest.mark.parametrize(("preset", "channel"), ALL)
def test_refusals_failures_and_lost_answers(preset: str, channel: Channel) -> None:
    script = [
        Fate(Answer.REFUSE, reports=(), delivered=False),
        Fate(Answer.THROTTLE, reports=(), delivered=False, retry_after=7.0),
        Fate(Answer.FAIL, reports=(), delivered=False),
        Fate(Answer.CUT, reports=()),
    ]

    async def play(both: Pair) -> None:
        adapter = both.adapter(preset)
        answers = [await adapter.submit(message(channel, f"c{n}:0:1")) for n in range(4)]
        assert both.simulator.malformed == []
        refused, throttled, failed, cut = answers
        assert isinstance(refused, Refused)
        assert refused.cause in {"unknown-subscriber", "not-on-channel", "rejected", "400", "422"}
        assert (type(throttled), throttled.cause) == (Refused, "429")
        assert isinstance(throttled, Refused)
        assert throttled.retry_after == 7.0
        assert failed == Refused("503", "", 0.0)
        assert isinstance(cut, Unclear)

    run(play, (preset, channel), fates=Fates(script=script))


def test_no_answer_is_unclear_and_no_connection_is_not() -> None:
    async def play(both: Pair) -> None:
        adapter = both.adapter("generic")
        assert await adapter.submit(message(Channel.SMS)) == Unclear("timeout")
        assert len(both.simulator.journal.taken()) == 1
        await both.simulator.close()
        assert await adapter.submit(message(Channel.SMS, "c2:0:1")) == Refused(TRANSPORT_ERROR)
        await adapter.close()
        assert await adapter.submit(message(Channel.SMS, "c3:0:1")) == Refused(TRANSPORT_ERROR)

    run(play, ("generic", Channel.SMS), fates=Fates(script=[Fate(Answer.DROP)]), http={"timeout": "300ms"})


@pytest.mark.parametrize(("preset", "channel"), ALL)
def test_a_failed_report_has_a_cause_and_a_forged_one_changes_nothing(preset: str, channel: Channel) -> None:
    async def play(both: Pair) -> None:
        await both.adapter(preset).submit(message(channel))
        await both.simulator.settled()
        [report] = both.house.reports()
        assert report.milestone is None
        assert report.cause in {"undelivered", "absent", "not-on-channel", "expired", "rejected"}
        assert {(hook.forged, hook.status) for hook in both.simulator.hooks} == {(False, 200), (True, 403)}
        assert len(both.house.forged) == 1

    reports = (FatedReport(0.0, Word.FAILED), FatedReport(0.0, Word.DELIVERED, forged=True))
    run(play, (preset, channel), fates=Fates(script=[Fate(reports=reports, delivered=False)]))


@pytest.mark.parametrize(("preset", "channel"), [each for each in ALL if each[0] not in KEYS])
def test_credentials_that_are_wrong(preset: str, channel: Channel) -> None:
    async def play(both: Pair) -> None:
        answer = await both.adapter(preset).submit(message(channel))
        assert isinstance(answer, Refused)
        assert answer.cause == "401"
        assert both.simulator.journal.entries == []

    run(play, (preset, channel), token="another")


@pytest.mark.parametrize(("preset", "channel"), [each for each in ALL if each[0] != TELEGRAM])
def test_a_person_writes(preset: str, channel: Channel) -> None:
    async def play(both: Pair) -> None:
        await both.simulator.say(preset, "+14155550123", "+15550199999", "STOP 🙂")
        [news] = both.house.news
        assert isinstance(news, Inbound)
        assert (news.sender, news.text, bool(news.ref)) == ("+14155550123", "STOP 🙂", True)

    run(play, (preset, channel))


def test_a_webhook_that_could_not_be_kept_is_no_replay() -> None:
    async def play(both: Pair) -> None:
        both.house.failing = 1
        await both.adapter("meta-cloud").submit(message(Channel.WHATSAPP))
        await both.simulator.settled()
        assert [report.milestone for report in both.house.reports()] == [Milestone.ANSWERED]
        assert len(both.house.requests) == 2
        await both.simulator.bring(both.simulator.hooks[0].hook)  # now it is one
        assert len(both.house.requests) == 3
        assert len(both.house.news) == 1

    fate = Fate(reports=(FatedReport(0.0, Word.DELIVERED),))
    run(play, ("meta-cloud", Channel.WHATSAPP), fates=Fates(script=[fate]))


def test_reports_may_come_before_the_answer() -> None:
    async def play(both: Pair) -> None:
        answer = await both.adapter("twilio").submit(message(Channel.SMS))
        assert isinstance(answer, Accepted)
        assert both.house.reports()[0].ref == answer.ref
        assert both.house.reports()[0].send_key == "c1:0:1"

    run(play, ("twilio", Channel.SMS), fates=Fates(Faults(early=1.0)))


@pytest.mark.parametrize(("preset", "channel"), [("generic", Channel.SMS), ("rbm", Channel.RCS)])
def test_a_provider_that_knows_our_keys_sends_once(preset: str, channel: Channel) -> None:
    async def play(both: Pair) -> None:
        first = await both.adapter(preset).submit(message(channel))
        second = await both.adapter(preset).submit(message(channel))
        assert isinstance(second, Accepted)
        assert isinstance(first, Unclear)
        assert both.simulator.journal.sent_twice() == {}
        assert len(both.simulator.journal.taken()) == 1

    run(play, (preset, channel), fates=Fates(script=[Fate(Answer.CUT)]))


@pytest.mark.parametrize("preset", ["infobip", "sinch"])
def test_a_provider_that_can_be_asked(preset: str) -> None:
    async def play(both: Pair) -> None:
        adapter = both.adapter(preset)
        assert isinstance(await adapter.submit(message(Channel.SMS, "lost:0:1")), Unclear)
        assert isinstance(await adapter.submit(message(Channel.SMS, "no:0:1")), Refused)
        assert isinstance(await adapter.look_up("lost:0:1"), Accepted)
        assert isinstance(await adapter.look_up("no:0:1"), Refused)
        await both.simulator.close()
        assert isinstance(await adapter.look_up("lost:0:1"), Unclear)

    run(play, (preset, Channel.SMS), fates=Fates(script=[Fate(Answer.CUT), Fate(Answer.REFUSE)]))


def test_the_handshake_of_meta() -> None:
    async def play(both: Pair) -> None:
        from controller.simulate.dialects.base import Hook

        url = f"{both.house.public}/hooks/meta-cloud?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
        assert await both.simulator.bring(Hook(f"{url}handshake", method="GET")) == 200
        assert await both.simulator.bring(Hook(f"{url}other", method="GET")) == 403

    run(play, ("meta-cloud", Channel.WHATSAPP))

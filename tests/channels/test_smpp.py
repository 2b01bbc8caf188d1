"""The SMPP adapter against a simulated SMSC on a real socket, with what goes wrong at real ones."""

import asyncio
from random import Random

import pytest

from controller.channels import smpp, smpp_link, smpp_parts
from controller.channels.base import Accepted, Inbound, Liveness, News, Refused, Report, Unclear
from controller.channels.smpp import SmppAdapter
from controller.simulate.base import Answer, Fate, FatedReport, Fates, Word
from controller.simulate.smsc import Smsc
from controller.types.smpp import SmppBind, SmppIds, SmppLong
from controller.types.words import Milestone
from tests.channels.desk import Desk, eventually, play
from tests.channels.smpp_world import account, bound, text

SENT, DELIVERED, FAILED = FatedReport(0, Word.SENT), FatedReport(0, Word.DELIVERED), FatedReport(0, Word.FAILED)


def smsc_with(*fates: Fate, **settings: object) -> Smsc:
    return Smsc(fates=Fates(script=[*fates]), **settings)  # type: ignore[arg-type]


def test_a_message_and_its_receipt() -> None:
    async def script() -> None:
        smsc = smsc_with(Fate(reports=(SENT, DELIVERED)), system_id="acme", password="secret")
        async with bound(smsc) as (adapter, desk):
            assert await adapter.submit(text("Ihr Code: 123 €")) == Accepted("1")
            await desk.until(lambda: len(desk.of(Report)) == 2)
            assert [(each.ref, each.milestone, each.cause) for each in desk.of(Report)] == [
                ("1", Milestone.ALERTING, ""),
                ("1", Milestone.ANSWERED, ""),
            ]
            (got,) = smsc.journal.entries
            assert (got.to, got.text) == ("+15550100", "Ihr Code: 123 €")
            await eventually(lambda: all(each.done for each in smsc.deliveries))

    play(script)


@pytest.mark.parametrize(
    ("fate", "submission"),
    [
        (Fate(Answer.THROTTLE), Refused("ESME_RTHROTTLED", "ESME_RTHROTTLED")),
        (Fate(Answer.REFUSE, code="0x14"), Refused("ESME_RMSGQFUL", "ESME_RMSGQFUL")),
        (Fate(Answer.REFUSE, code="0x0B"), Refused("ESME_RINVDSTADR", "ESME_RINVDSTADR")),
        (Fate(Answer.REFUSE, code="0x400"), Refused("rejected", "0x00000400")),
        (Fate(Answer.FAIL), Refused("ESME_RSYSERR", "ESME_RSYSERR")),
        (Fate(Answer.CUT, reports=()), Unclear("TRANSPORT_ERROR")),
        (Fate(Answer.DROP, reports=()), Unclear("timeout")),
    ],
    ids=lambda value: value.answer + value.code if isinstance(value, Fate) else "",
)
def test_answers(fate: Fate, submission: object) -> None:
    async def script() -> None:
        async with bound(smsc_with(fate), timeout=0.3) as (adapter, _):
            assert await adapter.submit(text()) == submission

    play(script)


def test_failed_late_twice_and_before_the_answer() -> None:
    async def script() -> None:
        early = FatedReport(-1, Word.FAILED)
        smsc = smsc_with(Fate(delay=0.05, reports=(early, FAILED)), Fate(reports=(DELIVERED,), code="069"))
        async with bound(smsc, errors={"000": "absent"}) as (adapter, desk):
            accepted = asyncio.ensure_future(adapter.submit(text()))  # noqa: TID251
            await desk.until(lambda: desk.of(Report))
            assert not accepted.done()
            assert await accepted == Accepted("1")
            await desk.until(lambda: len(desk.of(Report)) == 2)
            assert {(each.ref, each.cause, each.code) for each in desk.of(Report)} == {("1", "absent", "UNDELIV/000")}

    play(script)


def test_ids_in_hexadecimal() -> None:
    async def script() -> None:
        smsc = smsc_with(*[Fate(reports=(DELIVERED,))] * 30, hex_ids=True, with_tlvs=False)
        async with bound(smsc, receipt_ids=SmppIds.DECIMAL_OF_HEX) as (adapter, desk):
            refs = [(await adapter.submit(text(f"n {n}"))).ref for n in range(30)]  # type: ignore[union-attr]
            await desk.until(lambda: len(desk.of(Report)) == 30)
            assert [each.ref for each in desk.of(Report)] == refs
            assert smsc.journal.entries[-1].ref == "1E"

    play(script)


@pytest.mark.parametrize("long", SmppLong)
def test_a_long_text_has_one_receipt(long: SmppLong) -> None:
    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc, long=long, window=1) as (adapter, desk):
            words = "".join(f"{n:03}" for n in range(100))
            submission = await adapter.submit(text(words))
            parts = 1 if long is SmppLong.PAYLOAD else 2
            assert "".join(got.text for got in smsc.journal.entries) == words
            assert submission == Accepted(str(parts))
            await desk.until(lambda: len(desk.of(Report)) == 2)
            assert {each.ref for each in desk.of(Report)} == {str(parts)}

    play(script)


def test_a_part_that_is_refused_refuses_the_text() -> None:
    async def script() -> None:
        smsc = smsc_with(Fate(), Fate(Answer.THROTTLE))
        async with bound(smsc) as (adapter, _):
            assert isinstance(await adapter.submit(text("x" * 200)), Refused)
            assert await adapter.submit(text("x" * 2000)) == Refused("bad-template", "too long")
            assert await adapter.submit(text(to="someone@example.com")) == Refused(
                "bad-template", "no number to send to"
            )
            assert await adapter.submit(text(sender="Ж")) == Refused("bad-template", "no sender that SMPP could write")

    play(script)


def test_an_answer_after_we_gave_up_still_names_the_message() -> None:
    async def script() -> None:
        smsc = smsc_with(Fate(delay=0.5, reports=()), Fate(Answer.THROTTLE, delay=0.5), Fate(delay=0.3, reports=()))
        async with bound(smsc, timeout=0.2) as (adapter, desk):
            for key in ("c1:0:1", "c2:0:1"):
                assert await adapter.submit(text(key=key)) == Unclear("timeout")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):  # the broker's patience may be shorter than ours
                    await adapter.submit(text(key="c3:0:1"))
            await desk.until(lambda: len(desk.of(Report)) == 3)
            found = {each.send_key: (each.ref, each.milestone, each.cause) for each in desk.of(Report)}
            assert found == {
                "c1:0:1": ("1", Milestone.ACCEPTED, ""),
                "c2:0:1": ("", None, "ESME_RTHROTTLED"),
                "c3:0:1": ("3", Milestone.ACCEPTED, ""),
            }

    play(script)


def test_messages_from_persons_and_receipts_that_are_none() -> None:
    async def script() -> None:
        smsc = smsc_with(Fate(reports=(FatedReport(0, Word.DELIVERED, forged=True),)))
        async with bound(smsc) as (adapter, desk):
            smsc.deliver("15550199", "15557000", "STOP")
            await adapter.submit(text())
            await desk.until(lambda: len(desk.of(Inbound)) == 2)
            stop, forged = desk.of(Inbound)
            assert (stop.provider, stop.sender, stop.to, stop.text) == ("sms-1", "+15550199", "+15557000", "STOP")
            assert "stat:DELIVRD" in forged.text
            assert not desk.of(Report)
            assert "5550199" not in repr(stop)

    play(script)


def test_what_cannot_be_written_down_is_not_acknowledged() -> None:
    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc) as (adapter, desk):
            desk.failing = True
            delivery = smsc.deliver("15550199", "15557000", "STOP")
            assert isinstance(await adapter.submit(text()), Accepted)  # sending goes on
            await eventually(lambda: delivery.tries > 1)
            assert not delivery.done
            desk.failing = False
            await eventually(lambda: all(each.done for each in smsc.deliveries))
            assert [each.text for each in desk.of(Inbound)] == ["STOP"]

    play(script)


def test_whoever_takes_news_is_dead_and_messages_are_sent_all_the_same() -> None:
    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc) as (adapter, desk):
            desk.stuck = True
            for n in range(50):
                assert isinstance(await adapter.submit(text(f"n {n}")), Accepted)
            await eventually(lambda: len(smsc.deliveries) == 100)
            assert not any(each.done for each in smsc.deliveries)

    play(script)


def test_a_receipt_waits_until_somebody_is_bound_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.channels.smpp_link.FIRST_PAUSE", 0.01)

    async def script() -> None:
        smsc = smsc_with(Fate(delay=0.0, reports=(FatedReport(0.02, Word.DELIVERED),)))
        async with bound(smsc) as (adapter, desk):
            assert await adapter.submit(text()) == Accepted("1")
            smsc.drop()
            await desk.alive(times=2)
            await desk.until(lambda: desk.of(Report))
            assert [each.alive for each in desk.of(Liveness)] == [True, False, True]
            assert (await adapter.submit(text("again"))) == Accepted("2")

    play(script)


def test_unbind_of_the_smsc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.channels.smpp_link.FIRST_PAUSE", 0.01)

    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc) as (_, desk):
            smsc.unbind()
            await desk.alive(times=2)
            assert [(each.alive, each.why) for each in desk.of(Liveness)] == [
                (True, "bound"),
                (False, "unbound by the SMSC"),
                (True, "bound"),
            ]
            assert smsc.binds == 2

    play(script)


def test_an_smsc_that_binds_and_hangs_up_is_not_stormed(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a bind came is no reason to come back as soon as after the first: it has to last."""
    monkeypatch.setattr(smpp_link, "FIRST_PAUSE", 0.02)

    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc) as (_, desk):
            times = [asyncio.get_running_loop().time()]
            for number in range(5):
                smsc.drop()
                await desk.alive(times=2 + number)
                times.append(asyncio.get_running_loop().time())
            assert times[-1] - times[0] >= 0.8 * sum(0.02 * 2**number for number in range(5))

    play(script)


def test_half_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.channels.smpp_link.FIRST_PAUSE", 0.01)

    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc, enquire=0.1, timeout=0.2) as (adapter, desk):
            smsc.deaf = True
            assert isinstance(await adapter.submit(text()), Unclear | Refused)
            await desk.until(lambda: not desk.of(Liveness)[-1].alive)
            assert desk.of(Liveness)[-1].why.startswith("nothing heard for")
            assert await adapter.submit(text()) == Refused("TRANSPORT_ERROR", "not bound")
            smsc.deaf = False
            smsc.drop()
            await desk.alive(times=2)

    play(script)


def test_nobody_listens_and_a_password_that_is_wrong(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.channels.smpp_link.FIRST_PAUSE", 0.01)

    async def script() -> None:
        desk, smsc = Desk(), Smsc(system_id="acme", password="other")
        adapter = SmppAdapter(account(free_port), Random(1))
        await adapter.start(desk.take)
        await desk.until(lambda: desk.news)
        assert desk.news == [Liveness("sms-1", alive=False, why=desk.news[0].why)]  # type: ignore[union-attr]
        assert await adapter.submit(text()) == Refused("TRANSPORT_ERROR", "not bound")
        await smsc.start(port=free_port)
        await eventually(lambda: adapter._links[0]._refused)
        assert len(desk.news) == 1  # told once
        await adapter.close()
        await smsc.close()

    play(script)


def test_two_connections() -> None:
    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc, bind=SmppBind.SPLIT) as (adapter, desk):
            assert sorted((each.sends, each.receives) for each in smsc.sessions) == [(False, True), (True, False)]
            assert await adapter.submit(text()) == Accepted("1")
            await desk.until(lambda: len(desk.of(Report)) == 2)

    play(script)


def test_a_window_that_stays_full() -> None:
    async def script() -> None:
        smsc = smsc_with(*[Fate(Answer.DROP, reports=())] * 3)
        async with bound(smsc, window=1, timeout=0.3, enquire=0.1) as (adapter, _):
            answers = await asyncio.gather(*(adapter.submit(text(f"n {n}")) for n in range(2)))
            assert answers == [Unclear("timeout"), Refused("429", "window")]
            assert len(smsc.journal.entries) == 1

    play(script)


def test_a_mistake_of_ours_in_taking_news_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp, "FAILURE_PAUSE", 0.01)

    async def script() -> None:
        async with bound(Smsc()) as (adapter, desk):
            monkeypatch.setattr(smpp, "BATCH", "nonsense")
            await adapter.submit(text())
            await eventually(lambda: adapter._alive is False)
            monkeypatch.setattr(smpp, "BATCH", 500)
            await desk.alive(times=2)
            await adapter.submit(text())
            await desk.until(lambda: desk.of(Report))

    play(script)


def test_close_says_goodbye() -> None:
    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc) as (adapter, _):
            await adapter.close()
            await eventually(lambda: not smsc.sessions)
            assert await adapter.submit(text()) == Refused("TRANSPORT_ERROR", "not bound")

    play(script)


def test_what_came_over_a_connection_that_is_gone_is_not_acknowledged_over_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("controller.channels.smpp_link.FIRST_PAUSE", 0.01)

    async def script() -> None:
        smsc, turns, taken = Smsc(), asyncio.Semaphore(0), list[News]()

        async def take(news: list[News]) -> None:
            if any(isinstance(each, Inbound) for each in news):
                await turns.acquire()
            taken.extend(news)

        adapter = SmppAdapter(account(await smsc.start()), Random(1))
        await adapter.start(take)
        await eventually(lambda: taken)
        delivery = smsc.deliver("15550199", "15557000", "STOP")
        await eventually(lambda: delivery.tries == 1)
        smsc.drop()
        await eventually(lambda: delivery.tries == 2)  # by the same number, over the next connection
        turns.release()
        await eventually(lambda: any(isinstance(each, Inbound) for each in taken))
        assert await adapter.submit(text()) == Accepted("1")  # there and back again
        assert not delivery.done
        turns.release()
        await eventually(lambda: delivery.done)
        await adapter.close()
        await smsc.close()

    play(script)


def header(number: int, total: int, reference: int = 9) -> bytes:
    return bytes((5, 0, 3, reference, total, number))


def test_a_long_text_from_a_person_is_one_message() -> None:
    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc) as (_, desk):
            for number, words in ((2, "of a long text, "), (1, "The beginning "), (2, "of a long text, "), (3, "stop")):
                smsc.deliver("15550199", "15557000", words, header=header(number, 3))
            for number, words in ((1, "in parameters "), (2, "of their own")):
                tlvs = {0x020C: b"\0\7", 0x020E: b"\2", 0x020F: bytes((number,))}
                smsc.deliver("15550199", "15557000", words, tlvs=tlvs)
            await desk.until(lambda: len(desk.of(Inbound)) == 2)
            assert [(each.sender, each.to, each.text) for each in desk.of(Inbound)] == [
                ("+15550199", "+15557000", "The beginning of a long text, stop"),
                ("+15550199", "+15557000", "in parameters of their own"),
            ]
            await eventually(lambda: all(each.done for each in smsc.deliveries))

    play(script)


def test_parts_are_answered_when_their_text_is_written_down_and_come_again_until_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smpp_link, "FIRST_PAUSE", 0.01)

    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc) as (_, desk):
            desk.failing = True
            first = smsc.deliver("15550199", "15557000", "one ", header=header(1, 2))
            second = smsc.deliver("15550199", "15557000", "two", header=header(2, 2))
            smsc.drop()  # nobody has heard of them: the SMSC sends them again
            await eventually(lambda: first.tries > 1 and second.tries > 1)
            assert not first.done
            assert not second.done
            desk.failing = False
            await eventually(lambda: first.done and second.done)
            assert [each.text for each in desk.of(Inbound)] == ["one two"]

    play(script)


def test_a_part_whose_others_never_come_is_answered_soon_and_handed_on_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smpp_parts, "ANSWER_AFTER", 0.02)
    monkeypatch.setattr(smpp_parts, "HOLD", 0.1)

    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc) as (_, desk):
            delivery = smsc.deliver("15550199", "15557000", "and so on", header=header(2, 2))
            await eventually(lambda: delivery.done)
            await desk.until(lambda: desk.of(Inbound))
            assert [each.text for each in desk.of(Inbound)] == ["…and so on"]

    play(script)


def test_an_smsc_whose_receipts_do_not_come_is_asked() -> None:
    async def script() -> None:
        silent, lost = Fate(reports=()), Fate(reports=(), delivered=False)
        smsc = smsc_with(silent, lost, Fate(), hex_ids=True)
        async with bound(smsc, query=0.2, receipt_ids=SmppIds.DECIMAL_OF_HEX) as (adapter, desk):
            smsc._count = 30  # ids in which the bases differ
            refs = [await adapter.submit(text(f"n {number}", sender="+15557000")) for number in range(3)]
            await desk.until(lambda: len(desk.of(Report)) >= 4)
            assert [getattr(ref, "ref", "") for ref in refs] == ["31", "32", "33"]
            ends = {each.ref: (each.milestone, each.cause) for each in desk.of(Report)}
            assert ends == {
                "31": (Milestone.ANSWERED, ""),
                "32": (None, "undelivered"),
                "33": (Milestone.ANSWERED, ""),
            }
            assert smsc.queries == 2  # nobody asked about the third

    play(script)


def test_an_smsc_that_knows_no_query_sm_is_none_the_worse() -> None:
    async def script() -> None:
        smsc = smsc_with(Fate(reports=()), tells=False)
        async with bound(smsc, query=0.01) as (adapter, desk):
            await adapter.submit(text())
            await eventually(lambda: not len(adapter._queries))
            assert isinstance(await adapter.submit(text("more")), Accepted)
            assert [each.alive for each in desk.of(Liveness)] == [True]

    play(script)


def test_what_only_we_have_of_a_text_is_handed_on_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp_parts, "ANSWER_AFTER", 0.02)

    async def script() -> None:
        smsc = Smsc()
        async with bound(smsc) as (_, desk):
            first = smsc.deliver("15550199", "15557000", "one ", header=header(1, 2))
            await eventually(lambda: first.done)
            monkeypatch.setattr(smpp_parts, "ANSWER_AFTER", 60.0)
            smsc.deliver("15550198", "15557000", "two ", header=header(1, 2))  # the SMSC has it still
        assert [each.text for each in desk.of(Inbound)] == ["one …"]

    play(script)

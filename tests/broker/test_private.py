"""Row M12 end to end: a real daemon is used in every way there is, with failures, forgeries and mistakes; then all that it
wrote, said and shows is searched for each number, address, code, text and token that anybody brought."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.simulate.base import Answer, Fate, Fates, Faults
from tests.broker.stage import TOKEN, Client, Stage, client, stage

OURS = "+4915199000111"  # a number of ours: no secret


class Person:
    """Somebody whose every detail is unlike anybody else's."""

    def __init__(self, number: int, dice: random.Random) -> None:
        self.phone = f"+49151{dice.randrange(10_000_000, 99_999_999)}"
        self.email = f"zoe.quux{number}.{dice.randrange(10**8)}@mail{number}.example.org"
        self.code = f"{dice.randrange(10**9, 10**10)}"  # ten digits: none stands by chance in a hash or an id
        self.text = f"Xylophon {dice.randrange(10**9, 10**10)} zum Mitlesen"
        self.address = (
            f"2001:db8::{dice.randrange(0x1000, 0xFFFF):x}:{dice.randrange(0x1000, 0xFFFF):x}:{number + 0x1000:x}"
        )
        self.key = f"key-of-{dice.randrange(10**9, 10**10)}"

    def secrets(self) -> Iterator[str]:
        """What may stand nowhere, in each form it might have."""
        yield from (self.phone, self.phone[1:], self.phone[3:], self.phone[5:])
        yield from (self.email, self.email.partition("@")[0])
        yield from (self.code, self.text, self.text.split()[1], self.address)


def scan(where: str, data: bytes, people: list[Person]) -> list[str]:
    """What of anybody stands in it. Each secret in UTF-8 and UTF-16, for nobody knows who writes what."""
    found = []
    for person in people:
        for secret in person.secrets():
            for form in (secret.encode(), secret.encode("utf-16-le")):
                if form in data:
                    place = data.index(form)
                    found.append(f"{where}: {secret} in {data[max(0, place - 60) : place + 60]!r}")
    return found


def play(tmp_path: Path, port: int, count: int) -> tuple[Stage, list[Person], dict[str, bytes], int]:
    """The whole performance: the stage, who was on it, what the API showed, and how many cascades there were."""
    dice = random.Random(12)
    people = [Person(number, dice) for number in range(count)]
    shown: dict[str, bytes] = {}
    stages: list[Stage] = []

    def prepare(here: Stage) -> None:
        here.add_smpp("smpp")
        here.add_mail("mail")
        here.plan["providers"]["sms"]["senders"] = [{"id": OURS, "can": ["send", "receive"], "tenant": "acme"}]
        here.plan["cascades"] = {
            "otp": {
                "steps": [
                    {"send": "whatsapp", "wait": "400ms"},
                    {"send": "sms", "via": ["sms", "smpp"], "wait": "400ms", "fanout": 2},
                    {"send": "email", "until": "accepted", "wait": "2s"},
                ]
            }
        }
        here.plan["messages"]["limits"] = {"ip": "100/1m"}
        here.plan["messages"]["tokens"][0]["scopes"] = ["send", "read", "erase", "operate"]
        mess = Faults(refuse=0.3, fail=0.1, drop=0.1, undelivered=0.2, lost=0.1, duplicate=0.3, forge=0.3)
        telling = Fate(Answer.REFUSE, code=f"{people[0].phone} unknown", reports=(), delivered=False)
        here.http.fate_of("wa", Fates(mess, seed=1, script=[telling]))
        here.http.fate_of("sms", Fates(mess, seed=2))
        here.smsc.fates = Fates(mess, seed=3)
        here.mail.fates = Fates(Faults(refuse=0.5), seed=4)

    async def ask_all(here: Stage, asker: Client) -> int:
        ids = []
        for first in range(0, count, 20):
            ids += await asyncio.gather(*(send(asker, person) for person in people[first : first + 20]))
        await asker.over(ids)
        for person, one in zip(people, ids, strict=True):
            await asker.ask("POST", f"/v1/cascades/{one}/feedback", {"outcome": dice.choice(("verified", "failed"))})
            await mistakes(asker, person, one)
        await asyncio.gather(*(here.http.say("sms", person.phone, OURS, person.text) for person in people))
        await here.http.settled()
        await asker.ask("POST", "/v1/erase", {"phone": people[1].phone})
        await asker.ask("POST", "/v1/opt-outs", {"phone": people[2].phone})
        status, problem = await asker.ask("POST", "/v1/cascades", body(people[2], to={"phone": people[2].phone}))
        assert (status, problem["code"]) == (403, "opted-out")
        for path in ("/metrics", "/v1/stats", "/v1/cascades?limit=200", "/openapi.json", "/healthz"):
            shown[path] = await read(asker, path)
        for one in ids:
            for more in ("", "/explain", "/events"):
                shown[f"{one}{more}"] = await read(asker, f"/v1/cascades/{one}{more}")
        inbound = json.loads(await read(asker, "/v1/inbound?limit=200"))["messages"]
        assert len({each["text"] for each in inbound} & {person.text for person in people[3:]}) >= min(
            count - 3, 190
        )  # they may: it is theirs
        return len(set(ids))

    async def main() -> int:
        async with stage(tmp_path, port, {"wa": "whatsapp", "sms": "sms"}) as here:
            stages.append(here)
            prepare(here)
            await here.start()
            async with client(here.url) as asker:
                cascades = await ask_all(here, asker)
            await here.kill(signal.SIGKILL)  # as it lies on the disk, with all that was not tidied up
        return cascades

    cascades = asyncio.run(main())
    return stages[0], people, shown, cascades


def body(person: Person, **more: Any) -> dict[str, Any]:
    return {
        "to": {"phone": person.phone, "email": person.email},
        "cascade": "otp",
        "params": {"code": person.code},
        "limit_keys": {"ip": person.address},
        "fraud_score": 0.1,
        **more,
    }


async def send(asker: Client, person: Person) -> str:
    said = body(person)
    if int(person.code) % 3 == 0:
        said["text"] = said.pop("params")["code"] + " " + person.text
    status, answer = await asker.ask("POST", "/v1/cascades", said, person.key)
    assert status == 202, answer
    return str(answer["id"])


async def mistakes(asker: Client, person: Person, one: str) -> None:
    """What people get wrong, with a number, a code or an address in it wherever there is a place."""
    for method, path, said in (
        ("POST", "/v1/cascades", body(person, cascade=person.code)),
        ("POST", "/v1/cascades", body(person, **{person.code: person.phone})),
        ("POST", "/v1/cascades", body(person, to={"phone": person.phone + "99999999"})),
        ("POST", "/v1/cascades", body(person, params={person.code: [person.text]})),
        ("POST", f"/v1/cascades/{one}/feedback", {"outcome": person.code}),
        ("GET", f"/v1/cascades/{person.phone}", None),
        ("GET", f"/v1/cascades?before={person.phone[1:]}&status={person.code}", None),
        ("POST", f"/hooks/sms?to={person.phone[1:]}", {"number": person.phone, "text": person.text}),
        ("POST", f"/hooks/{person.email}", {}),
        ("GET", f"/{person.email}/{person.code}", None),
    ):
        status, _ = await asker.ask(method, path, said)
        assert 400 <= status < 500, (method, path)


async def read(asker: Client, path: str) -> bytes:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with asker.session.get(asker.url + path, headers=headers) as answer:
        assert answer.status == 200, path
        return await answer.read()


def check(tmp_path: Path, port: int, count: int) -> None:
    here, people, shown, cascades = play(tmp_path, port, count)
    assert cascades == count
    found: list[str] = []
    for where, data in shown.items():
        found += scan(where, data, people)
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert {"messages.db", "messages.db-wal"} <= {path.name for path in files}
    for path in files:
        data = path.read_bytes()
        found += scan(path.name, data, people)
        if TOKEN.encode() in data:
            found.append(f"{path.name}: the token")
    log = json.dumps(here.lines, ensure_ascii=False).encode()
    found += scan("log", log, people)
    assert TOKEN not in log.decode()
    assert found == []
    assert not here.faults()
    # The scanner is no check that cannot fail: what was carried did hold all of it.
    carried = " ".join(f"{got.to} {got.text}" for got in here.journal.entries).encode()
    assert len(scan("journal", carried, people)) >= count


def test_m12_nobodys_number_address_code_or_text_stands_anywhere(tmp_path: Path, free_port: int) -> None:
    """0 numbers, addresses or codes in log, metrics, audit, figures and files, of twelve people."""
    check(tmp_path, free_port, 12)


@pytest.mark.long
def test_m12_the_same_with_many_people(tmp_path: Path, free_port: int) -> None:
    """Of a hundred."""
    check(tmp_path, free_port, 100)

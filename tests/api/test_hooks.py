"""Webhooks over HTTP: what is the provider's is taken once and durably, whatever else comes changes nothing."""

from __future__ import annotations

import asyncio
import base64
import hmac
import io
import random
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import yarl

from controller.channels.base import Forged, Inbound, Message, Submission, Webhook, WebhookAnswer
from controller.channels.http.adapter import HttpAdapter
from controller.store.base import StoreError
from controller.types.cascades import SendAccepted, SendMessage
from controller.types.messages import Channel, Dedup
from tests.api.harness import Api, running
from tests.channels.providers import settings

PUBLIC = "https://hooks.example.com"
TOKEN = "token-1"  # Twilio signs with the token of the account


@dataclass(frozen=True)
class Hook:
    """A webhook as bytes."""

    body: bytes
    signature: str
    provider: str = "sms-1"

    async def bring(self, api: Api) -> int:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": self.signature}
        async with api.client.post(f"{api.url}/hooks/{self.provider}", data=self.body, headers=headers) as response:
            await response.read()
            return response.status


def signed(ref: str, status: str, provider: str = "sms-1", token: str = TOKEN) -> Hook:
    """A delivery report as Twilio brings it."""
    form = {"MessageSid": ref, "MessageStatus": status, "AccountSid": "AC-1", "To": "+14155550123"}
    text = f"{PUBLIC}/hooks/{provider}" + "".join(name + value for name, value in sorted(form.items()))
    return Hook(
        urlencode(form).encode(),
        base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode(),
        provider,
    )


def twilio(provider: str) -> HttpAdapter:
    return HttpAdapter(replace(settings("twilio", Channel.SMS, PUBLIC), provider=provider))


async def begin(api: Api, count: int) -> dict[str, str]:
    """Cascades whose first message the provider has: id by the provider's name for it."""
    refs = {}
    for number in range(count):
        _, receipt, _ = await api.send()
        await api.hands.apply(receipt["id"], SendAccepted(1, ref := f"SM{number:032x}"))
        refs[ref] = receipt["id"]
    api.hands.adapters.update({"sms-1": twilio("sms-1"), "sms-2": twilio("sms-2")})
    return refs


async def picture(api: Api) -> dict[str, Any]:
    """All that is kept of all cascades."""
    found = {}
    for cascade_id in await api.ids():
        row, facts = await api.store.get(cascade_id)
        history = await api.store.history(cascade_id)
        found[cascade_id] = (row.status, row.due, row.dump(), facts, [line.seq for line in history])
    return found


def test_a_report_that_is_the_providers_is_taken_before_it_hears_so() -> None:
    async def main() -> None:
        async with running() as api:
            refs = await begin(api, 1)
            ((ref, cascade_id),) = refs.items()
            assert await signed(ref, "delivered").bring(api) == 200
            _, shown, _ = await api.call("GET", f"/v1/cascades/{cascade_id}")
            assert (shown["status"], shown["winner"], shown["attempts"][0]["milestone"]) == (
                "completed",
                1,
                "delivered",
            )
            assert api.faults == []

    asyncio.run(main())


def test_a_thousand_forged_replayed_and_reordered_webhooks_change_nothing() -> None:
    dice = random.Random(6)

    def forged(hook: Hook) -> Hook:
        kind = dice.randrange(6)
        other = signed(hook.body.decode()[11:45], "undelivered")
        garbage = base64.b64encode(dice.randbytes(20)).decode()
        return [
            replace(hook, signature=""),
            replace(hook, signature=garbage),
            replace(other, signature=hook.signature),  # another body under a signature that is good
            replace(hook, provider="sms-2"),  # good, but for another URL
            replace(hook, body=hook.body + b"&ErrorCode=30005"),
            signed(f"SM{dice.randrange(40):032x}", "undelivered", token="token-2"),
        ][kind]

    async def main() -> None:
        async with running() as api:
            refs = await begin(api, 40)
            genuine = [signed(ref, "sent") for ref in refs] + [signed(ref, "delivered") for ref in list(refs)[:20]]
            assert {await hook.bring(api) for hook in genuine} == {200}
            before = await picture(api)
            sends = len(api.hands.done)
            assert len(before) == 40
            statuses = set()
            for number in range(1_000):
                hook = dice.choice(genuine)  # a replay
                if number % 3 == 0:
                    hook = forged(hook)
                elif number % 3 == 1:  # in another order: what was before the delivery comes after it
                    hook = signed(dice.choice(list(refs)[:20]), dice.choice(("queued", "sending", "sent")))
                status = await hook.bring(api)
                statuses.add((number % 3 == 0, status))
            assert statuses <= {(True, 403), (False, 200), (False, 403)}
            assert (True, 403) in statuses
            assert await picture(api) == before
            assert not [each for each in api.hands.done[sends:] if isinstance(each[1], SendMessage)]
            assert api.faults == []

    asyncio.run(main())


class Pushy:
    """An adapter whose webhooks say what a test wants."""

    dedup = Dedup.NONE

    def __init__(self, answer: WebhookAnswer | Exception) -> None:
        self.answer = answer
        self.got: list[Webhook] = []

    async def start(self, sink: Any) -> None: ...

    async def submit(self, message: Message) -> Submission:
        raise NotImplementedError

    async def look_up(self, send_key: str) -> Submission:
        raise NotImplementedError

    def receive(self, request: Webhook, now: float) -> WebhookAnswer:
        self.got.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self) -> None: ...


def test_an_adapter_sees_the_request_as_it_came_and_its_answer_goes_back() -> None:
    async def main() -> None:
        async with running() as api:
            adapter = api.hands.adapters["wa-1"] = Pushy(WebhookAnswer([], 200, b"challenge", "text/plain"))
            url = yarl.URL(f"{api.url}/hooks/wa-1?hub.mode=subscribe&hub.challenge=a%2Bb", encoded=True)
            async with api.client.get(url, headers={"X-Name": "Value"}) as response:
                assert (response.status, await response.read()) == (200, b"challenge")
                assert response.headers["Content-Type"].startswith("text/plain")
            (got,) = adapter.got
            assert got.url == f"{PUBLIC}/hooks/wa-1?hub.mode=subscribe&hub.challenge=a%2Bb"
            assert (got.query, got.headers["x-name"], got.peer) == (
                "hub.mode=subscribe&hub.challenge=a%2Bb", "Value", "127.0.0.1",
            )  # fmt: skip

    asyncio.run(main())


def test_a_store_that_is_lost_lets_the_provider_keep_its_news() -> None:
    async def main() -> None:
        async with running() as api:
            taken: list[bool] = []
            api.hands.adapters["a"] = Pushy(
                WebhookAnswer([Inbound("a", "1", "+1", "+2", "hi")], taken=lambda: taken.append(True))
            )

            async def fail(news: Any) -> None:
                raise StoreError("the disk is full")

            kept, api.hands.take = api.hands.take, fail  # type: ignore[method-assign]
            status, problem, headers = await api.call("POST", "/hooks/a", b"{}", token=None)
            assert (status, problem["code"], taken) == (503, "store", [])
            assert "Retry-After" in headers
            api.hands.take = kept  # type: ignore[method-assign]
            assert (await api.client.post(f"{api.url}/hooks/a", data=b"{}")).status == 200
            assert taken == [True]

    asyncio.run(main())


def test_forgeries_unknown_providers_and_giants() -> None:
    async def main() -> None:
        async with running() as api:
            adapter = api.hands.adapters["a"] = Pushy(Forged("wrong"))
            assert (await api.call("POST", "/hooks/a", b"{}", token=None))[:2][0] == 403
            assert (await api.call("POST", "/hooks/nobody", b"{}", token=None))[0] == 404
            assert len(adapter.got) == 1
            giant = io.BytesIO(b" " * ((1 << 20) + 1))
            assert (await api.client.post(f"{api.url}/hooks/a", data=giant)).status == 413
            assert len(adapter.got) == 1

    asyncio.run(main())

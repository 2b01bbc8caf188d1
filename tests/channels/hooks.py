"""Where webhooks of simulated providers arrive, and the adapters that read them: what the API is to the daemon."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from controller import clock
from controller.channels.base import Forged, Message, News, Report, Webhook
from controller.channels.http.adapter import HttpAdapter
from controller.simulate.base import Fates
from controller.simulate.dialects import Account
from controller.simulate.http import HttpSimulator
from controller.types.messages import Channel
from tests.channels.providers import keys, settings


@dataclass(slots=True)
class House:
    """Our side: adapters by name, and what they heard."""

    adapters: dict[str, HttpAdapter] = field(default_factory=dict)
    news: list[News] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    requests: list[Webhook] = field(default_factory=list)
    public: str = ""
    failing: int = 0  # so many webhooks are not kept

    async def take(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        headers = {key.lower(): value for key, value in request.headers.items()}
        raw = request.raw_path.partition("?")
        url = f"{self.public}{raw[0]}" + (f"?{raw[2]}" if raw[2] else "")
        webhook = Webhook(request.method, url, raw[2], headers, await request.read(), request.remote or "")
        self.requests.append(webhook)
        try:
            answer = self.adapters[name].receive(webhook, clock.epoch())
        except Forged as why:
            self.forged.append(str(why))
            return web.Response(status=403)
        if self.failing:
            self.failing -= 1
            return web.Response(status=503)
        self.news += answer.news
        answer.taken()
        return web.Response(body=answer.body, status=answer.status, content_type=answer.content_type)

    def reports(self) -> list[Report]:
        return [news for news in self.news if isinstance(news, Report)]


@dataclass(slots=True)
class Pair:
    """A house and the providers that it has accounts at."""

    house: House
    simulator: HttpSimulator

    def adapter(self, name: str) -> HttpAdapter:
        return self.house.adapters[name]


async def nobody(_news: list[News]) -> None:
    raise AssertionError("providers behind HTTP push nothing")


@asynccontextmanager
async def pair(
    *providers: tuple[str, Channel], fates: Fates | None = None, http: Any = None, **more: Any
) -> AsyncIterator[Pair]:
    """A house with an account at each of these, all on sockets of their own on loopback."""
    house, runner = House(), None
    app = web.Application()
    app.router.add_route("*", "/hooks/{name}", house.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    house.public = f"http://{host}:{port}"
    failures: list[BaseException] = []
    simulator = HttpSimulator(accounts(providers, house.public), fates, on_failure=failures.append)
    await simulator.start()
    for preset, channel in providers:
        url = f"{simulator.url}/{preset}"
        written = keys(preset)
        made = {"url": url, "vars": {**written.get("vars", {}), "login": url}, **more}
        house.adapters[preset] = HttpAdapter(settings(preset, channel, house.public, http, **made))
        await house.adapters[preset].start(nobody)
    try:
        yield Pair(house, simulator)
    finally:
        for adapter in house.adapters.values():
            await adapter.close()
        await simulator.close()
        await runner.cleanup()
    assert failures == []


def accounts(providers: Iterable[tuple[str, Channel]], public: str) -> list[Account]:
    made = []
    for preset, channel in providers:
        written = keys(preset)
        names = ("account", "token", "secret")
        more = {"hook": f"{public}/hooks/{preset}", "vars": written.get("vars", {})}
        made.append(Account(preset, preset, channel, **{name: written[name] for name in names}, **more))
    return made


def message(channel: Channel, key: str = "c1:0:1", **more: Any) -> Message:
    """A code to somebody, with letters that need care."""
    said = {"to": "+14155550123", "text": "Dein Code: 428193 🙂 & mehr", "sender": "+15550199999", "lifetime": 90.0}
    return Message(**({"send_key": key, "channel": channel, "params": {"code": "428193"}} | said | more))

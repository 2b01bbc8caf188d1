"""An app that sends codes: one request to callward's API each, and what became of it.

Owns the connection, and waiting, never longer than a code may take. Must not judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from controller.simulate.base import Got, Journal

PATIENCE = 150.0  # seconds: more than the window of a code
ANNA = {"phone": "+14155550100", "email": "anna@example.com"}


@dataclass(slots=True)
class Send:
    """One attempt at one provider; times are seconds since the request."""

    provider: str
    channel: str
    started: float
    ended: float | None
    outcome: str  # how it failed, "" if it did not


@dataclass(slots=True)
class Code:
    """What became of one."""

    status: str  # of the cascade, "untold" where nobody could be asked
    seconds: float
    winner: str = ""  # the provider by which it arrived
    reason: str = ""
    sends: list[Send] = field(default_factory=list)
    arrived: list[Got] = field(default_factory=list)  # as Anna's phone and mailbox saw it


class App:
    """Sends them."""

    def __init__(self, session: aiohttp.ClientSession, journal: Journal) -> None:
        self._session = session
        self._journal = journal
        self._count = 0

    async def send(self) -> Code:
        """One code to Anna, until it is over."""
        self._count += 1
        code = f"{481500 + self._count:06}"
        body = {"to": ANNA, "cascade": "code", "params": {"code": code}}
        try:
            async with asyncio.timeout(PATIENCE):
                async with self._session.post("/v1/cascades", json=body) as answer:
                    receipt = await answer.json()
                if answer.status != 202:
                    return Code("untold", 0.0, reason=str(receipt.get("detail", answer.status)))
                where = f"/v1/cascades/{receipt['id']}"
                await self._until_over(where)
                async with self._session.get(where) as answer:
                    view = await answer.json()
        except (aiohttp.ClientError, OSError) as error:
            return Code("untold", 0.0, reason=f"the process for messages does not answer ({type(error).__name__})")
        except TimeoutError:
            return Code("untold", PATIENCE, reason=f"nothing was heard of it for {PATIENCE:.0f} s")
        found = _read(view)
        found.arrived = [got for got in self._journal.delivered() if code in got.text]
        return found

    async def _until_over(self, where: str) -> None:
        async with self._session.get(f"{where}/events") as stream:
            async for line in stream.content:
                if line.startswith(b"event: end"):
                    return


@asynccontextmanager
async def open_app(address: str, token: str, journal: Journal) -> AsyncIterator[App]:
    """An app that asks the API at ``address``; ``journal``: of the providers, for what arrived."""
    headers = {"authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(f"http://{address}", headers=headers) as session:
        yield App(session, journal)


def _read(view: dict[str, Any]) -> Code:
    begun = _time(view["created"])
    sends = [
        Send(
            each["provider"],
            each["channel"],
            _time(each["started"]) - begun,
            _time(each["ended"]) - begun if each["ended"] else None,
            each["outcome"],
        )
        for each in view["attempts"]
    ]
    winner = next((each["provider"] for each in view["attempts"] if each["attempt"] == view["winner"]), "")
    ended = _time(view["ended"]) - begun if view["ended"] else 0.0
    return Code(view["status"], ended, winner, view["reason"], sends)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

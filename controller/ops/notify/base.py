"""What all ways to tell people have in common, and what an answer over HTTP means.

Owns the interface. Must not repeat a URL or a key in what it says: some URLs are secrets.
"""

from __future__ import annotations

import email.utils
import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import aiohttp

from controller import clock
from controller.alerting.outbox import Again, Done, Entry, Result
from sip.text import clean

#: Seconds that the other side may take.
PATIENCE = 10.0
_MOST_READ, _MOST_SAID = 2000, 200  # bytes of an answer that are looked at; characters that are repeated
_LEAST_SECRET = 8  # characters of one part of a path
_AGAIN = (408, 425, 429)


class Way(Protocol):
    """One way to tell people."""

    async def deliver(self, entry: Entry) -> Result:
        """Deliver a notice, or say why not. May be cancelled; `PATIENCE` is kept by whoever calls."""

    async def close(self) -> None:
        """Let go of everything."""


class Poster:
    """Posts JSON. One connection pool, and nobody's cookies."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, url: str, body: Any, headers: Mapping[str, str] | None = None, secrets: Iterable[str] = ()
    ) -> Result:
        """Post it, and say what the answer means. ``body`` is text, or data for JSON; ``secrets`` are what stands in it and must
        not be repeated where the other side does."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=PATIENCE), cookie_jar=aiohttp.DummyCookieJar()
            )
        text = body if isinstance(body, str) else json.dumps(body)
        try:
            async with self._session.post(
                url,
                data=text.encode(),
                headers=headers or {"content-type": "application/json"},
                allow_redirects=False,
            ) as answer:
                if 200 <= answer.status < 300:
                    return Done()
                text = (await answer.content.read(_MOST_READ)).decode("utf-8", "replace").strip()
                said = clean(_without(text, url, secrets))[:_MOST_SAID]
                return _judge(answer.status, said, answer.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return Again(_name(error))

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _without(said: str, url: str, secrets: Iterable[str]) -> str:
    """Some servers repeat what they were asked for ("Cannot POST /services/..."), and a path may be a secret."""
    parts = urlsplit(url)
    pieces = [*parts.path.split("/"), *re.split("[&=]", parts.query)]
    hidden = {*secrets, parts.query, *(piece for piece in pieces if len(piece) >= _LEAST_SECRET)} - {""}
    for each in sorted({*hidden, *map(unquote, hidden)}, key=len, reverse=True):
        said = said.replace(each, "...")
    return said


def _judge(status: int, said: str, retry_after: str) -> Again:
    why = f"{status}: {said}" if said else f"{status}"
    refused = status < 500 and status not in _AGAIN
    return Again(why, 0.0 if refused else read_retry_after(retry_after, clock.epoch()), refused)


def read_retry_after(text: str, now: float) -> float:
    """Seconds, from a number of them or a date (RFC 9110 §10.2.3); 0 for anything else."""
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError):
        return 0.0


def _name(error: Exception) -> str:
    """What went wrong, without the URL that aiohttp would repeat."""
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE:.0f} s"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()  # connection refused: what libraries write beside it says no more
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    return type(error).__name__

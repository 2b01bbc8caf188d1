"""Mail: the adapter of an account at a mail server.

Owns how a message looks as a mail and where its bounces go. Must not sign (DKIM is the mail server's) or decide what
follows. There is nothing against sending twice: servers do not look at Message-ID. Thus `Dedup.NONE`.

A letter is handed over by a task of its own: if whoever asked has no patience left, the answer is still told, as a report.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from random import Random

from controller import clock
from controller.channels.base import (
    Accepted,
    Liveness,
    Message,
    Refused,
    Report,
    Sink,
    Submission,
    Unclear,
    Webhook,
    WebhookAnswer,
)
from controller.channels.email_bounces import Bounces
from controller.channels.email_servers import Letter, Servers
from controller.channels.email_status import bounce_address
from controller.supervise import Supervisor
from controller.types.cascades import BAD_TEMPLATE, UNCLEAR
from controller.types.messages import Dedup, Provider
from controller.types.smtp import Smtp

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between looks at a server that is gone
LISTEN_PAUSE = 5.0  # seconds until the address for bounces is tried again
CLOSE_PATIENCE = 2.0  # seconds for letters that are on their way


class EmailAdapter:
    """An account at a mail server."""

    dedup = Dedup.NONE

    def __init__(self, provider: Provider, random: Random | None = None) -> None:
        """``provider.settings`` are `Smtp`."""
        settings = provider.settings
        assert isinstance(settings, Smtp)
        self.name = provider.name
        self._settings = settings
        self._random = random or Random()
        self._servers = Servers(settings, self._on_state)
        self.bounces = Bounces(self.name, settings.bounces, self._take_bounce)
        self._tasks = Supervisor(lambda _error: None)
        self._letters = Supervisor(lambda _error: None)
        self._under_way: set[asyncio.Future[Submission]] = set()
        self._sink: Sink | None = None
        self._alive: bool | None = None  # as was last told
        self._gone = asyncio.Event()

    async def start(self, sink: Sink) -> None:
        """Look whether the server is there, and listen for bounces."""
        self._sink = sink
        self._gone.set()
        self._tasks.spawn(self._watch(), f"mail server of {self.name}")
        if self._settings.bounces_listen is not None:
            self._tasks.spawn(self._listen(*self._settings.bounces_listen), f"bounces of {self.name}")

    async def submit(self, message: Message) -> Submission:
        """Hand it to the mail server, which has it for good once it says 250."""
        try:
            until = asyncio.get_running_loop().time() + message.lifetime
            letter = Letter(message.send_key, self._envelope(message), message.to, self._compose(message), until)
        except (ValueError, MessageError):  # a line break where there may be none, an address that is none
            return Refused(BAD_TEMPLATE, "not a mail")
        future: asyncio.Future[Submission] = asyncio.get_running_loop().create_future()
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        self._letters.spawn(self._hand_over(letter, future), "letter")
        return await future

    async def look_up(self, send_key: str) -> Submission:
        """Never asked: see `dedup`."""
        return Unclear("no mail server can be asked")

    def receive(self, request: Webhook, now: float) -> WebhookAnswer:
        """There are no webhooks: bounces are mails."""
        return WebhookAnswer(status=404)

    async def close(self) -> None:
        """Let letters that are on their way arrive, for a moment."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=CLOSE_PATIENCE)
        await self._letters.close()
        await self._tasks.close()
        self.bounces.close()
        self._servers.close()

    # ----------------------------------------------------------------- letters

    async def _hand_over(self, letter: Letter, future: asyncio.Future[Submission]) -> None:
        submission: Submission = Unclear(UNCLEAR)
        try:
            submission = await self._servers.send(letter)
        finally:
            if not future.done():
                future.set_result(submission)
                submission = Unclear(UNCLEAR)
        now = clock.epoch()  # whoever asked has gone
        if isinstance(submission, Accepted):
            await self._tell(Report(self.name, submission.ref, submission.milestone, send_key=letter.send_key, at=now))
        elif isinstance(submission, Refused):
            cause, code = submission.cause, submission.code
            await self._tell(Report(self.name, "", None, cause, code, send_key=letter.send_key, at=now))

    def _envelope(self, message: Message) -> str:
        if self._settings.bounces:
            return bounce_address(self._settings.bounces, message.send_key)
        return self._settings.sender

    def _compose(self, message: Message) -> bytes:
        sender = message.sender if "@" in message.sender else self._settings.sender
        if "@" not in message.to or any(char.isspace() for char in message.to):
            raise ValueError("no address of mail")
        mail = EmailMessage(SMTP_POLICY)
        mail["From"] = f'"{self._settings.name}" <{sender}>' if self._settings.name else sender
        mail["To"] = message.to
        mail["Subject"] = message.subject or self._settings.name or sender.rpartition("@")[2]
        mail["Date"] = format_datetime(datetime.fromtimestamp(clock.epoch(), UTC))
        mail["Message-ID"] = f"<{message.send_key.replace(':', '.')}@{sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: nobody's absence is to answer
        mail.set_content(message.text, cte="quoted-printable")
        if message.language:
            mail["Content-Language"] = message.language
        return bytes(mail)

    # ----------------------------------------------------------------- the server, and what is told

    async def _watch(self) -> None:
        """Look at a server that is gone until it is back: nobody sends through it meanwhile, so nobody else would see."""
        pause = FIRST_PAUSE
        while True:
            await self._gone.wait()
            self._gone.clear()
            if await self._servers.look():
                pause = FIRST_PAUSE
                continue
            self._gone.set()
            await asyncio.sleep(pause * self._random.uniform(0.8, 1.2))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _on_state(self, alive: bool, why: str) -> None:
        if not alive:
            self._gone.set()
        if alive is not self._alive:
            self._alive = alive
            self._tasks.spawn(self._tell(Liveness(self.name, alive=alive, why=why)), "liveness")

    async def _listen(self, host: str, port: int) -> None:
        told = False
        while True:
            try:
                await self.bounces.listen(host, port)
                return
            except OSError as error:
                why = f"bounces cannot be heard: {(error.strerror or str(error)).lower()}"
            if not told and self._alive is not None:
                told = True
                await self._tell(Liveness(self.name, alive=self._alive, why=why))
            await asyncio.sleep(LISTEN_PAUSE)

    async def _take_bounce(self, report: Report) -> None:
        report.at = clock.epoch()
        assert self._sink is not None
        await self._sink([report])

    async def _tell(self, news: Report | Liveness) -> None:
        """As long as nobody can write it down, again and again."""
        assert self._sink is not None
        while True:
            try:
                await self._sink([news])
                return
            except Exception:  # noqa: BLE001  # the store's trouble is not the mail's
                await asyncio.sleep(FIRST_PAUSE)

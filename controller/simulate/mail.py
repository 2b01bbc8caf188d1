"""A simulated mail server: SMTP with DSN (RFC 3461) on a real socket, faults, and bounces as real reports (RFC 3464).

Owns its side of the protocol (aiosmtpd) and the reports that it sends to whoever is the sender of the envelope. The send
key of the journal is the ENVID, else the Message-ID.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import warnings
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import SMTP as SMTP_POLICY
from typing import Any
from weakref import WeakSet

import aiosmtplib
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from controller.simulate.base import Answer, Fate, FatedReport, Fates, Got, Journal, Word

_ENVID = re.compile(r"\s+ENVID=(\S+)", re.IGNORECASE)
_NOTIFY = re.compile(r"\s+NOTIFY=(\S+)", re.IGNORECASE)
_DSN = re.compile(r"\s+(?:RET|ENVID|NOTIFY|ORCPT)=\S+", re.IGNORECASE)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_ANSWERS = {
    Answer.REFUSE: "550 5.1.1 no such user",
    Answer.THROTTLE: "452 4.3.2 too busy",
    Answer.FAIL: "451 4.3.0 out of order",
}
_ACTIONS = {
    Word.SENT: ("relayed", "2.0.0"),
    Word.DELIVERED: ("delivered", "2.0.0"),
    Word.READ: ("delivered", "2.0.0"),
    Word.FAILED: ("failed", "5.1.1"),
}
_AGAIN = 0.1  # seconds until a bounce that nobody took comes again
_TRIES = 50


class _Server(SMTP):
    """aiosmtpd, which knows no DSN: its parameters are taken off, and kept."""

    envid = ""
    notify = ""

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        found = _ENVID.search(arg or "")
        self.envid = _XTEXT.sub(lambda octet: chr(int(octet[1], 16)), found[1]) if found is not None else ""
        await super().smtp_MAIL(_DSN.sub("", arg) if arg is not None else None)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        found = _NOTIFY.search(arg or "")
        self.notify = found[1].upper() if found is not None else "FAILURE"
        await super().smtp_RCPT(_DSN.sub("", arg) if arg is not None else None)


@dataclass(slots=True, eq=False)
class MailServer:
    """One mail server; what is set may be changed while it runs."""

    name: str = "mail"
    fates: Fates = field(default_factory=Fates)
    journal: Journal = field(default_factory=Journal)
    bounces_to: tuple[str, int] | None = None  # whoever takes mail for the senders' domain
    dsn: bool = True  # whether it offers RFC 3461
    starttls: ssl.SSLContext | None = None  # offered, and wanted
    accounts: dict[str, str] = field(default_factory=dict)  # passwords by user; none: nobody has to log in
    greeting: str = ""  # said instead of 250 to EHLO: "421 4.3.2 too many connections"
    port: int = 0
    mails: list[Message] = field(default_factory=list)  # as they came
    bounced: int = 0  # reports that were taken
    refused: int = 0  # and that were not, the first time
    _fates: dict[str, Fate] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _open: WeakSet[_Server] = field(default_factory=WeakSet)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> int:
        """Listen; the port. 0 takes any that is free. With ``tls`` from the first byte, unless `starttls` is set."""
        self._server = await asyncio.get_running_loop().create_server(self._make, host, port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def close(self) -> None:
        """Hang up, without a word."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        self.drop()
        await asyncio.sleep(0)

    def drop(self) -> None:
        """All connections are gone."""
        for server in [*self._open]:
            _hang_up(server)

    # ----------------------------------------------------------------- what aiosmtpd calls

    async def handle_EHLO(  # noqa: N802
        self, server: _Server, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        if self.greeting:
            return [self.greeting]
        return [*responses[:-1], *(["250-DSN"] if self.dsn else []), responses[-1]]

    async def handle_RCPT(  # noqa: N802
        self, server: _Server, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        key = server.envid
        fate = self.fates.of(self.name, key, self.journal.tries(self.name, key))
        if fate.answer in {Answer.REFUSE, Answer.THROTTLE}:
            self.journal.add(Got(self.name, key, address, "", self._now(), fate))
            return fate.code if fate.answer is Answer.REFUSE and fate.code else _ANSWERS[fate.answer]
        self._fates[str(session.peer)] = fate
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: _Server, session: Session, envelope: Envelope) -> str:  # noqa: N802
        fate = self._fates.pop(str(session.peer))
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(content, policy=SMTP_POLICY)
        key = server.envid or str(mail["Message-ID"] or "").strip("<>")
        ref = f"q{len(self.journal.entries) + 1}" if fate.taken else ""
        text = mail.get_payload(decode=True)
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else ""
        self.journal.add(Got(self.name, key, envelope.rcpt_tos[0], words, self._now(), fate, ref=ref))
        self.mails.append(mail)
        await asyncio.sleep(fate.delay)
        if fate.taken:
            for report in fate.reports:
                self._spawn(
                    self._report(report, fate, key, envelope.mail_from or "", envelope.rcpt_tos[0], server.notify)
                )
        if fate.answer is Answer.CUT:
            _hang_up(server)
        elif fate.answer is Answer.DROP:
            await asyncio.Event().wait()  # until the connection is gone
        elif fate.answer is Answer.FAIL:
            return _ANSWERS[fate.answer]
        return f"250 2.0.0 ok: queued as {ref}"

    # ----------------------------------------------------------------- reports

    async def _report(self, report: FatedReport, fate: Fate, key: str, sender: str, to: str, notify: str) -> None:
        wanted = "FAILURE" if report.word is Word.FAILED else "SUCCESS"
        if wanted not in notify or self.bounces_to is None:
            return
        await asyncio.sleep(max(0.0, report.after))
        action, status = _ACTIONS[report.word]
        if report.word is Word.FAILED and fate.code:
            status = fate.code
        if report.forged:  # by somebody who has seen an address of bounces, and guesses the key of another message
            local, _, domain = sender.partition("+")[0], "", sender.rpartition("@")[2]
            sender = f"{local}+forged=0=1@{domain}"
        await self._send(sender, bounce(sender, to, key if self.dsn else "", action, status))

    async def _send(self, to: str, mail: bytes) -> None:
        assert self.bounces_to is not None
        host, port = self.bounces_to
        for _ in range(_TRIES):
            client = aiosmtplib.SMTP(
                hostname=host, port=port, start_tls=False, local_hostname="mail.example", timeout=10
            )
            try:
                await client.connect()
                await client.mail("")
                await client.rcpt(to)
                await client.data(mail)
                await client.quit()
            except aiosmtplib.SMTPResponseException as error:
                self.refused += 1
                if error.code >= 500:
                    return
            except (aiosmtplib.SMTPException, OSError):
                self.refused += 1
            else:
                self.bounced += 1
                return
            finally:
                client.close()
            await asyncio.sleep(_AGAIN)

    # ----------------------------------------------------------------- machinery

    def _make(self) -> Any:
        with (
            warnings.catch_warnings()
        ):  # passwords without TLS are fine here, and it does not see TLS from the first byte
            warnings.simplefilter("ignore")
            server = _Server(
                self,
                ident="simulated",
                hostname="mail.example",
                enable_SMTPUTF8=True,
                tls_context=self.starttls,
                require_starttls=self.starttls is not None,
                authenticator=self._admit if self.accounts else None,
                auth_required=bool(self.accounts),
                auth_require_tls=False,
            )
        self._open.add(server)
        return server

    def _admit(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        user, password = data.login.decode(), data.password.decode()
        return AuthResult(success=self.accounts.get(user) == password, handled=False)

    def _spawn(self, job: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _hang_up(server: _Server) -> None:
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()


def bounce(sender: str, to: str, envelope: str, action: str, status: str) -> bytes:
    """A report of delivery as mail servers write it (RFC 3462, RFC 3464)."""
    fields = [f"Original-Envelope-Id: {envelope}\r\n"] if envelope else []
    return "".join(
        [
            "From: Mail Delivery System <MAILER-DAEMON@mail.example>\r\n",
            f"To: {sender}\r\n",
            "Subject: Delivery Status Notification\r\n",
            "Auto-Submitted: auto-replied\r\n",
            "MIME-Version: 1.0\r\n",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="=b"\r\n\r\n',
            "--=b\r\nContent-Type: text/plain\r\n\r\nThis is the mail system.\r\n\r\n",
            "--=b\r\nContent-Type: message/delivery-status\r\n\r\n",
            "Reporting-MTA: dns; mail.example\r\n",
            *fields,
            f"\r\nFinal-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {status}\r\n",
            f"Diagnostic-Code: smtp; 550 {status} as simulated\r\n\r\n--=b--\r\n",
        ]
    ).encode()

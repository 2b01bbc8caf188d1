"""Mail to people.

Owns how an alert looks as a mail: all mails of one incident are one thread.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime

import aiosmtplib

from controller import clock
from controller.alerting.outbox import Again, Done, Entry, Result
from controller.alerting.words import What
from controller.ops.notify.base import PATIENCE
from controller.types.alerts import Email
from controller.types.smtp import SmtpSecurity
from sip.text import clean


class MailWay:
    """Some people."""

    def __init__(self, target: Email) -> None:
        self._target = target

    async def deliver(self, entry: Entry) -> Result:
        """Hand a mail to the server."""
        if entry.what is What.UPDATE:
            return Done()
        smtp = self._target.smtp
        try:
            refused, _ = await aiosmtplib.send(
                mail_of(entry, self._target, clock.epoch()),
                sender=smtp.sender,
                recipients=list(self._target.to),
                hostname=smtp.host,
                port=smtp.port,
                username=smtp.user or None,
                password=smtp.password or None,
                use_tls=smtp.security is SmtpSecurity.TLS,
                start_tls=smtp.security is SmtpSecurity.STARTTLS,
                timeout=PATIENCE,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return Again(f"all refused: {clean(error.recipients[0].message)}", refused=True)
        except aiosmtplib.SMTPResponseException as error:
            return Again(f"{error.code}: {clean(error.message)}"[:200], refused=error.code >= 500)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return Again(f"{type(error).__name__}: {clean(str(error))}"[:200])
        # those who took it are not told again for the others' sake
        return Done(", ".join(f"{who}: {answer.code} {clean(answer.message)}"[:200] for who, answer in refused.items()))

    async def close(self) -> None:
        """There is nothing to let go of."""


def mail_of(entry: Entry, target: Email, now: float) -> EmailMessage:
    """The mail."""
    notice, domain = entry.notice, target.smtp.sender.rpartition("@")[2]
    mail = EmailMessage(SMTP_POLICY)
    mail["From"] = f'"{target.smtp.name}" <{target.smtp.sender}>'
    mail["To"] = ", ".join(target.to)
    mail["Subject"] = clean(f"[callward] {notice['title']}")[:200]
    mail["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    mail["Message-ID"] = f"<{notice['id']}.{entry.what}.{now:.3f}@{domain}>"
    mail["References"] = f"<{notice['id']}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: nobody's absence is to answer
    if notice["severity"] == "critical" and entry.what is What.TRIGGER:
        mail["Importance"] = "high"  # RFC 4021 §2.1.54
    late = "This could not be told before.\n\n" if entry.missed else ""
    mail.set_content(f"{late}{notice['title']}\n\n{notice['text']}\n", cte="quoted-printable")
    return mail

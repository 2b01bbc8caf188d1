"""What mail servers say, in our words; addresses of bounces; bounces of real servers and of spammers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.channels.email_status import Delivery, bounce_address, cause_of, code_of, key_of, read_bounce, xtext
from controller.simulate.mail import bounce
from controller.types.words import Milestone

KEYS = st.from_regex(r"[0-9a-z-]{8,36}:[0-9]{1,2}:[0-9]{1,2}", fullmatch=True)


@pytest.mark.parametrize(
    ("reply", "text", "cause"),
    [
        (550, "5.1.1 <a@b.example>: no such user", "unknown-subscriber"),
        (550, "no such user", "unknown-subscriber"),
        (450, "4.2.1 mailbox disabled", "absent"),
        (452, "4.2.2 over quota", "absent"),
        (451, "4.7.1 greylisted, come again", "429"),
        (421, "4.7.0 too many connections", "429"),
        (421, "too busy", "429"),
        (452, "4.3.2 not accepting messages", "429"),
        (550, "5.7.1 spam", "rejected"),
        (554, "no", "rejected"),
        (552, "5.3.4 too big", "bad-template"),
        (535, "5.7.8 wrong password", "400"),
        (530, "log in first", "400"),
        (553, "5.1.8 your domain does not exist", "400"),
        (501, "5.1.3 bad address", "unknown-subscriber"),
        (0, "4.4.7", "expired"),
        (0, "5.4.4", "undelivered"),
    ],
)
def test_causes(reply: int, text: str, cause: str) -> None:
    assert cause_of(reply, text) == cause


def test_a_code_holds_no_address() -> None:
    assert code_of(550, "5.1.1 <someone@example.com> is not here") == "550 5.1.1"
    assert code_of(550, "someone@example.com is not here") == "550"


@given(KEYS)
def test_a_key_comes_back(key: str) -> None:
    address = bounce_address("bounce@example.com", key)
    assert len(address.rpartition("@")[0]) <= 64
    assert key_of(address, "bounce@example.com") == key
    assert key_of(address.replace("example", "EXAMPLE"), "Bounce@example.com") == key


@pytest.mark.parametrize(
    "address",
    [
        "bounce@elsewhere.example",
        "bouncer@example.com",
        "other+c=0=1@example.com",
        "",
        "bounce+<x>@example.com",
        "bounce",
    ],
)
def test_other_addresses_have_none(address: str) -> None:
    assert key_of(address, "bounce@example.com") is None


def test_the_bare_address() -> None:
    assert key_of("bounce@example.com", "bounce@example.com") == ""


def test_bounces() -> None:
    def read(action: str, status: str, envelope: str = "") -> Delivery | None:
        return read_bounce(bounce("bounce@example.com", "someone@example.com", envelope, action, status))

    assert read("failed", "5.1.1", xtext("c+1:0:1")) == Delivery(None, "unknown-subscriber", "failed 5.1.1", "c+1:0:1")
    assert read("failed", "4.4.7") == Delivery(None, "expired", "failed 4.4.7")
    assert read("failed", "5.7.8") == Delivery(None, "undelivered", "failed 5.7.8")  # theirs, not ours
    assert read("delivered", "2.0.0") == Delivery(Milestone.ANSWERED, code="delivered 2.0.0")
    assert read("delayed", "4.4.1") == Delivery(Milestone.ACCEPTED, code="delayed 4.4.1")
    assert read("relayed", "2.0.0") == Delivery(Milestone.ALERTING, code="relayed 2.0.0")
    assert read("somehow", "2.0.0") is None


def test_somebody_who_is_on_holiday_is_no_bounce() -> None:
    assert (
        read_bounce(b"From: a@b.example\r\nSubject: away\r\nAuto-Submitted: auto-replied\r\n\r\nI am away\r\n") is None
    )


PIECES = st.sampled_from(bounce("b@c.example", "d@e.example", "x", "failed", "5.1.1").split(b"\r\n"))


@given(st.lists(PIECES | st.binary(max_size=30), max_size=30).map(b"\r\n".join))
def test_nothing_raises(mail: bytes) -> None:
    read_bounce(mail)


@given(st.text())
def test_xtext_is_printable(text: str) -> None:
    assert all("!" <= char <= "~" and char != "=" for char in xtext(text))

"""Receipts as SMSCs write them: by appendix B, by parameters, with ids of another base, and nonsense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.channels.smpp_receipts import Receipt, canonical, parse_receipt
from controller.types.smpp import SmppIds
from controller.types.words import Milestone

TEXT = b"id:0123456789 sub:001 dlvrd:001 submit date:2401011200 done date:2401011201 stat:%b err:%b text:Your code"


def read(body: bytes, esm_class: int = 4, ids: SmppIds = SmppIds.SAME, **tlvs: bytes) -> Receipt | None:
    tags = {"ref": 0x001E, "state": 0x0427, "error": 0x0423}
    named = {tags[name]: value for name, value in tlvs.items()}
    return parse_receipt(esm_class, body, named, ids, {"069": "absent"})


@pytest.mark.parametrize(
    ("stat", "milestone", "cause"),
    [
        (b"DELIVRD", Milestone.ANSWERED, ""),
        (b"delivrd", Milestone.ANSWERED, ""),
        (b"DELIVERED", None, None),  # by its first letters
        (b"EXPIRED", None, "expired"),
        (b"DELETED", None, "rejected"),
        (b"UNDELIV", None, "undelivered"),
        (b"UNDELIVERABLE", None, "undelivered"),
        (b"ACCEPTD", Milestone.ALERTING, ""),
        (b"ENROUTE", Milestone.ALERTING, ""),
        (b"UNKNOWN", None, "undelivered"),
        (b"REJECTD", None, "rejected"),
        (b"WHATEVER", Milestone.ACCEPTED, ""),  # it has it, and says no more
    ],
)
def test_states(stat: bytes, milestone: Milestone | None, cause: str | None) -> None:
    found = read(TEXT % (stat, b"000"))
    assert found is not None
    assert found.ref == "0123456789"
    assert found.code == f"{stat.decode().upper()}/000"
    if cause is None:
        milestone, cause = Milestone.ANSWERED, ""
    assert (found.milestone, found.cause) == (milestone, cause)


def test_parameters_count_more_than_text() -> None:
    found = read(TEXT % (b"UNKNOWN", b"000"), ref=b"abc\0", state=b"\2")
    assert found is not None
    assert (found.ref, found.milestone) == ("abc", Milestone.ANSWERED)


def test_parameters_alone() -> None:
    assert read(b"", esm_class=0, ref=b"7f\0", state=b"\5") == Receipt("7f", None, "undelivered", "state 5")


def test_errors_say_whether_it_was_the_person() -> None:
    def cause(err: bytes = b"000", **tlvs: bytes) -> str:
        found = read(TEXT % (b"UNDELIV", err), **tlvs)
        assert found is not None
        return found.cause

    assert cause(b"069") == "absent"  # as the operator wrote
    assert cause(error=b"\3\0\1") == "unknown-subscriber"
    assert cause(error=b"\3\0\x1b") == "absent"
    assert cause(error=b"\3\0\x0d") == "blocked"
    assert cause(error=b"\1\0\1") == "undelivered"  # of another kind of network
    assert cause(error=b"\3") == "undelivered"


def test_a_text_that_looks_like_one_is_none() -> None:
    assert read(TEXT % (b"DELIVRD", b"000"), esm_class=0) is None
    assert read(b"hello", esm_class=0x40) is None


def test_an_intermediate_notification_ends_nothing() -> None:
    found = read(TEXT % (b"UNDELIV", b"001"), esm_class=0x20)
    assert found is not None
    assert (found.milestone, found.cause) == (Milestone.ACCEPTED, "")


@given(st.integers(0, 2**63))
def test_ids_of_another_base(number: int) -> None:
    sent, told = f"{number:X}", f"{number:010}"
    ids = SmppIds.DECIMAL_OF_HEX
    assert canonical(sent, ids, in_receipt=False) == canonical(told, ids, in_receipt=True)
    ids = SmppIds.HEX_OF_DECIMAL
    assert canonical(told, ids, in_receipt=False) == canonical(f"{number:08x}", ids, in_receipt=True)


WORDS = st.sampled_from([b"id:", b"stat:", b"err:", b" ", b"DELIVRD", b"\0", b"1", b"\xff", b"text:"])


@given(
    st.integers(0, 255),
    st.lists(WORDS | st.binary(max_size=8), max_size=12).map(b"".join),
    st.dictionaries(st.sampled_from([0x001E, 0x0427, 0x0423]), st.binary(max_size=5)),
    st.sampled_from(SmppIds),
)
def test_nothing_raises(esm_class: int, body: bytes, tlvs: dict[int, bytes], ids: SmppIds) -> None:
    found = parse_receipt(esm_class, body, tlvs, ids, {})
    assert found is None or (found.milestone is None) == bool(found.cause)

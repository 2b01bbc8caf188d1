from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.errors import RemoteProtocolError
from sip.headers import MAX_CSEQ
from sip.message import Request
from sip.sequence import LAST_TRY, mark, number_of, rack_of, read_mark, renumber

_TRIES = st.integers(0, LAST_TRY)
_FIRST = st.integers(0, MAX_CSEQ)


@given(_FIRST, st.integers(0, 1000), st.integers(1, 1000), _TRIES, _TRIES)
def test_every_try_of_a_request_of_the_caller_is_above_all_tries_of_those_before(
    first: int, since: int, step: int, tried: int, later: int
) -> None:
    one, other = first + since, first + since + step
    if other <= MAX_CSEQ:
        assert 0 <= number_of(one, tried, first) < number_of(other, later, first) <= MAX_CSEQ


@given(st.integers(0, MAX_CSEQ - 1000), st.integers(1, 1000), _TRIES, _TRIES)
def test_every_try_of_a_request_of_the_callee_is_above_all_tries_of_those_before(
    cseq: int, step: int, tried: int, later: int
) -> None:
    other = cseq + step
    if cseq < 2**28 <= other:
        return  # the one place where nothing can be told
    one, two = number_of(cseq, tried, None), number_of(other, later, None)
    assert 0 <= one < two <= MAX_CSEQ


@given(_FIRST, _TRIES, _TRIES)
def test_tries_of_one_request_never_fall(first: int, tried: int, later: int) -> None:
    for known in (first, None):
        one, other = (number_of(first, each, known) for each in sorted((tried, later)))
        assert one <= other
        if known is not None or first < 2**28:
            assert (one == other) == (tried == later)


@pytest.mark.parametrize("first", [2**20, 2**20 + 5, 2**30 + 7])
def test_a_request_far_below_the_invite_is_out_of_order(first: int) -> None:
    with pytest.raises(RemoteProtocolError) as error:
        number_of(first - 2**20, 0, first)
    assert error.value.status == 500


def test_a_sender_that_leaps_further_than_there_is_room_stays_in_order() -> None:
    assert number_of(MAX_CSEQ, 3, 1) == MAX_CSEQ


@given(st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True), _FIRST, _TRIES)
def test_a_mark_is_read_as_it_was_made(tag: str, cseq: int, tried: int) -> None:
    assert read_mark(mark(tag, cseq, tried)) == (cseq, tried)
    assert read_mark(tag) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("9 1 INVITE", (9, 1, "INVITE")),
        ("  9   1  INVITE ", (9, 1, "INVITE")),
        ("9 1", None),
        ("x 1 INVITE", None),
        ("9 12345678901 INVITE", None),
        ("٩ 1 INVITE", None),
    ],
)
def test_rack(value: str, expected: tuple[int, int, str] | None) -> None:
    assert rack_of(Request("PRACK", "sip:a@b", ["rack"], [f"RAck: {value}"])) == expected


def test_renumbering_keeps_the_method() -> None:
    request = Request("BYE", "sip:a@b", ["cseq"], ["CSeq: 7 BYE"])
    assert request.cseq == (7, "BYE")
    renumber(request, 57)
    assert (request.cseq, request.lines) == ((57, "BYE"), ["CSeq: 57 BYE"])

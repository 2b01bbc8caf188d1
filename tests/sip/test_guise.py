from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.guise import IDENTITY, MAX_KEPT, NOTHING, Note, address_in, decode_note, exchange, keep, remove, restore
from sip.headers import find_tag, find_uri
from sip.message import Request
from tests.sip import wire

NAMES = st.sampled_from(["", "Bob ", '"Bob" ', '"a <b>; \\" c" ', '"" ', "Bob  Smith\t", '"Łukasz" '])
USERS = st.sampled_from(["bob", "+1415", "b;x=y", "b:pw", "%22", "a&b=c"])
PARAMS = st.sampled_from(["", ";tag=x", ";x=1;tag=y", ' ; a="b;tag=z,>" ;tag=w', ";tag=x;tag2=y"])


@st.composite
def values(draw: st.DrawFn) -> tuple[str, str]:
    """An address and the parameters behind it."""
    name, user, params = draw(NAMES), draw(USERS), draw(PARAMS)
    if not name and draw(st.booleans()):
        return f"sip:{user.partition(';')[0]}@h", params.lstrip()
    return f"{name}<sip:{user}@h;lr>", params


@given(values())
def test_the_address_is_what_stands_before_the_parameters(value: tuple[str, str]) -> None:
    address, params = value
    assert address_in(address + params) == address
    assert find_uri(address_in(address + params)) == find_uri(address + params)


@given(values(), values(), st.sampled_from(["from", "to"]))
def test_there_and_back_is_where_it_was_and_tags_are_never_touched(
    one: tuple[str, str], other: tuple[str, str], name: str
) -> None:
    request = with_address(name, "".join(one))
    before, tag = request.lines.copy(), find_tag("".join(one))
    exchange(request, name, other[0])
    assert address_in(request.require(name)) == other[0]
    assert find_tag(request.require(name)) == tag
    assert [line for index, line in enumerate(request.lines) if request.names[index] != name] == [
        line for index, line in enumerate(before) if request.names[index] != name
    ]
    exchange(request, name, one[0])
    assert request.lines == before


def with_address(name: str, value: str) -> Request:
    lines = wire.request_lines("INVITE")
    title = name.title()
    return wire.parsed(wire.encode([f"{title}: {value}" if line.startswith(f"{title}:") else line for line in lines]))


def test_the_spelling_of_the_name_stays_and_folding_goes() -> None:
    lines = [line.replace("From: ", "f :\t ") for line in wire.request_lines("INVITE")]
    request = wire.parsed(wire.encode(lines))
    exchange(request, "from", "<sip:x@y>")
    assert "f : <sip:x@y>;tag=caller" in request.lines


@given(values())
def test_what_is_kept_is_the_address(value: tuple[str, str]) -> None:
    assert keep("".join(value)) == value[0].replace("\t", "")


@given(st.integers(0, 400), st.integers(1, 400))
def test_what_is_kept_is_bounded(name: int, user: int) -> None:
    kept = keep(f'"{"n" * name}" <sip:{"u" * user}@h>;tag=x')
    assert len(kept) <= MAX_KEPT
    uri = f"<sip:{'u' * user}@h>"
    assert kept in (f'"{"n" * name}" {uri}', uri, "")
    assert (kept == "") == (len(uri) > MAX_KEPT)


@pytest.mark.parametrize("value", ['"Ł' * 200 + '" <sip:a@b>', '"unbalanced <sip:a@b>', "<sip:a@b", "", ";tag=x"])
def test_nothing_that_may_stand_there_is_too_much_for_it(value: str) -> None:
    assert len(keep(value).encode()) <= MAX_KEPT


@given(st.builds(Note, st.text(), st.text(), st.booleans()))
def test_a_note_is_read_back(note: Note) -> None:
    kept = Note(keep(note.sender), keep(note.receiver), note.hides)
    assert decode_note(kept.encode()) == kept
    assert decode_note(b"\xff=1\nz=2") == NOTHING == decode_note(b"")


def test_a_response_gets_what_the_note_says_and_nothing_else() -> None:
    request = wire.parsed(wire.request(extra=["P-Asserted-Identity: <sip:a@b>", "X-Odd: 1"]))
    response = wire.answered(wire.answer(request, 200, extra=["P-Asserted-Identity: <sip:a@b>", "X-Odd: 1"]))
    before = response.lines.copy()
    restore(response, NOTHING)
    assert response.lines == before
    restore(response, Note("<sip:me@here>", "", hides=True))
    assert response.require("from") == "<sip:me@here>;tag=caller"
    assert response.require("to") == "<sip:+15557000@example.com>;tag=callee"
    assert "p-asserted-identity" not in response.names
    assert response.get("x-odd") == "1"


def test_headers_are_taken_out_wherever_they_stand() -> None:
    request = wire.parsed(wire.request(extra=["Remote-Party-ID: x", "X: 1", "P-Asserted-Identity: <a:b>", "Y: 2"]))
    names = [name for name in request.names if name not in IDENTITY]
    remove(request, IDENTITY)
    assert request.names == names
    assert [line.partition(":")[0].lower() for line in request.lines][-2:] == ["x", "y"]


# --------------------------------------------------------------------------- sealed in our Via


def test_a_note_in_our_via_is_of_this_call_only_and_cannot_be_forged() -> None:
    element, other = wire.make_element(), wire.make_element(seal_key=bytes(range(1, 33)))
    request = wire.parsed(wire.request())
    written = element.write_note(Note("<sip:me@here>"), request.call_id)
    sealed = element.write_note(Note("<sip:me@here>"), "another-call")
    forged = other.write_note(Note("<sip:evil@here>"), request.call_id)
    route = element.write_note(Note("<sip:me@here>"), request.call_id).replace("cwn=k1.", "cwn=k1.A")
    for note, sender in (
        (written, "<sip:me@here>"),
        (sealed, ""),
        (forged, ""),
        (route, ""),
        (";cwn=", ""),
        (";cwn", ""),
    ):
        branch = element.via_for(request, "path")
        copy = request.copy()
        copy.prepend("via", f"Via: {branch}{note}")
        response = element.forward_response(wire.answered(wire.answer(copy, 180)))
        assert response.require("from") == f"{sender or '<sip:alice@example.com>'};tag=caller"

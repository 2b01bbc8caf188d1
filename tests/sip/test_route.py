from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.route import SealedRoute, decode_route
from sip.transaction import Hop

#: Text as it comes from the wire: any bytes but line ends.
WORD = st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"").decode("utf-8", "surrogateescape"))
HOP = st.builds(
    Hop,
    st.sampled_from(["192.0.2.1", "2001:db8::1"]),
    st.integers(1, 65535),
    st.sampled_from(["udp", "tcp", "tls"]),
    st.sampled_from(["", "inside", "a.b-c_d"]),
)


#: As anchored calls have it, or not at all.
MEDIA = st.sampled_from(["", "oleg-1", "d"])


@given(
    st.builds(
        SealedRoute,
        WORD,
        HOP,
        WORD,
        st.none() | WORD,
        entries=st.sampled_from([1, 2]),
        callee=st.none() | HOP,
        caller_behind_nat=st.booleans(),
        first=st.none() | st.integers(0, 2**31 - 1),
        tried=st.integers(0, 7),
        caller_trunk=st.sampled_from(["", "carrier-a"]),
        media=MEDIA,
        caller_as=st.none() | WORD,
        callee_as=st.none() | WORD,
        side=st.none(),
        onward=st.just(""),
    )
)
def test_what_was_written_is_read_again(route: SealedRoute) -> None:
    assert decode_route(route.encode()) == route


@pytest.mark.parametrize(
    ("callee_tag", "from_tag", "to_tag", "fits"),
    [
        (None, "callee", "caller", True),  # the callee asks; its tag is not known yet
        (None, "caller", "callee", False),
        (None, "callee", "", False),
        ("callee", "caller", "callee", True),
        ("callee", "callee", "caller", False),
        ("callee", "caller", "other", False),
        ("callee", "", "callee", False),
        ("", "caller", "", True),
    ],
)
def test_a_side_of_a_dialog_fits_its_own_requests_only(
    callee_tag: str | None, from_tag: str, to_tag: str, fits: bool
) -> None:
    assert SealedRoute("caller", Hop("192.0.2.1", 5070), "carrier-a", callee_tag).fits(from_tag, to_tag) is fits


def test_a_side_is_pinned_by_the_nat_of_the_other_one() -> None:
    caller, callee = Hop("192.0.2.1", 40001), Hop("192.0.2.2", 40002)
    plain = SealedRoute("caller", caller, "carrier-a")
    assert plain.pinned is None
    assert plain._replace(callee=callee).pinned is None, "the callee's own requests go to the caller"
    assert plain._replace(callee=callee, callee_tag="callee").pinned == callee
    assert plain._replace(caller_behind_nat=True).pinned == caller
    assert plain._replace(caller_behind_nat=True, callee_tag="callee").pinned is None


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"caller\ntrunk",
        b"a\nb\nport\nudp\ntrunk\n1",
        b"a\nb\n1\nudp\nt",
        b"a\nb\n1\nudp\nt\ntag",
        b"a\nb\n1\nudp\nt\n1\nu\nv",
        b"f=a\nc=h 1",  # no trunk
        b"f=a\nc=h port\nt=t",
        b"f=a\nc=h 1 udp in side\nt=t",
        b"f=a\nc=h 1\nt=t\ne=3",
        b"f=a\nc=h 1\nt=t\nh=nowhere",
        b"f=a\nc=h 1\nt=t\nf=b",
        b"f=a\nc=h 1\nt=t\nz=what a later version knows",
    ],
)
def test_what_another_version_has_sealed_is_no_passport(plain: bytes) -> None:
    assert decode_route(plain) is None

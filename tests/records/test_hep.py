"""HEP3: what is written is what a reader made from the documents reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.records.hep import MOST, encode
from tests.records.captures import Hep, read_hep

PORTS = st.integers(1, 65535)
V4 = st.tuples(st.ip_addresses(v=4).map(str), PORTS)
V6 = st.tuples(st.ip_addresses(v=6).map(str), PORTS)


@given(
    st.one_of(st.tuples(V4, V4), st.tuples(V6, V6)),
    st.sampled_from(["udp", "tcp", "tls"]),
    st.integers(0, 2**31),
    st.integers(0, 999_999),
    st.integers(1, 2**32 - 1),
    st.text(max_size=100),
    st.binary(max_size=2000),
)
def test_every_message_reads_back(
    sides: tuple[tuple[str, int], tuple[str, int]],
    transport: str,
    seconds: int,
    micros: int,
    capture: int,
    call: str,
    data: bytes,
) -> None:
    at = seconds + micros / 1e6
    heard = read_hep(encode(data, *sides, transport, at, capture, call))
    protocol = 17 if transport == "udp" else 6
    assert abs(heard.at - at) < 2e-6
    heard.at = at
    assert heard == Hep(*sides, protocol, at, capture, 1, call, data)


def test_what_is_too_large_is_not_sent_and_what_has_two_kinds_of_addresses_is_refused() -> None:
    one = ("192.0.2.1", 5060)
    assert encode(b"x" * MOST, one, one, "udp", 0.0, 1, "") == b""
    assert len(encode(b"x" * 65_000, one, one, "udp", 0.0, 1, "")) <= MOST
    with pytest.raises(ValueError, match="two kinds"):
        encode(b"x", one, ("2001:db8::1", 5060), "udp", 0.0, 1, "")
    with pytest.raises(ValueError, match="does not appear"):
        encode(b"x", one, ("host.example", 5060), "udp", 0.0, 1, "")

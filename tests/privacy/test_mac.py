"""HMAC as the library has it."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.privacy.mac import Mac


@given(st.binary(max_size=64), st.binary(max_size=200))
def test_it_is_what_the_library_makes(key: bytes, data: bytes) -> None:
    mac = Mac(key)
    assert mac.of(data) == hmac.digest(key, data, "sha256")
    assert mac.of(data) == hmac.digest(key, data, "sha256"), "and again"


def test_a_key_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        Mac(b"k" * 65)

"""Blind indexes: the same person is found however written, and nobody else."""

from __future__ import annotations

import pytest

from controller.privacy import BlindIndex, Keyring

INDEX = BlindIndex(Keyring({"1": b"d" * 32}, "1", b"i" * 32))
OTHER = BlindIndex(Keyring({"1": b"d" * 32}, "1", b"j" * 32))


@pytest.mark.parametrize("text", ["+49 151 1234-5678", "4915112345678", "+49(151)12345678", "＋４９ 151 12345678"])
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    assert INDEX.of("phone", text) == INDEX.of("phone", "+4915112345678")
    assert len(INDEX.of("phone", text)) == 16


@pytest.mark.parametrize("text", [" Anna@Example.COM ", "anna@example.com.", "ANNA@ｅxample.com"])
def test_an_address_is_found_however_it_is_written(text: str) -> None:
    assert INDEX.of_address(text) == INDEX.of("email", "anna@example.com")


def test_hosts_compare_as_dns_has_them() -> None:
    assert INDEX.of("email", "a@Bücher.de") == INDEX.of("email", "a@xn--bcher-kva.de")


def test_others_have_other_indexes() -> None:
    texts = ["+4915112345678", "+4915112345679", "+491511234567"]
    indexes = {index.of("phone", text) for text in texts for index in (INDEX, OTHER)}
    assert len(indexes) == 6
    assert INDEX.of("email", "1@2") != INDEX.of("phone", "12")


@pytest.mark.parametrize(
    ("kind", "text"), [("phone", ""), ("phone", "+"), ("email", "anna"), ("email", "@x"), ("name", "anna")]
)
def test_nothing_has_no_index(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"index"):
        INDEX.of(kind, text)

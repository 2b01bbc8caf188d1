"""Names in certificates: RFC 5922 §7, on certificates that openssl made."""

from __future__ import annotations

import random
import ssl
from collections import Counter
from pathlib import Path

import pytest

from sip.certificate import Certificate, CertificateError, check_names, describe, expected_name, read_certificate
from tests.certificates import Workshop


def made(tmp_path: Path, san: str | None, common_name: str = "common.example") -> Certificate:
    pair = Workshop(tmp_path).make("one", san, common_name=common_name)
    return read_certificate(ssl.PEM_cert_to_DER_cert(pair.certificate.read_text()))


@pytest.mark.parametrize(
    ("san", "domains"),
    [
        ("DNS:Trunk.Example", {"trunk.example"}),
        ("DNS:a.example,DNS:b.example", {"a.example", "b.example"}),
        ("URI:sip:sip.example,DNS:dns.example", {"sip.example"}),  # §7.1: a DNS name counts where no URI does
        ("URI:SIP:sip.example;transport=tls", {"sip.example"}),
        ("URI:sip:sip.example:5061", {"sip.example"}),
        ("URI:sips:sip.example", set()),  # §7.1: the scheme is sip
        ("URI:sip:anna@sip.example", set()),  # a person
        ("URI:https://web.example", set()),
        ("URI:sip:anna@sip.example,DNS:dns.example", {"dns.example"}),
        ("DNS:*.example", set()),  # §7.2: no wildcards
        ("DNS:192.0.2.1", set()),  # an address is no name
        ("email:anna@mail.example", set()),  # and the common name does not count beside it
        (None, {"common.example"}),
    ],
)
def test_domains_of_a_certificate(tmp_path: Path, san: str | None, domains: set[str]) -> None:
    assert made(tmp_path, san).domains == domains


def test_addresses_stand_beside_domains(tmp_path: Path) -> None:
    certificate = made(tmp_path, "IP:192.0.2.1,IP:2001:0DB8::1,DNS:a.example")
    assert certificate.addresses == {"192.0.2.1", "2001:db8::1"}
    assert certificate.names == {"192.0.2.1", "2001:db8::1", "a.example"}
    assert expected_name("2001:DB8:0::1") in certificate.names


@pytest.mark.parametrize("common_name", ["*.example", "Some Company", "192.0.2.1"])
def test_common_name_that_is_no_host_is_nobody(tmp_path: Path, common_name: str) -> None:
    assert made(tmp_path, None, common_name).names == set()


def test_names_are_compared_whole(tmp_path: Path) -> None:
    certificate = made(tmp_path, "DNS:trunk.example")
    check_names(certificate, (expected_name("TRUNK.example."),))
    for other in ("example", "a.trunk.example", "trunk.example.com", "trunk", ""):
        with pytest.raises(CertificateError, match=r"its certificate is for trunk\.example, not for"):
            check_names(certificate, (other,))


def test_all_that_is_expected_must_be_named(tmp_path: Path) -> None:
    certificate = made(tmp_path, "DNS:a.example,DNS:b.example")
    check_names(certificate, ("a.example", "b.example"))
    with pytest.raises(CertificateError, match=r"not for c\.example"):
        check_names(certificate, ("a.example", "c.example"))
    with pytest.raises(CertificateError, match="not for anybody that is known here"):
        check_names(certificate, ())


def test_names_that_do_not_count_are_told(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"for \*\.example, not for a\.example"):
        check_names(made(tmp_path, "DNS:*.example"), ("a.example",))


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"x" * 1000])
def test_what_is_no_certificate_is_refused(der: bytes) -> None:
    with pytest.raises(CertificateError, match="cannot be read"):
        read_certificate(der)


def test_mutants_of_certificates_are_read_or_refused(tmp_path: Path) -> None:
    """Some are looked at that nobody has verified (`sip.doubts`)."""
    dice, workshop = random.Random("x509"), Workshop(tmp_path)
    pairs = [
        workshop.make("a", "DNS:a.example,URI:sip:b.example,IP:192.0.2.1,email:x@y.example"),
        workshop.make("b", None),
    ]
    samples = [ssl.PEM_cert_to_DER_cert(pair.certificate.read_text()) for pair in pairs]
    met = Counter[bool]()
    for _ in range(4_000):
        der = bytearray(dice.choice(samples))
        for _ in range(dice.choice((1, 1, 2, 8))):
            at = dice.randrange(len(der))
            if dice.random() < 0.7:
                der[at] ^= 1 << dice.randrange(8)
            else:
                del der[at : at + dice.randrange(1, 4)]
        try:
            describe(read_certificate(bytes(der)))
            met[True] += 1
        except CertificateError:
            met[False] += 1
    assert min(met.values()) > 500

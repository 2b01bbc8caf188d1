"""Whom a certificate vouches for: the SIP domains and addresses in it (RFC 5922 §7), and when.

Owns names, and that they are compared whole: no wildcard, no common name beside other names. Whether an authority has
issued it is OpenSSL's to check. The library that reads certificates is loaded when the first one is: without TLS it
costs the start nothing.
"""

from __future__ import annotations

import ipaddress
import re
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

_DNS_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\Z")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]+\Z")


class CertificateError(Exception):
    """A certificate is not what it should be; the message says how, for people, about the other side."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says of its owner; times are seconds since the epoch."""

    domains: frozenset[str] = frozenset()  # SIP domains, lower case (RFC 5922 §7.1)
    addresses: frozenset[str] = frozenset()  # IP addresses in their short form
    subject: str = ""  # for people
    issuer: str = ""
    not_before: float = 0.0
    not_after: float = 0.0
    ignored: tuple[str, ...] = ()  # names in it that vouch for nothing: wildcards, persons

    @property
    def names(self) -> frozenset[str]:
        """All that it vouches for."""
        return self.domains | self.addresses


@lru_cache(256)
def read_certificate(der: bytes) -> Certificate:
    """Whom a certificate vouches for (RFC 5922 §7.1).

    Raises `CertificateError` for one that cannot be read.
    """
    from cryptography import x509

    broken = ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType
    try:
        with warnings.catch_warnings():  # of a number that later versions of the library will refuse
            warnings.simplefilter("ignore")
            return certificate_of(x509.load_der_x509_certificate(der))
    except broken as error:
        raise CertificateError("its certificate cannot be read") from error


def certificate_of(parsed: x509.Certificate) -> Certificate:
    """The same of one that is parsed; raises what the library raises."""
    from cryptography import x509
    from cryptography.x509.oid import ExtensionOID

    domains: set[str] = set()
    addresses: set[str] = set()
    written: list[str] = []
    try:
        names = parsed.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:  # §7.1 step 2: the common name counts where there is no other name at all
        written = _common_names(parsed.subject)
        domains.update(filter(None, map(_domain, written)))
    else:
        assert isinstance(names, x509.SubjectAlternativeName)
        uris, hosts = (names.get_values_for_type(kind) for kind in (x509.UniformResourceIdentifier, x509.DNSName))
        written = [*uris, *hosts]
        domains.update(filter(None, map(_domain_of_uri, uris)))
        if not domains:  # §7.1: a DNS name is a SIP domain if and only if no URI is
            domains.update(filter(None, map(_domain, hosts)))
        addresses.update(str(address) for address in names.get_values_for_type(x509.IPAddress))
    return Certificate(
        frozenset(domains),
        frozenset(addresses),
        _show_name(parsed.subject),
        _show_name(parsed.issuer),
        parsed.not_valid_before_utc.timestamp(),
        parsed.not_valid_after_utc.timestamp(),
        tuple(_show(name) for name in written if name.lower() not in domains),
    )


def check_names(certificate: Certificate, expected: tuple[str, ...], *, any_of: bool = False) -> None:
    """The certificate must name all that is expected, or with ``any_of`` one of it (RFC 5922 §7.2: whole, without
    wildcards); raises `CertificateError`."""
    missing = [name for name in expected if name not in certificate.names]
    if (expected and not missing) or (any_of and len(missing) < len(expected)):
        return
    names = ", ".join([*sorted(certificate.names), *certificate.ignored][:3]) or "nobody in particular"
    raise CertificateError(f"its certificate is for {names}, not for {(*missing, 'anybody that is known here')[0]}")


def describe(certificate: Certificate) -> str:
    """Whose it is, for people."""
    start, end = (
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}" for at in (certificate.not_before, certificate.not_after)
    )
    return f"of {certificate.subject}, from {certificate.issuer}, good from {start} to {end} UTC"


def expected_name(host: str) -> str:
    """A SIP domain or IP address in the form in which `Certificate.names` has it."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower().removesuffix(".")


def _domain_of_uri(uri: str) -> str:
    scheme, colon, rest = uri.partition(":")
    if scheme.lower() != "sip" or not colon or "@" in rest:  # "@": a person, no domain
        return ""
    return _domain(re.split(r"[:;?]", rest, maxsplit=1)[0])


def _domain(name: str) -> str:
    name = expected_name(name)
    return name if _DNS_NAME.match(name) and not _ADDRESS.match(name) else ""


def _common_names(name: x509.Name) -> list[str]:
    from cryptography.x509.oid import NameOID

    return [str(attribute.value) for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _show_name(name: x509.Name) -> str:
    return _show(next(iter(_common_names(name)), "") or name.rfc4514_string())


def _show(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)[:100]

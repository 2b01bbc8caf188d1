"""TLS for connections, without sockets: bytes in, bytes out, and whom the other side's certificate vouches for.

Owns contexts (TLS 1.2 and later, forward secrecy, no renegotiation, no compression), one session over memory buffers,
and the words in which a failure is told to people. OpenSSL checks chains, `sip.certificate` names. Must not touch a
socket, wait, or read a file on the way of a call: contexts are made ahead.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from sip.certificate import Certificate, CertificateError, check_names, describe, read_certificate

# Forward secrecy and authenticated encryption only (RFC 9325 §4.2); level 2: no RSA below 2048 bits, no SHA-1.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
_CHUNK = 1 << 16
_ALERT = re.compile(r"(?:TLSV?1|TLSV13|SSLV3)_ALERT_(.+)")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]+\Z")


class TlsError(Exception):
    """The connection cannot be secured, or is not any more; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Peer:
    """How connections to one address are secured.

    ``domains`` are the SIP domains (or IP addresses) that its certificate must name, each of them: several trunks may
    share an address. The first is what we ask for (SNI). With ``any_of`` one of them is enough, and none is asked for.
    """

    context: ssl.SSLContext
    domains: tuple[str, ...] = ()
    verify: bool = True
    any_of: bool = False

    def accepts(self, names: frozenset[str]) -> bool:
        """Whether a peer with these verified names is the one that is meant."""
        enough = any if self.any_of else all
        return bool(self.domains) and enough(domain in names for domain in self.domains)


@dataclass(frozen=True, slots=True)
class Security:
    """How the connections of one endpoint are secured; replaced as a whole."""

    server: ssl.SSLContext
    peers: Mapping[tuple[str, int], Peer]  # by the address of a trunk
    others: Peer  # for any other address
    look: ssl.SSLContext | None = None  # verifies nothing: for a look at what was refused, and nothing else

    def peer_at(self, host: str, port: int, proved: Callable[[], Iterable[str]] = tuple) -> Peer:
        """What is expected of whoever listens there: the trunk, where it is one.

        Within a dialog others are met: where a trunk or a caller listens beside. Those must name their address, or the
        domain of a trunk at their host, or one that a caller from there has proved to be: ``proved`` is asked for those.
        """
        peer = self.peers.get((host, port))
        if peer is not None:
            return peer
        beside = [peer for (other, _), peer in self.peers.items() if other == host and peer.verify]
        names = [domain for peer in beside for domain in peer.domains]
        contexts = {peer.context for peer in beside}
        context = contexts.pop() if len(contexts) == 1 else self.others.context
        return Peer(context, tuple(dict.fromkeys((host, *names, *proved()))), any_of=True)


class Session:
    """One TLS connection over memory buffers. Feed what comes in, send what `take` gives, after every call."""

    __slots__ = (
        "_has_spoken", "_in", "_looks", "_object", "_out", "_peer", "certificate", "fed", "has_begun", "is_doubted",
        "is_over", "is_up", "seen",
    )  # fmt: skip

    def __init__(
        self, peer: Peer | None, server: ssl.SSLContext | None = None, look: ssl.SSLContext | None = None
    ) -> None:
        """``peer`` is whom we call; without one we are the server, with this context. With ``look`` its certificate is
        looked at instead, and the handshake fails."""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._peer = peer
        if peer is not None:
            name = peer.domains[0] if peer.domains and not peer.any_of else ""
            asked = name if name and not _ADDRESS.match(name) else None  # RFC 6066 §3: never an address
            self._object = (look or peer.context).wrap_bio(self._in, self._out, server_hostname=asked)
        else:
            assert server is not None
            self._object = server.wrap_bio(self._in, self._out, server_side=True)
        self.certificate = Certificate()  # of the other side, once it is verified
        self.is_up = False
        self.is_over = False  # the other side has said goodbye
        self.has_begun = False
        self._looks = look is not None
        self.seen = ""  # what a look has shown
        self.is_doubted = False  # its certificate was refused by OpenSSL
        self.fed = 0  # bytes that came in
        self._has_spoken = False

    def feed(self, data: bytes) -> None:
        """Bytes from the other side; nothing is made of them yet."""
        self.fed += len(data)
        self._in.write(data)

    def shake(self) -> bool:
        """Go on with the handshake; whether it is done. This is what costs time: a millisecond or two.

        Raises `TlsError` when the other side is not who it should be, or cannot be talked to.
        """
        self.has_begun = True
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except (ssl.SSLError, ValueError) as error:
            self.is_doubted = isinstance(error, ssl.SSLCertVerificationError)
            raise TlsError(describe_error(error)) from error
        shown = self._object.getpeercert(binary_form=True)
        if shown:
            try:
                certificate = read_certificate(shown)
                if self._looks:
                    self.seen = describe(certificate)
                    raise CertificateError(self.seen)
                if self._peer is not None and self._peer.verify:
                    check_names(certificate, self._peer.domains, any_of=self._peer.any_of)
            except CertificateError as error:
                self.take()  # the end of our half of the handshake: it must not look done from there
                raise TlsError(str(error)) from error
            if self._peer is None or self._peer.verify:
                self.certificate = certificate
        self.is_up = True
        return True

    def decrypt(self) -> bytes:
        """What the other side says, as far as it is there; ``is_over`` when it has nothing more to say.

        Raises `TlsError`.
        """
        found: list[bytes] = []
        try:
            while data := self._object.read(_CHUNK):
                found.append(data)
                self._has_spoken = True
            self.is_over = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.is_over = True
        except (ssl.SSLError, ValueError) as error:
            if not found:
                raise TlsError(describe_error(error)) from error
            self.is_over = True
        return b"".join(found)

    def encrypt(self, data: bytes) -> None:
        """Say something to the other side.

        Raises `TlsError`.
        """
        try:
            self._object.write(data)
        except (ssl.SSLError, ValueError) as error:
            raise TlsError(describe_error(error)) from error

    def say_goodbye(self) -> None:
        """Nothing more will come from us (close_notify); never raises."""
        with suppress(ssl.SSLError, ValueError):
            self._object.unwrap()

    def why_ended(self) -> str:
        """What to make of an end without a word; "" where it is no matter of TLS."""
        if not self.is_up:
            return "it hung up in the handshake"
        if self._peer is None or self._has_spoken:
            return ""
        return "it hung up right after the handshake: maybe it does not accept our certificate"  # RFC 8446 §4.4.2.4

    def take(self) -> bytes:
        """What is to be sent now."""
        return self._out.read() if self._out.pending else b""


# --------------------------------------------------------------------------- contexts


def server_context(certificate: str, key: str, trust: str = "", *, clients: bool = False) -> ssl.SSLContext:
    """For connections that come in. ``certificate`` and ``key`` are PEM files; with ``clients`` each caller must show
    a certificate that an authority in ``trust`` (PEM text) has issued.

    Raises `OSError` (`ssl.SSLError` is one) when they do not fit or cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    context.load_cert_chain(certificate, key, password="")
    if clients:
        context.load_verify_locations(cadata=trust)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(trust: str, certificate: str = "", key: str = "", *, verify: bool = True) -> ssl.SSLContext:
    """For connections that we open: whom to trust (PEM text), and what we show when we are asked who we are (files).

    Raises `OSError` as `server_context` does.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    context.check_hostname = False  # `check_names` does: OpenSSL would accept wildcards
    if verify and trust:  # without anybody to trust all are refused
        context.load_verify_locations(cadata=trust)
    elif not verify:
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key, password="")
    return context


def _harden(context: ssl.SSLContext) -> None:
    import cryptography.x509  # noqa: F401  # now, and not when the first peer shows its certificate

    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE


# --------------------------------------------------------------------------- words

#: By X509_V_ERR number of OpenSSL: what people are told about the other side.
_VERIFY = {
    9: "its certificate is not valid yet",
    10: "its certificate, or one above it, has expired",
    18: "its certificate is signed by itself and not trusted here",
    19: "its certificate comes from an authority that is not trusted here",
    20: "its certificate comes from an authority that is not known here, or a certificate in between is missing",
    21: "its certificate comes from an authority that is not known here, or a certificate in between is missing",
    79: "its certificate was issued by one that is no authority (CA:FALSE)",
    26: "its certificate is for another purpose (extended key usage)",
    66: "its certificate has a key that is too weak",
    67: "an authority above its certificate has a key that is too weak",
    68: "its certificate, or one above it, is signed with a hash that is too weak",
}
_REASONS = {
    "WRONG_VERSION_NUMBER": "it does not speak TLS there",
    "HTTP_REQUEST": "it does not speak TLS there",
    "UNEXPECTED_MESSAGE": "it does not speak TLS there",
    "UNSUPPORTED_PROTOCOL": "it has no TLS 1.2 or later",
    "NO_SHARED_CIPHER": "it has no cipher in common with us",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "it has no signature algorithm in common with us",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate",
    "UNEXPECTED_EOF_WHILE_READING": "it hung up in the handshake",
    "EE_KEY_TOO_SMALL": "its certificate has a key that is too weak",
    "CA_KEY_TOO_SMALL": "an authority above its certificate has a key that is too weak",
    "CA_MD_TOO_WEAK": "its certificate, or one above it, is signed with a hash that is too weak",
}


def describe_error(error: Exception) -> str:
    """A failure of TLS in words for people, about the other side."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code) or f"its certificate is refused: {error.verify_message.lower()}"
    reason = getattr(error, "reason", None) or ""
    alert = _ALERT.match(reason)
    if alert is not None:
        return f"it ended the handshake and says {alert[1].replace('_', ' ').lower()!r}"
    return _REASONS.get(reason) or f"TLS failed: {reason.replace('_', ' ').lower() or type(error).__name__}"

"""TLS contexts out of a dialplan: what our listeners show, and whom each trunk has to be.

Owns reading the PEM files, at the start and, in a thread, for a reload: it blocks. What it makes is swapped as a whole;
connections that are up stay as they are. Trunks that share an address must be all that is expected there.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from controller.types import Dialplan, Listen, ListenTls, Trunk, TrunkTls
from sip.certificate import Certificate, CertificateError, expected_name, read_certificate
from sip.stream import StreamEndpoint
from sip.tls import Peer, Security, client_context, describe_error, server_context
from sip.transaction import Hop
from sip.uri import default_port, parse_uri, transport_of


class SecureError(Exception):
    """TLS cannot be set up; the message says where, what and what to do."""


Names = Mapping[str, tuple[str, ...]]  # addresses of host names


class Secured:
    """What the TLS endpoints of a dialplan go by, but for where its trunks are; nothing where there is no TLS."""

    def __init__(self, dialplan: Dialplan) -> None:
        """Reads all the files of the dialplan; raises `SecureError`."""
        self.ours: dict[str, Certificate] = {}  # what we show, by how it is called in warnings
        self._servers: dict[str, ssl.SSLContext] = {}  # by the name of the listener in a `Hop`
        self._clients: dict[tuple[str, bool], ssl.SSLContext] = {}  # by file of authorities, and whether they are asked
        listeners = [(listen, listen.tls) for listen in dialplan.listen if listen.tls is not None]
        if not listeners:
            return
        shown = dialplan.tls if dialplan.tls is not None and dialplan.tls.certificate else listeners[0][1]
        trust = _Authorities()
        for listen, tls in listeners:
            self._servers[listen.listener] = _server(listen, tls, trust)
            self.ours[f"listener tls:{listen.host}:{listen.port}"] = _read(listen, tls)
        self._look = client_context("", verify=False)
        self._common = dialplan.tls.ca if dialplan.tls is not None else ""
        # whoever is no trunk is met within a dialog only; where the system trusts nobody, nobody else is met
        self._clients[self._common, True] = _client(trust.read(self._common, "", must=False), shown, "")
        for trunk in dialplan.trunks.values():
            tls_of = trunk.tls
            if tls_of is not None and (tls_of.ca, tls_of.verify) not in self._clients:
                text = trust.read(tls_of.ca, trunk.where) if tls_of.verify else ""
                self._clients[tls_of.ca, tls_of.verify] = _client(text, shown, trunk.where, verify=tls_of.verify)
            elif tls_of is not None and tls_of.verify:
                trust.read(tls_of.ca, trunk.where)

    def at(self, dialplan: Dialplan, hops: Mapping[str, Hop], names: Names) -> dict[str, Security]:
        """The same with the addresses of now, of trunks and of other ``names``; it reads nothing."""
        if not self._servers:
            return {}
        peers: dict[tuple[str, int], Peer] = {}
        for trunk in dialplan.trunks.values():
            hop = hops.get(trunk.name)
            if trunk.tls is not None and hop is not None:
                self._add(peers, hop[:2], trunk.tls, expected_of(trunk))
            for where, domain in _registrars(trunk, names):
                self._add(peers, where, trunk.tls or TrunkTls(ca=self._common), expected_name(domain))
        others = Peer(self._clients[self._common, True])
        return {name: Security(server, peers, others, self._look) for name, server in self._servers.items()}

    def _add(self, peers: dict[tuple[str, int], Peer], where: tuple[str, int], tls: TrunkTls, name: str) -> None:
        """Whoever shares an address must be all that is expected there, as far as anything is."""
        known = peers.get(where)
        if known is None or (tls.verify and not known.verify):
            peers[where] = Peer(self._clients[tls.ca, tls.verify], (name,), tls.verify)
        elif tls.verify:
            peers[where] = Peer(known.context, tuple(dict.fromkeys((*known.domains, name))))


def owners_of(dialplan: Dialplan, hops: Mapping[str, Hop], names: Names) -> dict[tuple[str, int], list[str]]:
    """The trunks behind each address that is reached over TLS: it is theirs, or their registrar's."""
    found: dict[tuple[str, int], list[str]] = {}
    for trunk in dialplan.trunks.values():
        hop = hops.get(trunk.name)
        home = [hop[:2]] if hop is not None and hop.transport == "tls" else []
        for where in dict.fromkeys((*home, *(where for where, _ in _registrars(trunk, names)))):
            found.setdefault(where, []).append(trunk.name)
    return found


def _registrars(trunk: Trunk, names: Names) -> Iterator[tuple[tuple[str, int], str]]:
    """The addresses of registrars that are reached over TLS, and the domain that each must be."""
    for uri in map(parse_uri, trunk.register.registrars if trunk.register is not None else ()):
        if transport_of(uri) == "tls":
            for host in names.get(uri.host, (uri.host,)):
                yield (host, uri.port or default_port("tls")), uri.host


def keep_alive(streams: Iterable[StreamEndpoint], hops: Mapping[str, Hop]) -> None:
    """Have the connections to these trunks kept alive, over whatever transport."""
    kept = frozenset(hops.values())
    for each in streams:
        each.keepalive.kept = kept


def _read(listen: Listen, tls: ListenTls) -> Certificate:
    try:
        return read_certificate(
            ssl.PEM_cert_to_DER_cert(_first(Path(tls.certificate).read_text(encoding="ascii", errors="ignore")))
        )
    except (OSError, ValueError, CertificateError) as error:
        raise SecureError(_explain(listen.where, tls.certificate, error)) from error


def _first(pem: str) -> str:
    """The first certificate of a chain: ours."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    _, _, rest = pem.partition(begin)
    return f"{begin}{rest.partition(end)[0]}{end}\n"


def expected_of(trunk: Trunk) -> str:
    """The name that the certificate of a trunk must hold: the domain that was written, not where it led (RFC 5922 §4)."""
    name = trunk.tls.name if trunk.tls is not None else ""
    return expected_name(name or trunk.domain or trunk.host)


class _Authorities:
    """PEM text of authorities, each file read once."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def read(self, ca: str, where: str, *, must: bool = True) -> str:
        """Those in a file, else those of the system; raises `SecureError`, with ``must`` also where there are none."""
        if ca not in self._texts:
            try:
                self._texts[ca] = Path(ca).read_text(encoding="ascii", errors="ignore") if ca else _system_trust()
            except OSError as error:
                raise SecureError(f"{where}: cannot read {ca}: {error.strerror}; check the path") from error
        if must and not self._texts[ca]:
            raise SecureError(
                f"{where}: this machine trusts no certificate authorities: install them (Debian: ca-certificates), or"
                " write tls: {ca: FILE}"
            )
        return self._texts[ca]


def _client(trust: str, shown: ListenTls, where: str, *, verify: bool = True) -> ssl.SSLContext:
    try:
        return client_context(trust, shown.certificate, shown.key, verify=verify)
    except (OSError, ValueError) as error:
        raise SecureError(_explain(where, shown.certificate, error)) from error


def _server(listen: Listen, shown: ListenTls, trust: _Authorities) -> ssl.SSLContext:
    text = trust.read(shown.ca, listen.where) if shown.clients else ""
    try:
        return server_context(shown.certificate, shown.key, text, clients=shown.clients)
    except (OSError, ValueError) as error:
        raise SecureError(_explain(listen.where, shown.certificate, error)) from error


def _explain(where: str, certificate: str, error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return f"{where}: cannot read {error.filename or certificate}: {error.strerror}; check the path and its permissions"
    why = str(error) if isinstance(error, CertificateError) else describe_error(error)
    why = why.replace("its certificate ", "it ", 1)
    return f"{where}: {certificate} cannot be used: {why}; `callward check` says more"


def _system_trust() -> str:
    """All authorities that this machine trusts, as text: read now, so that no handshake has to read a disk."""
    paths = ssl.get_default_verify_paths()
    folder = Path(paths.capath) if paths.capath else None
    files = [Path(paths.cafile)] if paths.cafile else sorted(folder.glob("*.0")) if folder is not None else []
    texts = [file.read_text(encoding="ascii", errors="ignore") for file in files if file.is_file()]
    return "\n".join(texts)

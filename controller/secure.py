"""TLS contexts out of a dialplan: what our listeners show, and whom each trunk has to be.

Owns reading the PEM files, at the start and, in a thread, for a reload: it blocks. What it makes is swapped as a whole;
connections that are up stay as they are. Trunks that share an address must be all that is expected there.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.types import Dialplan, Listen, ListenTls, Trunk
from sip.certificate import Certificate, certificate_of, expected_name
from sip.stream import StreamEndpoint
from sip.tls import Peer, Security, client_context, describe_error, server_context
from sip.transaction import Hop


class SecureError(Exception):
    """TLS cannot be set up; the message says where, what and what to do."""


@dataclass(frozen=True, slots=True)
class Secured:
    """What TLS endpoints go by; nothing where there is no TLS."""

    securities: Mapping[str, Security] = field(default_factory=dict)  # of each TLS listener, by its name in a `Hop`
    ours: Mapping[str, Certificate] = field(default_factory=dict)  # what we show, by how it is called in warnings


def make_secure(dialplan: Dialplan, hops: Mapping[str, Hop]) -> Secured:
    """All contexts of a dialplan; ``hops`` are the addresses of its trunks.

    Raises `SecureError`.
    """
    listeners = [(listen, listen.tls) for listen in dialplan.listen if listen.tls is not None]
    if not listeners:
        return Secured()
    shown = dialplan.tls if dialplan.tls is not None and dialplan.tls.certificate else listeners[0][1]
    contexts = _Contexts(shown)
    peers = _peers(dialplan.trunks.values(), hops, contexts)
    # whoever is no trunk is met within a dialog only; where the system trusts nobody, nobody else is met
    ca = dialplan.tls.ca if dialplan.tls is not None else ""
    others = Peer(contexts.client(ca, verify=True, must=False))
    securities = {listen.listener: Security(_server(listen, tls, contexts), peers, others) for listen, tls in listeners}
    return Secured(securities, {f"listener tls:{each.host}:{each.port}": _read(each, tls) for each, tls in listeners})


def keep_alive(streams: Iterable[StreamEndpoint], hops: Mapping[str, Hop]) -> None:
    """Have the connections to these trunks kept alive, over whatever transport."""
    kept = frozenset(hops.values())
    for each in streams:
        each.keepalive.kept = kept


def _read(listen: Listen, tls: ListenTls) -> Certificate:
    from cryptography import x509

    try:
        return certificate_of(x509.load_pem_x509_certificates(Path(tls.certificate).read_bytes())[0])
    except (OSError, ValueError) as error:
        raise SecureError(_explain(listen.where, tls.certificate, error)) from error


def expected_of(trunk: Trunk) -> str:
    """The name that the certificate of a trunk must hold: the domain that was written, not where it led (RFC 5922 §4)."""
    name = trunk.tls.name if trunk.tls is not None else ""
    return expected_name(name or trunk.domain or trunk.host)


class _Contexts:
    """One context for each set of authorities, however many trunks trust them."""

    def __init__(self, shown: ListenTls) -> None:
        self._shown = shown
        self._trust: dict[str, str] = {}
        self._made: dict[tuple[str, bool], ssl.SSLContext] = {}

    def client(self, ca: str, where: str = "", *, verify: bool, must: bool = True) -> ssl.SSLContext:
        """``must``: there have to be authorities, or no connection can ever be verified."""
        if (ca, verify) not in self._made:
            trust = self.trust(ca, where, must=must) if verify else ""
            try:
                context = client_context(trust, self._shown.certificate, self._shown.key, verify=verify)
            except (OSError, ValueError) as error:
                raise SecureError(_explain(where, self._shown.certificate, error)) from error
            self._made[ca, verify] = context
        return self._made[ca, verify]

    def trust(self, ca: str, where: str, *, must: bool = True) -> str:
        """PEM text of authorities: those in a file, else those of the system."""
        if ca not in self._trust:
            try:
                self._trust[ca] = Path(ca).read_text(encoding="ascii", errors="replace") if ca else _system_trust()
            except OSError as error:
                raise SecureError(f"{where}: cannot read {ca}: {error.strerror}; check the path") from error
        if must and not self._trust[ca]:
            raise SecureError(
                f"{where}: this machine trusts no certificate authorities: install them (Debian: ca-certificates), or"
                " write tls: {ca: FILE}"
            )
        return self._trust[ca]


def _peers(trunks: Iterable[Trunk], hops: Mapping[str, Hop], contexts: _Contexts) -> dict[tuple[str, int], Peer]:
    peers: dict[tuple[str, int], Peer] = {}
    for trunk in trunks:
        hop = hops.get(trunk.name)
        if trunk.tls is None or hop is None:
            continue
        context = contexts.client(trunk.tls.ca, trunk.where, verify=trunk.tls.verify)
        name, known = expected_of(trunk), peers.get(hop[:2])
        if known is None or (trunk.tls.verify and not known.verify):
            peers[hop[:2]] = Peer(context, (name,), trunk.tls.verify)
        elif trunk.tls.verify:
            peers[hop[:2]] = Peer(known.context, tuple(dict.fromkeys((*known.domains, name))))
    return peers


def _server(listen: Listen, shown: ListenTls, contexts: _Contexts) -> ssl.SSLContext:
    trust = contexts.trust(shown.ca, listen.where) if shown.clients else ""
    try:
        return server_context(shown.certificate, shown.key, trust, clients=shown.clients)
    except (OSError, ValueError) as error:
        raise SecureError(_explain(listen.where, shown.certificate, error)) from error


def _explain(where: str, certificate: str, error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return f"{where}: cannot read {error.filename or certificate}: {error.strerror}; check the path and its permissions"
    why = describe_error(error).replace("its certificate ", "it ", 1)
    return f"{where}: {certificate} cannot be used: {why}; `callward check` says more"


def _system_trust() -> str:
    """All authorities that this machine trusts, as text: read now, so that no handshake has to read a disk."""
    paths = ssl.get_default_verify_paths()
    folder = Path(paths.capath) if paths.capath else None
    files = [Path(paths.cafile)] if paths.cafile else sorted(folder.glob("*.0")) if folder is not None else []
    texts = [file.read_text(encoding="ascii", errors="replace") for file in files if file.is_file()]
    return "\n".join(texts)

"""Bad certificates, all refused, and good ones, all accepted: by the real daemon, from trunks and from callers.

One daemon has a trunk for each certificate. Of each it says in words why it is refused, and not a byte of SIP reaches
it; the call to its number moves on and ends.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from sip.message import Response
from sip.parser import parse_message
from tests.certificates import DOMAIN, Pair, Workshop
from tests.sip import wire
from tests.sipp.daemon import Daemon
from tests.tls.trunk import HOST, PATIENCE, TlsCaller, TlsTrunk, client_context, server_context

RSA = "RSA", "rsa_keygen_bits:2048"
LEAF = "basicConstraints=CA:false"
Maker = Callable[[Workshop], Pair]


def below(
    workshop: Workshop, name: str, *, shown: bool = True, extensions: str = "", days: tuple[float, float] = (-1, 9)
) -> Pair:
    """A certificate from an authority in between, made for it."""
    between = f"basicConstraints=critical,CA:true\nsubjectKeyIdentifier=hash\n{extensions}"
    above = workshop.make(f"{name}-above", None, common_name=f"{name} between", extensions=between, days=days)
    return workshop.make(name, above=above, shown=above.certificate if shown else None)


def below_leaf(workshop: Workshop, name: str) -> Pair:
    above = workshop.make(f"{name}-above", common_name="no authority")
    return workshop.make(name, above=above, shown=above.certificate)


def stranger(workshop: Workshop, name: str) -> Pair:
    return workshop.make(name, above=workshop.make_authority(f"{name}-authority"))


#: What a trunk shows that is expected to be `DOMAIN`, and a word of why it is refused.
BAD: dict[str, tuple[Maker, str]] = {
    "expired": (lambda w: w.make("expired", days=(-30, -1)), "has expired"),
    "of-tomorrow": (lambda w: w.make("of-tomorrow", days=(1, 30)), "not valid yet"),
    "of-another": (lambda w: w.make("of-another", "DNS:other.example"), "for other.example, not for trunk.example"),
    "of-a-parent": (lambda w: w.make("of-a-parent", "DNS:example"), "for example, not for trunk.example"),
    "of-a-child": (lambda w: w.make("of-a-child", f"DNS:a.{DOMAIN}"), "not for trunk.example"),
    "wildcard": (lambda w: w.make("wildcard", "DNS:*.example"), "for *.example, not for trunk.example"),
    "wildcard-above": (lambda w: w.make("wildcard-above", f"DNS:*.{DOMAIN}"), "not for trunk.example"),
    "self-signed": (lambda w: w.make("self-signed", above="itself"), "signed by itself"),
    "stranger": (lambda w: stranger(w, "stranger"), "authority that is not"),
    "common-name-beside": (lambda w: w.make("beside", "DNS:other.example"), "for other.example"),
    "mail-only": (lambda w: w.make("mail-only", f"email:sip@{DOMAIN}"), "for nobody in particular"),
    "person-only": (lambda w: w.make("person-only", f"URI:sip:anna@{DOMAIN}"), "not for trunk.example"),
    "web-only": (lambda w: w.make("web-only", f"URI:https://{DOMAIN}"), "not for trunk.example"),
    "other-uri": (lambda w: w.make("other-uri", f"URI:sip:other.example,DNS:{DOMAIN}"), "for other.example"),
    "for-clients": (
        lambda w: w.make("for-clients", extensions=f"{LEAF}\nextendedKeyUsage=clientAuth"),
        "another purpose",
    ),
    "for-mail": (
        lambda w: w.make("for-mail", extensions=f"{LEAF}\nextendedKeyUsage=emailProtection"),
        "another purpose",
    ),
    "weak-key": (lambda w: w.make("weak-key", key=("RSA", "rsa_keygen_bits:1024")), "too weak"),
    "sha1": (lambda w: w.make("sha1", key=RSA, digest="sha1"), "too weak"),
    "gap": (lambda w: below(w, "gap", shown=False), "in between is missing"),
    "expired-above": (lambda w: below(w, "expired-above", days=(-9, -1)), "one above it, has expired"),
    "below-a-leaf": (lambda w: below_leaf(w, "below-a-leaf"), "CA:FALSE"),
    "out-of-bounds": (
        lambda w: below(w, "out-of-bounds", extensions="nameConstraints=critical,permitted;DNS:other.example"),
        "permitted subtree violation",
    ),
    "other-address": (lambda w: w.make("other-address", "IP:127.0.0.9"), "for 127.0.0.9, not for 127.0.0.1"),
    "address-as-name": (lambda w: w.make("address-as-name", f"DNS:{HOST}"), "not for 127.0.0.1"),
    "name-for-address": (lambda w: w.make("name-for-address"), "for trunk.example, not for 127.0.0.1"),
}
GOOD: dict[str, Maker] = {
    "name": lambda w: w.make("name"),
    "upper-case": lambda w: w.make("upper-case", "DNS:TRUNK.Example"),
    "sip-uri": lambda w: w.make("sip-uri", f"URI:sip:{DOMAIN}"),
    "many-names": lambda w: w.make("many-names", f"DNS:other.example,DNS:{DOMAIN},IP:192.0.2.1"),
    "common-name": lambda w: w.make("common-name", None),
    "rsa": lambda w: w.make("rsa", key=RSA),
    "between": lambda w: below(w, "between"),
    "for-both": lambda w: w.make("for-both", extensions=f"{LEAF}\nextendedKeyUsage=serverAuth,clientAuth"),
    "address": lambda w: w.make("address", f"IP:{HOST}"),
    "unverified": lambda w: w.make(
        "unverified", "DNS:other.example", above="itself", days=(-9, -1)
    ),  # told not to look
}
BY_ADDRESS = ("address", "other-address", "address-as-name", "name-for-address")

PLAN = """
version: 1
access: anyone
listen:
  - {{udp: "127.0.0.1:{ours}"}}
  - {{tls: "127.0.0.1:{ours}", certificate: ours.pem, key: ours.key, verify: clients, ca: authority.pem}}
probes: {{rare: {{every: 1m, burst: 30s, misses: 2}}}}
trunks:
{trunks}
endpoints:
{endpoints}
chains:
{chains}
routes:
{routes}
"""


def plan(ports: dict[str, int], ours: int) -> str:
    """A trunk, a phone and a number for each."""
    names = list(ports)
    expected = {name: "" if name in BY_ADDRESS else f"name: {DOMAIN}, " for name in names}
    expected["unverified"] = "verify: false, "
    trunks = [
        f'  {name}: {{uri: "sips:{HOST}:{ports[name]}", probe: rare, tls: {{{expected[name]}ca: authority.pem}}}}'
        for name in names
    ]
    return PLAN.format(
        ours=ours,
        trunks="\n".join(trunks),
        endpoints="\n".join(f'  {name}: {{user: "{name}", via: [{name}]}}' for name in names),
        chains="\n".join(f"  {name}: [{{ring: [{name}]}}]" for name in names),
        routes="\n".join(f'  - {{did: "{100 + number}", chain: {name}}}' for number, name in enumerate(names)),
    )


def call(sock: socket.socket, port: int, number: int, trial: str = "") -> Response:
    """The final of a call."""
    via = f"SIP/2.0/UDP {HOST}:{sock.getsockname()[1]}"
    name = f"call-{number}-{trial}"
    sock.sendto(
        wire.request("INVITE", f"sip:{number}@{HOST}", via=via, branch=f"z9hG4bK-{name}", call_id=name), (HOST, port)
    )
    while True:
        answer = parse_message(sock.recv(65536))
        assert isinstance(answer, Response)
        if answer.get("call-id") == name and answer.status >= 200:
            return answer


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    workshop = Workshop(tmp_path_factory.mktemp("certificates"))
    workshop.make("ours", "DNS:callward.example")
    return workshop


def test_a_trunk_with_a_bad_certificate_is_refused_and_one_with_a_good_one_is_called(
    workshop: Workshop, free_port: int, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        shown = {name: maker(workshop) for name, (maker, _) in BAD.items()}
        shown |= {name: maker(workshop) for name, maker in GOOD.items()}
        trunks = {name: stack.enter_context(TlsTrunk(server_context(pair))) for name, pair in shown.items()}
        file = workshop.folder / "plan.yaml"
        file.write_text(plan({name: trunk.port for name, trunk in trunks.items()}, free_port))
        daemon = stack.enter_context(Daemon(file, tmp_path / "state"))
        caller = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        caller.bind((HOST, 0))
        caller.settimeout(PATIENCE)
        numbers = {name: 100 + number for number, name in enumerate(trunks)}
        for name, (_, why) in BAD.items():
            daemon.wait_for(lambda event: event.get("event") == "tls" and event["trunk"] == name, name)  # noqa: B023
            assert why in next(e["why"] for e in daemon.events if e.get("event") == "tls" and e["trunk"] == name)
            for trial in range(3):  # one of them only looks at the certificate
                answer = call(caller, free_port, numbers[name], f"{trial}")
                assert answer.status in range(400, 600), name
            assert trunks[name].raw == b"", f"{name} has heard something"
        daemon.wait_for(
            lambda event: (
                event.get("event") == "tls"
                and event["trunk"] == "expired"
                and "has expired: it is of trunk.example, from authority of the tests, good from " in event["why"]
            ),
            "when it has expired",
        )
        for name in GOOD:
            trunks[name].wait_for("OPTIONS")
            assert call(caller, free_port, numbers[name]).status == 200, name
            trunks[name].wait_for("INVITE")
        assert not [e for e in daemon.events if e.get("event") == "tls" and e["trunk"] in GOOD]
        assert not [line for line in daemon.lines if "Traceback" in line]
    assert len(BAD) >= 12


#: What callers show.
BAD_CALLERS: dict[str, Maker | None] = {
    "nothing": None,
    **{
        name: BAD[name][0]
        for name in ("expired", "of-tomorrow", "self-signed", "stranger", "weak-key", "sha1", "gap", "below-a-leaf", "expired-above", "for-mail")
    },
    "for-servers": lambda w: w.make("for-servers", extensions=f"{LEAF}\nextendedKeyUsage=serverAuth"),
}  # fmt: skip


def test_a_caller_with_a_bad_certificate_is_refused_and_one_with_a_good_one_is_heard(
    workshop: Workshop, free_port: int, tmp_path: Path
) -> None:
    with TlsTrunk(server_context(GOOD["name"](workshop))) as trunk:
        file = workshop.folder / "callers.yaml"
        file.write_text(plan({"name": trunk.port}, free_port))
        with Daemon(file, tmp_path / "state") as daemon:
            trust = workshop.authority
            for maker in BAD_CALLERS.values():
                context = client_context(trust, maker(workshop) if maker is not None else None)
                with pytest.raises((OSError, EOFError)):  # in TLS 1.3 it hears of it when it reads
                    options(free_port, context)
            assert options(free_port, client_context(trust, GOOD["name"](workshop))).status == 200
            assert not [line for line in daemon.lines if "Traceback" in line]


def test_old_versions_of_tls_are_not_spoken_nor_none_at_all(workshop: Workshop, free_port: int, tmp_path: Path) -> None:
    contexts: dict[str, ssl.SSLContext | None] = {"none": None}
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        contexts[version.name] = context = server_context(GOOD["name"](workshop))
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version = version
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.maximum_version = version
    with ExitStack() as stack:
        trunks = {name: stack.enter_context(TlsTrunk(context)) for name, context in contexts.items()}
        file = workshop.folder / "old.yaml"
        file.write_text(plan({name: trunk.port for name, trunk in trunks.items()}, free_port))
        daemon = stack.enter_context(Daemon(file, tmp_path / "state"))
        for name, trunk in trunks.items():
            daemon.wait_for(lambda event: event.get("event") == "tls" and event["trunk"] == name, name)  # noqa: B023
            assert b"SIP" not in trunk.raw


def options(port: int, context: ssl.SSLContext) -> Response:
    """The answer to an OPTIONS."""
    caller = TlsCaller(port, context, "callward.example")
    try:
        caller.send(wire.request("OPTIONS", via=caller.via, extra=["Content-Length: 0"]))
        return caller.final()
    finally:
        caller.close()

"""Certificates in dialplans: where files are looked for, what is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import Loaded, load
from controller.rules.expand import expand
from controller.secure import Secured, SecureError, owners_of
from controller.types import Address
from sip.transaction import Hop
from tests.certificates import Workshop
from tests.config.sample import SAMPLE

LISTEN = 'listen: [{udp: "127.0.0.1:5060"}]'


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    workshop = Workshop(tmp_path_factory.mktemp("certificates"))
    workshop.make("ours", "DNS:callward.example")
    return workshop


def loaded(workshop: Workshop, tls: str, *trunks: str, top: str = "", text: str = SAMPLE) -> Loaded:
    """The sample with a TLS listener, and more trunks."""
    listen = f'listen: [{{udp: "127.0.0.1:5060"}}, {{tls: "127.0.0.1:5061"{tls}}}]\n{top}'
    text = text.replace(LISTEN, listen).replace("trunks:\n", "trunks:\n" + "".join(f"  {trunk}\n" for trunk in trunks))
    file = workshop.folder / "plan.yaml"
    file.write_text(text)
    return load(file)


OURS = ", certificate: ours.pem, key: ours.key"


def test_files_are_named_from_the_folder_of_the_dialplan(workshop: Workshop) -> None:
    found = loaded(workshop, f"{OURS}, ca: authority.pem, verify: clients")
    assert found.dialplan is not None
    tls = found.dialplan.listen[1].tls
    assert tls is not None
    folder = workshop.folder
    assert (tls.certificate, tls.key, tls.ca) == tuple(
        str(folder / name) for name in ("ours.pem", "ours.key", "authority.pem")
    )
    assert tls.clients
    assert str(folder / "ours.pem") in found.inputs.files, "a renewed one is a changed dialplan"


def test_included_files_have_folders_of_their_own(workshop: Workshop) -> None:
    there = workshop.folder / "there"
    there.mkdir(exist_ok=True)
    (there / "trunks.yaml").write_text('trunks: {far: {uri: "sips:192.0.2.9", tls: {ca: ../authority.pem}}}\n')
    found = loaded(workshop, OURS, top="include: there/trunks.yaml\n")
    assert found.dialplan is not None
    tls = found.dialplan.trunks["far"].tls
    assert tls is not None
    assert Path(tls.ca).resolve() == (workshop.folder / "authority.pem").resolve()


def test_the_section_holds_for_all_that_say_nothing(workshop: Workshop) -> None:
    top = "tls: {certificate: ours.pem, key: ours.key, ca: authority.pem, verify: clients}\n"
    found = loaded(workshop, "", 'far: {uri: "sips:192.0.2.9"}', top=top)
    assert found.dialplan is not None
    listen, trunk = found.dialplan.listen[1].tls, found.dialplan.trunks["far"].tls
    assert listen is not None
    assert listen.clients
    assert trunk is not None
    assert listen.ca == trunk.ca == str(workshop.folder / "authority.pem")
    assert found.dialplan.trunks["far"].sips


def test_one_that_runs_out_within_a_month_is_warned_of(workshop: Workshop) -> None:
    workshop.make("soon", days=(-1, 20.5))
    found = loaded(workshop, ", certificate: soon.pem, key: soon.key")
    (warning,) = [each for each in found.diagnostics if each.code == "EXPIRES"]
    assert warning.severity == "warning"
    assert warning.message.endswith(", in 20 days")


def test_a_file_that_is_wrong_is_told_once(workshop: Workshop) -> None:
    top = "tls: {ca: nowhere.pem}\n"
    found = loaded(workshop, OURS, 'far: {uri: "sips:192.0.2.9"}', 'too: {uri: "sips:192.0.2.8"}', top=top)
    assert [each.code for each in found.diagnostics if each.severity == "error"] == ["CANNOT_READ"]


# --------------------------------------------------------------------------- contexts


def hops(**ports: int) -> dict[str, Hop]:
    return {name: Hop("192.0.2.9", port, "tls") for name, port in ports.items()}


def test_trunks_at_one_address_must_all_be_there(workshop: Workshop) -> None:
    ca = "ca: authority.pem"
    found = loaded(
        workshop,
        OURS,
        f'one: {{uri: "sips:192.0.2.9", tls: {{name: One.example, {ca}}}}}',
        f'two: {{uri: "sips:192.0.2.9", tls: {{name: two.example, {ca}}}}}',
        f'three: {{uri: "sips:192.0.2.9:5071", tls: {{verify: false, {ca}}}}}',
        f'four: {{uri: "sip:sbc.example:5071;transport=tls", tls: {{{ca}}}}}',
        top=f"tls: {{{ca}}}\n",
    )
    assert found.dialplan is not None, found.diagnostics
    security = Secured(found.dialplan).at(found.dialplan, hops(one=5061, two=5061, three=5071, four=5071), {})[""]
    both = security.peer_at("192.0.2.9", 5061)
    assert both.domains == ("one.example", "two.example")
    mixed = security.peer_at("192.0.2.9", 5071)
    assert (mixed.domains, mixed.verify) == (("sbc.example",), True), "checked, whatever stands beside it"
    stranger = security.peer_at("192.0.2.77", 5061)
    assert (stranger.domains, stranger.verify, stranger.any_of) == (("192.0.2.77",), True, True)
    beside = security.peer_at("192.0.2.9", 5099, lambda: ["caller.example"])
    assert beside.domains == ("192.0.2.9", "one.example", "two.example", "sbc.example", "caller.example")
    assert beside.any_of


def test_a_machine_that_trusts_nobody_says_so(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.secure._system_trust", lambda: "")
    found = loaded(workshop, OURS, 'far: {uri: "sips:192.0.2.9"}')
    assert found.dialplan is not None
    with pytest.raises(SecureError, match=r"plan\.yaml:\d+: this machine trusts no certificate authorities"):
        Secured(found.dialplan)
    found = loaded(workshop, OURS)
    assert found.dialplan is not None
    assert Secured(found.dialplan).at(found.dialplan, {}, {}), "where no trunk is reached over TLS nobody is missed"


def test_registrars_are_whom_their_uris_name(workshop: Workshop) -> None:
    account = 'register: {user: me, registrars: ["sips:reg.example", "sip:192.0.2.7;transport=tls"]}, auth: {user: me, password: x}'
    found = loaded(workshop, OURS, f'far: {{uri: "sips:sbc.example", {account}, tls: {{ca: authority.pem}}}}')
    assert found.dialplan is not None, found.diagnostics
    names = {"reg.example": ("192.0.2.5", "192.0.2.6")}
    security = Secured(found.dialplan).at(found.dialplan, hops(far=5061), names)[""]
    for host, domain in (("192.0.2.5", "reg.example"), ("192.0.2.6", "reg.example"), ("192.0.2.7", "192.0.2.7")):
        peer = security.peer_at(host, 5061)
        assert (peer.domains, peer.any_of) == ((domain,), False)
    owners = owners_of(found.dialplan, hops(far=5061), names)
    assert {host for host, _ in owners} == {"192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.9"}
    assert {name for names in owners.values() for name in names} == {"far"}


def test_a_trunk_is_the_domain_that_was_written_wherever_dns_leads(workshop: Workshop) -> None:
    """RFC 5922 §4: the target of an SRV record proves nothing."""
    found = loaded(workshop, OURS, 'far: {uri: "sips:carrier.example", tls: {ca: authority.pem}}')
    assert found.dialplan is not None
    assert found.dialplan.trunks["far"].service == ("tls",), "nothing else is asked of DNS"
    addresses = {"far": [Address("192.0.2.9", 5061, "tls"), Address("192.0.2.10", 5071, "tls")]}
    plan = expand(found.dialplan, addresses)
    where = {name: Hop(trunk.host, trunk.port, trunk.transport) for name, trunk in plan.trunks.items()}
    security = Secured(plan).at(plan, where, {})[""]
    for host, port in (("192.0.2.9", 5061), ("192.0.2.10", 5071)):
        assert security.peer_at(host, port).domains == ("carrier.example",)


def test_other_addresses_need_no_disk(workshop: Workshop) -> None:
    found = loaded(workshop, OURS, 'far: {uri: "sips:sbc.example", tls: {ca: authority.pem}}')
    assert found.dialplan is not None
    secured = Secured(found.dialplan)
    ours = workshop.folder / "ours.pem"
    away = ours.rename(workshop.folder / "away.pem")
    try:
        for port in (5061, 5071):
            assert secured.at(found.dialplan, hops(far=port), {})[""].peer_at("192.0.2.9", port).domains == (
                "sbc.example",
            )
    finally:
        away.rename(ours)


def test_comments_in_files_of_authorities_do_no_harm(workshop: Workshop) -> None:
    text = workshop.authority.certificate.read_text()
    (workshop.folder / "commented.pem").write_text(f"# Autorité française ✓\n{text}\n# end\n", encoding="utf-8")
    found = loaded(workshop, OURS, 'far: {uri: "sips:192.0.2.9", tls: {ca: commented.pem}}')
    assert found.dialplan is not None, found.diagnostics
    security = Secured(found.dialplan).at(found.dialplan, hops(far=5061), {})[""]
    assert len(security.peer_at("192.0.2.9", 5061).context.get_ca_certs()) == 1


def test_without_tls_nothing_is_made(workshop: Workshop) -> None:
    file = workshop.folder / "plain.yaml"
    file.write_text(SAMPLE)
    plan = load(file).dialplan
    assert plan is not None
    assert Secured(plan).at(plan, {}, {}) == {}

from dataclasses import FrozenInstanceError
from hashlib import sha256
from typing import Any

import pytest

from controller.config import compile_text
from controller.types import AliveOn, DeepProbe, Listen, Mode, Path, Probe, Route, Verdict
from tests.config.sample import SAMPLE, bend, codes, compiled, found


def test_sample_compiles_without_a_finding() -> None:
    assert found(SAMPLE) == []


def test_version_is_a_hash_of_the_source() -> None:
    assert compiled(SAMPLE).version == sha256(SAMPLE.encode()).hexdigest()[:12]
    assert compiled(SAMPLE + "# changed\n").version != compiled(SAMPLE).version


def test_listen_address_keeps_its_line() -> None:
    assert compiled(SAMPLE).listen == (Listen("127.0.0.1", 5060, where="acme.yaml:2"),)


def test_trunk_uris_become_host_and_port() -> None:
    trunks = compiled(SAMPLE).trunks
    assert (trunks["carrier-a"].host, trunks["carrier-a"].port) == ("192.0.2.10", 5071)
    assert (trunks["carrier-b"].host, trunks["carrier-b"].port) == ("sbc.carrier-b.example", 5060)
    assert (trunks["hq-pbx"].host, trunks["hq-pbx"].port) == ("192.0.2.30", 5081)
    assert {trunk.transport for trunk in trunks.values()} == {"udp"}
    assert (trunks["carrier-a"].carrier, trunks["hq-pbx"].carrier) == ("a", "")
    assert trunks["carrier-b"].where == "acme.yaml:6"


def test_probe_is_named_built_in_or_off() -> None:
    trunks = compiled(
        bend(
            ("every: 250ms, burst: 30ms, timeout: auto", "every: 1s, timeout: 200ms, alive_on: 2xx"),
            ("misses: auto", "misses: 3"),
        )
    ).trunks
    assert trunks["carrier-a"].probe == Probe(every=1.0, timeout=0.2, misses=3, alive_on=AliveOn.SUCCESS)
    assert trunks["carrier-b"].probe is None
    assert trunks["hq-pbx"].probe == Probe()


def test_auto_is_what_the_vocabulary_says() -> None:
    assert compiled(SAMPLE).trunks["carrier-a"].probe == Probe()


def test_each_via_becomes_a_path_in_order() -> None:
    (target,) = compiled(SAMPLE).chains["sales"].stages[0].targets
    assert target.endpoint == "front-desk"
    assert target.paths == (
        Path("front-desk via hq-pbx", "front-desk", "hq-pbx", "sip:100@192.0.2.30:5081"),
        Path("front-desk via carrier-a", "front-desk", "carrier-a", "sip:100@192.0.2.10:5071"),
    )


def test_number_stands_in_the_address_as_written() -> None:
    (answering,) = compiled(SAMPLE).chains["sales"].stages[2].targets
    assert answering.live
    assert answering.paths[0].address == "sip:+15550199@sbc.carrier-b.example"


def test_stages_have_their_own_timers_and_inherit_the_others() -> None:
    first, second, third = compiled(SAMPLE).chains["sales"].stages
    assert (first.mode, first.ring, first.hedge) == (Mode.SEQUENTIAL, 10.0, "auto")
    assert (second.mode, second.ring, second.stagger, second.hedge) == (Mode.HYBRID, 25.0, 4.0, 0.5)
    assert (third.ring, third.no_reply, third.no_progress, third.hedge) == (20.0, 2.0, 8.0, None)
    assert [stage.where for stage in (first, second, third)] == ["acme.yaml:16", "acme.yaml:18", "acme.yaml:23"]


def test_routes_are_indexed_by_did_and_the_star_is_the_default() -> None:
    dialplan = compiled(SAMPLE)
    assert dialplan.routes == {"+15557000": Route("+15557000", "sales", where="acme.yaml:26")}
    assert dialplan.default == Route("*", "sales", where="acme.yaml:27")
    assert compiled(bend(('  - {did: "*", chain: sales}\n', ""))).default is None


def test_prefixes_are_indexed_apart_from_numbers_and_keep_their_line() -> None:
    dialplan = compiled(SAMPLE + '  - {prefix: "+1555", chain: sales}\n')
    assert dialplan.prefixes == {"+1555": Route("+1555", "sales", where="acme.yaml:28", prefix=True)}
    assert list(dialplan.routes) == ["+15557000"]


def test_test_calls_are_compiled() -> None:
    trunks = compiled(
        bend(
            ("carrier: a,", 'carrier: a, deep: {number: "+15550123"},'),
            ("carrier: b,", 'carrier: b, deep: {user: "9196", every: 10s, within: 5s, expect: [486, 200, 486]},'),
        )
    ).trunks
    assert trunks["carrier-a"].deep == DeepProbe("+15550123")
    assert trunks["carrier-b"].deep == DeepProbe("9196", every=10.0, within=5.0, expect=(486, 200))
    assert trunks["hq-pbx"].deep is None
    (alone,) = (
        compiled(bend(("carrier: a,", 'carrier: a, deep: {user: "9", expect: 404},'))).trunks["carrier-a"].deep,
    )
    assert alone == DeepProbe("9", expect=(404,))


def test_order_of_trunks_is_compiled() -> None:
    trunks = compiled(bend(("carrier: a,", "carrier: a, priority: 10, weight: 50, cost: 0.008,"))).trunks
    one, other = trunks["carrier-a"], trunks["carrier-b"]
    assert (one.priority, one.weight, one.cost) == (10, 50, 0.008)
    assert (other.priority, other.weight, other.cost) == (0, 1, 0.0)


def test_causes_become_verdicts() -> None:
    assert compiled(SAMPLE).causes == {"603": Verdict.NEXT_TARGET}


def test_dialplan_cannot_be_changed() -> None:
    dialplan: Any = compiled(SAMPLE)
    with pytest.raises(FrozenInstanceError):
        dialplan.version = "x"
    with pytest.raises(TypeError):
        dialplan.routes["100"] = None


def test_alias_stands_for_the_list_it_names() -> None:
    text = bend(("via: [carrier-a]", "via: &carriers [carrier-a, carrier-b]"), ("[carrier-b, carrier-a]", "*carriers"))
    stages = compiled(text).chains["sales"].stages
    assert [path.trunk for path in stages[2].targets[0].paths] == ["carrier-a", "carrier-b"]


def test_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    text = "\ufeff" + SAMPLE.replace("\n", "\r\n")
    assert found(text) == []
    assert compiled(text).routes == compiled(SAMPLE).routes


@pytest.mark.parametrize("number", ["+15551230001", "0123", "100", "1_000".replace("_", "")])
def test_unquoted_numbers_are_read_as_written(number: str) -> None:
    text = bend(('did: "+15557000"', f"did: {number}"), ('user: "100"', f"number: {number}"))
    dialplan = compiled(text)
    assert list(dialplan.routes) == [number]
    path = dialplan.chains["sales"].stages[0].targets[0].paths[1]
    assert path.address == f"sip:{number}@192.0.2.10:5071"


@pytest.mark.parametrize("name", ["no", "yes", "on", "null", "12", "0x10", "büro"])
def test_names_that_yaml_would_turn_into_something_else_stay_names(name: str) -> None:
    assert name in compiled(SAMPLE.replace("hq-pbx", name)).trunks


def test_sexagesimal_time_is_refused_not_read_as_81000() -> None:
    assert codes(bend(("for: 10s", "for: 22:30:00"))) == ["BAD_DURATION"]


def test_no_is_refused_not_read_as_false() -> None:
    assert codes(bend(("live: false", "live: no"))) == ["BAD_SWITCH"]


def test_warnings_leave_the_dialplan_usable() -> None:
    loaded = compile_text(bend(("live: true", "live: false")), "acme.yaml")
    assert loaded.dialplan is not None
    assert [finding.severity for finding in loaded.diagnostics] == ["warning"]


def test_broken_definition_is_still_a_known_name() -> None:
    assert codes(bend(('uri: "sip:192.0.2.10:5071"', 'uri: "192.0.2.10"'))) == ["BAD_URI"]


def test_wrong_value_hides_no_other_error_of_its_entry() -> None:
    text = bend(('{did: "+15557000", chain: sales}', '{did: "x", chain: salse}'))
    assert codes(text) == ["BAD_NUMBER", "UNKNOWN_NAME"]
    text = bend(('{uri: "sip:192.0.2.10:5071", carrier: a, probe: fast}', "{probe: fats}"))
    assert codes(text) == ["MISSING_KEY", "UNKNOWN_NAME"]


def test_stages_keep_their_number_when_one_before_is_wrong() -> None:
    text = bend(("    - ring: [front-desk]\n      for: 10s", "    - front-desk"), ("[answering]", "[answring]"))
    kind, name = found(text)
    assert kind.message == "chain 'sales', stage 1 must be a mapping, not text"
    assert name.message == "unknown endpoint 'answring' in chain 'sales', stage 3"


def test_wrong_name_behind_an_alias_is_found_for_each_who_uses_it_and_placed_at_the_anchor() -> None:
    text = bend(("via: [carrier-a]", "via: &carriers [carrier-z]"), ("[carrier-b, carrier-a]", "*carriers"))
    slips = [finding for finding in found(text) if finding.code == "UNKNOWN_NAME"]
    assert [(finding.line, finding.message) for finding in slips] == [
        (12, "unknown trunk 'carrier-z' in endpoint 'anna-mobile'"),
        (12, "unknown trunk 'carrier-z' in endpoint 'answering'"),
    ]


def test_value_shared_by_an_alias_is_cut_only_where_it_is_wrong() -> None:
    text = bend(("for: 10s", "for: &time 5s\n      mode: *time"))
    assert codes(text) == ["TIMER_ORDER", "BAD_CHOICE"]


def test_ipv6_trunk_needs_an_ipv6_listener_and_the_other_way_round() -> None:
    ipv6 = ("sip:192.0.2.30:5081", "sip:[2001:db8::30]:5081")
    assert codes(bend(ipv6)) == ["NO_LISTENER"]
    assert codes(bend(("127.0.0.1:5060", "[::1]:5060"))) == ["NO_LISTENER"] * 2  # two trunks have IPv4 addresses
    assert codes(bend(('{udp: "127.0.0.1:5060"}', '{udp: "127.0.0.1"}'), ipv6)) == ["BAD_LISTEN"]

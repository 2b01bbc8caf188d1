from controller.config import compile_text
from tests.config.sample import SAMPLE, bend, codes, found

ONE_STAGE = bend(
    ("    - ring: [front-desk]\n      for: 10s\n", ""),
    (
        "    - ring: [anna-mobile, front-desk]\n      mode: hybrid\n      stagger: 4s\n      for: 25s\n      hedge: 500ms\n",
        "",
    ),
    ('  front-desk:  {user: "100", via: [hq-pbx, carrier-a]}\n', ""),
    ('  anna-mobile: {number: "+15550100", via: [carrier-a], live: false}\n', ""),
    ('  hq-pbx:    {uri: "sip:192.0.2.30:5081"}\n', ""),
)


def test_two_carriers_share_no_domain() -> None:
    assert codes(ONE_STAGE) == []


def test_two_trunks_of_one_carrier_share_a_domain() -> None:
    (finding,) = found(ONE_STAGE.replace("carrier: b", "carrier: a"))
    assert finding.message == "all of chain 'sales' hangs on carrier 'a'"


def test_two_trunks_without_carrier_share_nothing() -> None:
    assert codes(ONE_STAGE.replace(", carrier: a", "").replace(", carrier: b", "")) == []


def test_trunk_named_like_the_carrier_of_another_is_not_that_carrier() -> None:
    text = ONE_STAGE.replace("carrier: a", "carrier: carrier-b").replace(", carrier: b", "")
    assert codes(text) == []


def test_live_target_beside_others_ends_a_chain_well() -> None:
    assert codes(bend(("ring: [answering]", "ring: [anna-mobile, answering]"))) == []


def test_stage_after_a_live_one_is_its_reserve() -> None:
    text = bend(
        ("[front-desk]", "[answering]"), ('user: "100", via: [hq-pbx, carrier-a]', 'user: "100", via: [hq-pbx]')
    )
    assert codes(text) == []


def test_stage_that_begins_at_timer_c_is_never_reached() -> None:
    assert codes(bend(("for: 10s", "for: 155s"))) == ["UNREACHABLE"]
    assert codes(bend(("for: 10s", "for: 154s"))) == ["LONG_WAIT"]


def test_file_with_errors_gets_no_warnings() -> None:
    broken = bend(("live: true", "live: false"), ("for: 10s", "for: 10"))
    assert codes(broken) == ["DURATION_UNIT"]


def test_what_an_unused_chain_rings_is_not_unused_as_well() -> None:
    spare = "routes:\n"
    text = SAMPLE.replace(spare, "  spare:\n    - ring: [answering]\n" + spare)
    loaded = compile_text(text, "acme.yaml")
    assert [finding.message for finding in loaded.diagnostics] == ["chain 'spare' is never used"]

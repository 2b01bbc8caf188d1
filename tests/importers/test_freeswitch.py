"""Dial strings and expressions of FreeSWITCH: what they mean here, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.importers.bridge import Leg, parse_bridge
from controller.importers.draft import Draft, Stage
from controller.importers.expression import read_expression
from controller.importers.freeswitch import import_freeswitch
from controller.importers.notes import Notes


def legs(text: str) -> list[list[list[Leg]]]:
    return [[list(group) for group in thread.groups] for thread in parse_bridge(text).threads]


def imported(
    tmp_path: Path, *bridges: str, expression: str = "^15557000$", sets: str = "", context: str = "public"
) -> tuple[Draft, list[str]]:
    actions = [f'<action application="set" data="{each}"/>' for each in sets.split()]
    actions += [f'<action application="bridge" data="{each}"/>' for each in bridges]
    path = tmp_path / "acme.xml"
    path.write_text(
        f'<context name="{context}"><extension name="acme"><condition field="destination_number" '
        f'expression="{expression}">{"".join(actions)}</condition></extension></context>'
    )
    notes = Notes()
    return import_freeswitch([path], notes), [text for _, text in notes.sorted()]


def stages(draft: Draft) -> tuple[Stage, ...]:
    return draft.chains["acme"][0]


# --------------------------------------------------------------------------- dial strings


def test_signs_between_calls() -> None:
    one, two = legs("user/100|user/101,user/102:_:sofia/gateway/a/15550100")
    assert [[leg.number for leg in group] for group in one] == [["100"], ["101", "102"]]
    assert (two[0][0].gateway, two[0][0].number) == ("a", "15550100")


def test_signs_within_brackets_and_variables_part_nothing() -> None:
    (thread,) = parse_bridge("{a=1,b='x|y'}[c=${d,e}|f,g=2]user/100,[^^:h=1,2:i=3]user/101").threads
    ((first, second),) = thread.groups
    assert dict(thread.variables) == {"a": "1", "b": "x|y"}
    assert dict(first.variables) == {"c": "${d,e}|f", "g": "2"}
    assert dict(second.variables) == {"h": "1,2", "i": "3"}


@pytest.mark.parametrize(
    ("text", "leg"),
    [
        ("sofia/gateway/a/1$1", ("a", "1$1", "", "", "")),
        ("gateway/a/100", ("a", "100", "", "", "")),
        ("user/100@pbx.example", ("", "100", "", "", "")),
        ("sofia/internal/100%pbx.example", ("", "100", "", "", "")),
        ("sofia/external/100@192.0.2.1:5080;transport=tcp", ("", "100", "192.0.2.1", "5080", "tcp")),
        ("sofia/external/sip:100@[2001:db8::1]", ("", "100", "[2001:db8::1]", "", "")),
    ],
)
def test_who_is_called(text: str, leg: tuple[str, ...]) -> None:
    (((found,),),) = legs(text)
    assert not found.unknown
    assert (found.gateway, found.number, found.host, found.port, found.transport) == leg


@pytest.mark.parametrize(
    "text",
    ["error/user_busy", "loopback/100/default", "group/sales@x", "${bridge_string}", "sofia/internal/100", "user/"],
)
def test_what_is_no_call_to_somebody_is_told(text: str, tmp_path: Path) -> None:
    assert legs(text)[0][0][0].unknown
    draft, said = imported(tmp_path, f"{text},user/100")
    assert f"'{text}' is no SIP call to somebody: not taken over" in said
    assert [stage.ring for stage in stages(draft)] == [("user-100",)]


@pytest.mark.parametrize("text", ["{a=1user/100", "user/100,", "|user/100", "", "[x=1]"])
def test_a_dial_string_that_cannot_be_read_is_said(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"never closed|nobody is called"):
        parse_bridge(text)
    assert any(each.startswith("the dial string cannot be read: ") for each in imported(tmp_path, text)[1])


# --------------------------------------------------------------------------- stages


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "{leg_timeout=9}user/1|user/2|[leg_timeout=12]user/3",
            [(("user-1", "user-2"), "", 0, 9), (("user-3",), "", 0, 12)],
        ),
        ("{call_timeout=9}user/1,user/2|user/3", [(("user-1", "user-2"), "parallel", 0, 9), (("user-3",), "", 0, 9)]),
        ("{leg_timeout=9}user/1,[leg_delay_start=3]user/2", [(("user-1", "user-2"), "hybrid", 3, 12)]),
        ("{call_timeout=9}user/1,[leg_delay_start=3]user/2", [(("user-1", "user-2"), "hybrid", 3, 9)]),
        ("user/1,[leg_delay_start=30]user/2", [(("user-1", "user-2"), "hybrid", 30, 60)]),
        ("[leg_delay_start=4]user/1,user/2", [(("user-2", "user-1"), "hybrid", 4, 0)]),
        (
            "sofia/gateway/a/15550100|sofia/gateway/b/15550100:_:{originate_delay_start=5000}user/1",
            [(("number-15550100", "user-1"), "hybrid", 5, 0)],
        ),
        ("user/1|user/2:_:user/3", [(("user-1", "user-3"), "parallel", 0, 0), (("user-2",), "", 0, 0)]),
    ],
)
def test_what_becomes_of_a_dial_string(text: str, found: list[tuple[object, ...]], tmp_path: Path) -> None:
    draft, _ = imported(tmp_path, text)
    assert [(stage.ring, stage.mode, stage.stagger, stage.time) for stage in stages(draft)] == found


def test_the_same_person_over_another_gateway_is_another_way_to_him(tmp_path: Path) -> None:
    draft, _ = imported(tmp_path, "sofia/gateway/a/15550100|sofia/gateway/b/15550100|sofia/gateway/a/15550100")
    assert draft.endpoints["number-15550100"].via == ("a", "b")
    assert [stage.ring for stage in stages(draft)] == [("number-15550100",)]


def test_early_media_is_not_heard_where_it_was_ignored(tmp_path: Path) -> None:
    draft, _ = imported(tmp_path, "{ignore_early_media=true}user/1")
    assert [stage.strips_media for stage in stages(draft)] == [True]


def test_uneven_delays_are_said(tmp_path: Path) -> None:
    draft, said = imported(tmp_path, "user/1,[leg_delay_start=2]user/2,[leg_delay_start=10]user/3")
    assert stages(draft)[0].stagger == 5.0
    assert "legs that join after 0, 2, 10 s: here one joins every 5s" in said


# --------------------------------------------------------------------------- bridges that follow each other


def test_only_what_continue_on_fail_leads_to_is_taken(tmp_path: Path) -> None:
    draft, said = imported(tmp_path, "user/1", "user/2", sets="hangup_after_bridge=true")
    assert len(stages(draft)) == 1
    assert any("never reached (continue_on_fail is not set)" in each for each in said)
    draft, said = imported(tmp_path, "user/1", "user/2", sets="hangup_after_bridge=true continue_on_fail=true")
    assert len(stages(draft)) == 2
    assert not [each for each in said if "continue_on_fail" in each or "hangup_after_bridge" in each]
    _, said = imported(tmp_path, "user/1", "user/2", sets="continue_on_fail=USER_BUSY")
    assert any("continue_on_fail=USER_BUSY" in each for each in said)
    assert any("no hangup_after_bridge" in each for each in said)


@pytest.mark.parametrize(
    ("expression", "bridge", "context", "route"),
    [
        (
            r"^(\d{10})$",
            "sofia/gateway/a/1$1|sofia/gateway/b/1$1",
            "default",
            {"outbound": {"prefix": "1"}, "via": ["a", "b"]},
        ),
        (r"^9(1\d+)$", "sofia/gateway/a/$1", "default", {"outbound": {"prefix": "1"}, "via": ["a"]}),
        (r"^(.*)$", "sofia/gateway/a/${destination_number}", "default", {"outbound": {"prefix": "*"}, "via": ["a"]}),
        (r"^(911)$", "sofia/gateway/a/$1", "default", {"outbound": {"prefix": "911"}, "via": ["a"]}),
        (r"^(15557000)$", "sofia/gateway/pbx/$1", "public", {"did": "15557000", "chain": "acme"}),
        (r"^1555(\d{4})$", "user/100", "default", {"prefix": "1555", "chain": "acme"}),
        (r"^\+?15557000$", "user/100", "public", {"did": "15557000", "chain": "acme"}),
        (r"^\+15557000$", "user/100", "public", {"did": "+15557000", "chain": "acme"}),
        ("", "user/100", "public", None),
    ],
)
def test_routes(expression: str, bridge: str, context: str, route: dict[str, object] | None, tmp_path: Path) -> None:
    draft, said = imported(tmp_path, bridge, expression=expression, context=context)
    if route is None:
        assert not draft.routes
        assert said
        return
    found = {key: value for key, value in draft.routes[0].items() if key != "from"}
    assert found == route
    assert len(draft.routes) == 1


@pytest.mark.parametrize(
    ("text", "numbers", "group"),
    [
        (r"^100$", {("100", True)}, ""),
        (r"^(100|101)$", {("100", True), ("101", True)}, "100"),
        (r"^10[12]$", {("101", True), ("102", True)}, ""),
        (r"^1[2-9]\d{9}$", {("1", False)}, ""),
        (r"^\+?1?(555)$", {("555", True), ("1555", True), ("+555", True), ("+1555", True)}, "555"),
        (r"^9(011\d+)$", {("9011", False)}, "011"),
        (r"^1{3}$", {("111", True)}, ""),
        (r"^1{2,}$", {("11", False)}, ""),
        (r"^(?:1)(5\d*)$", {("15", False)}, "5"),
        (r"^1+$", {("1", False)}, ""),
        (r"100", {("100", False)}, ""),
        (r"^.*$", {("", False)}, ""),
        (r"^1(2|3)?$", {("1", True), ("12", True), ("13", True)}, ""),
    ],
)
def test_expressions(text: str, numbers: set[tuple[str, bool]], group: str) -> None:
    found = read_expression(text)
    assert {(match.number.text, match.number.whole) for match in found} == numbers
    if group:
        assert found[0].groups[1].text == group


@pytest.mark.parametrize(
    "text",
    [
        "^(1",
        "^1)$",
        "^(?=1)$",
        "^[^1]$",
        r"^\w$",
        "^*1$",
        "^([1-4][1-4][1-4][1-4])$",
        "^[12",
        "(((1{99}){99}){99})",
        "(" * 900,
    ],
)
def test_expressions_that_are_not_understood(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_expression(text)


CONDITION = '<condition field="destination_number" expression="{}" break="{}">{}</condition>'
BRIDGE = '<action application="bridge" data="user/{}"/>'


@pytest.mark.parametrize(
    ("conditions", "rung", "said"),
    [
        (
            CONDITION.format("^101$", "on-true", BRIDGE.format(1)) + CONDITION.format("^102$", "", BRIDGE.format(2)),
            {"101": "user-1", "102": "user-2"},
            "",
        ),
        (
            CONDITION.format("^1", "", "") + CONDITION.format("^102$", "", BRIDGE.format(2)),
            {"102": "user-2"},
            "several conditions on destination_number must hold",
        ),
        (
            CONDITION.format("^101$", "", BRIDGE.format(1)) + CONDITION.format("^10.$", "", BRIDGE.format(2)),
            {"101": "user-1"},
            "comes behind a bridge",
        ),
        (
            (
                '<condition regex="any"><regex field="destination_number" expression="^101$"/>'
                f'<regex field="destination_number" expression="^102$"/>{BRIDGE.format(1)}</condition>'
            ),
            {"101": "user-1", "102": "user-1"},
            "",
        ),
        (
            (
                f'<condition field="destination_number" expression="^101$"><condition field="${{x}}" expression="y">'
                f"{BRIDGE.format(1)}</condition></condition>"
            ),
            {"101": "user-1"},
            "that ${x} must match 'y' is not taken over",
        ),
    ],
)
def test_conditions(conditions: str, rung: dict[str, str], said: str, tmp_path: Path) -> None:
    path = tmp_path / "acme.xml"
    path.write_text(f'<extension name="acme">{conditions}</extension>')
    notes = Notes()
    draft = import_freeswitch([path], notes)
    found = {str(route["did"]): draft.chains[str(route["chain"])][0][0].ring[0] for route in draft.routes}
    assert found == rung
    texts = "\n".join(text for _, text in notes.sorted())
    assert said in texts
    assert ("destination_number" in texts) == ("destination_number" in said or "behind" in said)


def test_what_calls_nobody_stays_with_freeswitch_where_calls_from_outside_come(tmp_path: Path) -> None:
    path = tmp_path / "acme.xml"
    menu = '<extension name="menu"><condition field="destination_number" expression="^{}"><action application="ivr" data="x"/></condition></extension>'
    path.write_text(
        f'<context name="public">{menu.format("15557000$")}{menu.format("1556")}</context>{menu.format("100$")}'
    )
    notes = Notes()
    draft = import_freeswitch([path], notes)
    assert [route.get("did") for route in draft.routes] == ["15557000"]
    group, said = imported(tmp_path, "group/sales@x")
    assert group.endpoints["freeswitch-15557000"].user == "15557000"
    assert (
        said[-1].endswith("calls nobody (bridge group/sales@x): FreeSWITCH is called for it as it is now")
        or len(said) == 2
    )
    assert draft.endpoints["freeswitch-15557000"].user == "15557000"
    assert [text.partition(": ")[2] for _, text in notes.sorted()] == [
        "FreeSWITCH is called for it as it is now",
        "not taken over",
        "not taken over",
    ]


def test_no_secret_of_a_dial_string_or_an_application_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "acme.xml"
    secret = '<action application="{}" data="{{sip_auth_password=swordfish}}group/x"/>'
    actions = "".join(map(secret.format, ("conference", "set", "bridge", "conference", "bridge")))
    for context in ("public", "default"):
        for sets in ("", '<action application="set" data="continue_on_fail=true"/>'):
            path.write_text(
                f'<context name="{context}"><extension name="x"><condition field="destination_number" expression="^100$">'
                f'{sets}{actions}</condition><condition field="${{pin}}" expression="swordfish"/></extension></context>'
            )
            notes = Notes()
            draft = import_freeswitch([path], notes)
            assert "conference" in "".join(text for _, text in notes.sorted())
            assert "swordfish" not in draft.write("x") + "".join(text for _, text in notes.sorted())


def test_variables_that_were_set_are_put_into_dial_strings(tmp_path: Path) -> None:
    draft, _ = imported(
        tmp_path,
        "${who}|sofia/gateway/${gw}/${dialled}",
        expression="^9(100)$",
        sets="dialled=$1 who=user/1,user/2 gw=a",
        context="public",
    )
    assert [stage.ring for stage in stages(draft)] == [("user-1", "user-2"), ("number-100",)]
    assert draft.endpoints["number-100"].via == ("a",)


def test_gateways_are_looked_up_where_their_xml_is_given(tmp_path: Path) -> None:
    (tmp_path / "gateways.xml").write_text(
        '<include><gateway name="a"><param name="proxy" value="192.0.2.1:5070"/><param name="register-transport" value="tcp"/>'
        '<param name="username" value="15557000"/><param name="auth-username" value="acme"/>'
        '<param name="password" value="swordfish"/><param name="realm" value="a.example"/></gateway></include>'
    )
    imported(tmp_path, "sofia/gateway/a/15550100")
    draft = import_freeswitch([tmp_path / "acme.xml", tmp_path / "gateways.xml"], Notes())
    trunk = draft.trunks["a"]
    assert (trunk.place, trunk.transport) == ("192.0.2.1:5070", "tcp")
    assert trunk.more["auth"] == {"user": "acme", "password": "replace me"}
    assert trunk.more["register"] == {"user": "15557000", "domain": "a.example"}


def test_what_others_wrote_cannot_have_files_of_ours_read(tmp_path: Path) -> None:
    (tmp_path / "gateways.xml").write_text(
        '<gateway name="a"><param name="username" value="${file:/etc/passwd}"/><param name="password" value="x"/></gateway>'
    )
    imported(tmp_path, "user/100")
    text = import_freeswitch([tmp_path / "acme.xml", tmp_path / "gateways.xml"], Notes()).write("${env:HOME}")
    assert "${" not in "".join(line.partition("#")[0] for line in text.splitlines())

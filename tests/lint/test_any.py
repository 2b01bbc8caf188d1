"""Whatever a dialplan says: no rule fails on it, and each finding can be ignored where it stands, and nothing else goes with it."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from controller.config import compile_text
from controller.config.lint.codes import WARNINGS

HEAD = """\
version: 1
listen: [{udp: "127.0.0.1:5060"}]
trunks:
  a: {uri: "sip:192.0.2.1", carrier: a, limits: {out: 1}}
  b: {uri: "sip:192.0.2.2", carrier: b, probe: slow}
  pbx: {uri: "sip:192.0.2.3"}
  spare: {uri: "sip:192.0.2.4", format: {out: national, country: US}}
probes: {slow: {every: 20s}}
sites:
  hq: {pbx: [pbx, spare]}
"""
NUMBERS = ("+15557000", "15557000", "0015557000", "+19005550123", "911", "+4915112345678", "100", "+15550100")
NAMES = ("desk", "anna-mobile", "mailbox", "answering", "second")
ZONES = ("America/New_York", "Europe/Berlin", "UTC", "Asia/Kathmandu", "Australia/Lord_Howe")
DAYS = ("mon", "tue-thu", "fri", "sat", "sun")
CLOCKS = ("00:00", "00:30", "01:45", "02:15", "03:00", "08:00", "12:00", "17:59", "23:59", "24:00")
pick = st.sampled_from


@st.composite
def spans(draw: st.DrawFn) -> str:
    begin, end = draw(st.lists(pick(CLOCKS), min_size=2, max_size=2, unique=True))
    if begin == "24:00" or (begin, end) == ("24:00", "00:00"):
        begin, end = end, begin
    return f'"{begin}-{end}"'


@st.composite
def calendars(draw: st.DrawFn) -> str:
    open_ = ", ".join(
        f"{day}: [{', '.join(draw(st.lists(spans(), min_size=1, max_size=2)))}]"
        for day in draw(st.lists(pick(DAYS), min_size=1, unique=True))
    )
    holidays = draw(pick(("", "holidays: US, ", "holidays: [2024-01-01], ", "holidays: [DE, 2039-01-01], ")))
    return f"{{zone: {draw(pick(ZONES))}, {holidays}open: {{{open_}}}}}"


@st.composite
def stages(draw: st.DrawFn) -> str:
    ring = draw(st.lists(pick(NAMES), min_size=1, max_size=4, unique=True))
    keys = [f"ring: [{', '.join(ring)}]", f"mode: {draw(pick(('sequential', 'parallel', 'hybrid')))}"]
    keys.append(f"for: {draw(pick(('9s', '20s', '45s', '170s')))}")
    conditions = draw(
        st.lists(
            pick(
                (
                    "hours: one",
                    "not_hours: one",
                    "site: {hq: down}",
                    "site: {hq: up}",
                    "trunk: {pbx: down}",
                    "overflow: true",
                    "caller: '+1'",
                )
            ),
            max_size=2,
            unique_by=lambda text: text.partition(":")[0],
        )
    )
    keys += [f"when: {{{', '.join(conditions)}}}"] if conditions else []
    keys += draw(st.lists(pick(("after: busy", "hedge: off", "stagger: 8s")), max_size=2, unique=True))
    return "\n      ".join(keys)


@st.composite
def dialplans(draw: st.DrawFn) -> str:
    endpoints = "".join(
        f'  {name}: {{{draw(pick(("user", "number")))}: "{draw(pick(NUMBERS))}", '
        f"via: [{', '.join(draw(st.lists(pick(('a', 'b', 'pbx', 'spare')), min_size=1, max_size=3, unique=True)))}], "
        f"live: {draw(pick(('true', 'false')))}}}\n"
        for name in NAMES
    )
    chains = "".join(
        f"  {name}:\n" + "".join(f"    - {stage}\n" for stage in draw(st.lists(stages(), min_size=1, max_size=4)))
        for name in ("main", "other")
    )
    routes = "".join(
        f'  - {{{draw(pick(("did", "prefix")))}: "{number}", chain: {draw(pick(("main", "other")))}}}\n'
        for number in draw(st.lists(pick(NUMBERS), min_size=1, max_size=4, unique=True))
    )
    outbound = draw(
        pick(("", '  - {outbound: {prefix: "*"}, via: [a]}\n', '  - {outbound: {prefix: "+1"}, via: [a, b]}\n'))
    )
    return (
        f"{HEAD}hours:\n  one: {draw(calendars())}\n  two: {draw(calendars())}\n"
        f"endpoints:\n{endpoints}chains:\n{chains}routes:\n{routes}{outbound}"
    )


@given(dialplans())
def test_each_finding_can_be_ignored_where_it_stands(text: str) -> None:
    loaded = compile_text(text, "any.yaml")
    if loaded.dialplan is None:
        return
    lines = text.splitlines()
    codes: dict[int, set[str]] = defaultdict(set)
    for found in loaded.diagnostics:
        assert found.code in WARNINGS
        assert 1 <= found.col < found.end_col <= len(lines[found.line - 1]) + 1
        codes[found.line].add(found.code)
    for line, its in codes.items():
        lines[line - 1] += f" # callward: ignore {', '.join(sorted(its))} -- it is meant"
    again = compile_text("\n".join(lines), "any.yaml")
    assert again.diagnostics == []
    assert set(again.ignored) == set(loaded.diagnostics)
    assert set(again.ignored.values()) <= {"it is meant"}


@given(dialplans())
def test_most_of_these_dialplans_compile(text: str) -> None:
    """Else the test above would look at nothing: whatever is wrong with one of them is an error that is meant."""
    wrong = {found.code for found in compile_text(text, "any.yaml").diagnostics if found.severity == "error"}
    assert wrong <= {"BAD_SPAN", "LOOP", "TIMER_ORDER", "BAD_PREFIX"}

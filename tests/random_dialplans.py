"""Random dialplans, odder than an operator would write them, with random offers, states and other calls."""

from __future__ import annotations

import random
from collections.abc import Iterator

from controller.config import compile_text, render
from controller.rules.usage import Usage
from controller.types import Dialplan, HealthView, Offer, Order, TargetState, TrunkHealth

OURS = ["t1", "t2", "t3"]  # PBXs; the others are carriers' trunks
TRUNKS = [f"t{n}" for n in range(1, 7)]
NUMBERS = ["+15557000", "15557000", "+15557123", "+1555", "+4930123", "100", "107", "7", "anna", ""]
OUTBOUND = ["+1", "+44", "+1900", "*"]
PREFIXES = ["+1", "+1555", "+15557", "+155571", "1", "10", "49"]
DIALLED = ["+12125550100", "12125550100", "+442071234", "+19005550100", "*67", "#31#100", "1900x", "9" * 33]
CALLERS = ["", "+15550100", "15550100", "+442071234", "100", "anna"]
IN_OUT = ["in", "out"]  # limits that only trunks have
BEGIN = 1_760_000_000  # October 2025; the moments reach over two changes of the clock, two Christmases and a New Year


def write_dialplan(dice: random.Random) -> str:
    """A dialplan as an operator might write it, only odder."""
    lines = ["version: 1", 'listen: [{udp: "127.0.0.1:5060"}]']
    lines += ["sites:", "  hq: {pbx: [t1, t2], active: t2}", "  branch: {pbx: [t3]}", "trunks:"]
    limited = dice.random() < 0.5
    for name in TRUNKS:
        site = ", site: hq" if name == "t4" else ", site: branch" if name == "t5" and dice.random() < 0.5 else ""
        carrier = "" if name in OURS else f", carrier: c{dice.randint(1, 3)}"
        rank = f", priority: {dice.randint(0, 2)}, weight: {dice.randint(0, 3)}, cost: 0.{dice.randint(1, 3)}"
        lines.append(
            f'  {name}: {{uri: "sip:192.0.2.{name[1:]}"{carrier}{site}{rank}{_limits(dice, limited, *IN_OUT)}}}'
        )
    if limited:
        lines += ["tenants:", f"  acme: {{{_limits(dice, True)[2:] or 'limits: {calls: 1}'}}}"]
    lines += ["hours:"]
    for name, zone in (("day", "America/New_York"), ("night", "Europe/Berlin")):
        first, last = dice.sample(range(24), 2)
        days = dice.choice(["mon-fri", "mon-sun", "sat-mon", "wed"])
        holidays = dice.choice(["", ", holidays: US", ", holidays: [2025-12-24, DE]"])
        lines.append(f'  {name}: {{zone: {zone}{holidays}, open: {{{days}: "{first:02}:00-{last:02}:30"}}}}')
    lines += ["endpoints:"]
    people = [f"p{n}" for n in range(1, 6)]
    for name in people:
        via = ", ".join(dice.sample(TRUNKS, dice.randint(1, 3)))
        lines.append(f'  {name}: {{user: "{name}", via: [{via}], live: {dice.choice(["true", "false"])}}}')
    lines += ["chains:"]
    chains = ["one", "two", "three"]
    for chain in chains:
        lines.append(f"  {chain}:")
        for _ in range(dice.randint(1, 4)):
            lines.append(f"    - ring: [{', '.join(dice.sample(people, dice.randint(1, 3)))}]")
            lines.append(f"      mode: {dice.choice(['sequential', 'parallel', 'hybrid'])}")
            lines.append(f"      for: {dice.choice(['9s', '10s', '25s'])}")
            if dice.random() < 0.5:
                lines.append(f"      order: {dice.choice([*Order])}")
            if dice.random() < 0.5:
                lines.append(f"      when: {{{', '.join(_conditions(dice, limited))}}}")
            if dice.random() < 0.4:
                lines.append(f"      hedge: {dice.choice(['off', '400ms', '1s'])}")
            if dice.random() < 0.2:
                lines.append("      no_reply: 3s")
            if limited and dice.random() < 0.2:
                lines.append(f"      after: {dice.choice(['busy', 'no-answer', '[busy, no-answer]'])}")
    lines += ["routes:"]
    dids = [number for number in NUMBERS if number.strip("+").isdigit() and number != "7"]
    routes = [f'did: "{did}"' for did in dice.sample(dids, 2)]
    routes += [f'prefix: "{prefix}"' for prefix in dice.sample(PREFIXES, 3)]
    for route in routes:
        tenant = ", tenant: acme" if limited and dice.random() < 0.5 else ""
        lines.append(f"  - {{{route}, chain: {dice.choice(chains)}{tenant}{_limits(dice, limited)}}}")
    if dice.random() < 0.5:
        lines.append(f'  - {{did: "*", chain: {dice.choice(chains)}}}')
    for prefix in dice.sample(OUTBOUND, 2):
        keys = [f'outbound: {{prefix: "{prefix}"}}', f"via: [{', '.join(dice.sample(TRUNKS[3:], dice.randint(1, 3)))}]"]
        keys += [f"from: [{', '.join(dice.sample(OURS, dice.randint(1, 2)))}]"] if dice.random() < 0.5 else []
        keys += [f"order: {dice.choice([*Order])}"] if dice.random() < 0.7 else []
        keys += [f"when: {{{', '.join(_conditions(dice))}}}"] if dice.random() < 0.3 else []
        keys += ["countries: [US, GB]"] if dice.random() < 0.3 else []
        keys += ["premium: true"] if prefix == "+1900" else []
        keys += ["max_cost: 0.3"] if dice.random() < 0.3 else []
        lines.append(f"  - {{{', '.join(keys)}}}")
    return "\n".join(lines) + "\n"


def _limits(dice: random.Random, limited: bool, *more: str) -> str:
    if not limited or dice.random() < 0.4:
        return ""
    kinds = dice.sample(["calls", "cps", *more], dice.choice([1, 1, 2]))
    answer = ", answer: 503" if dice.random() < 0.3 else ""
    return f", limits: {{{', '.join(f'{kind}: {dice.randint(1, 3)}' for kind in kinds)}{answer}}}"


def _conditions(dice: random.Random, limited: bool = False) -> list[str]:
    state = dice.choice(["up", "down"])
    every = [
        "hours: day",
        "not_hours: night",
        'caller: ["+1555", "44"]',
        f"trunk: {{{dice.choice(TRUNKS)}: {state}}}",
        f"site: {{{dice.choice(['hq', 'branch'])}: {state}}}",
    ]
    if limited and dice.random() < 0.6:
        return [f"overflow: {dice.choice(['true', 'did', 'tenant', 't1', '[t2, t4, did]'])}"]
    return dice.sample(every, dice.choice([1, 1, 2]))


def busy_usage(dialplan: Dialplan, dice: random.Random) -> Usage:
    """As if other calls were up."""
    usage = Usage(dialplan)
    routes = [*dialplan.routes.values(), *dialplan.prefixes.values()]
    for number in range(dice.choice([0, 0, 3, 8])):
        offer = Offer(f"other-{number}", "x", trunk=dice.choice(["", *TRUNKS]))
        usage.enter(offer, dice.choice(routes), 0.0)
        trunk = dice.choice(TRUNKS)
        if usage.start(offer.id, 1, trunk, 0.0) and dice.random() < 0.7:
            usage.answered(offer.id, "tag", trunk, usage.leave(offer.id, 1, trunk), 0.0, 0.0)
    return usage


def cases(dialplans: int, each: int) -> Iterator[tuple[Dialplan, Offer, HealthView]]:
    """Random dialplans with random offers and states; the seed of each is its number."""
    for dialplan, offer, view, _ in busy_cases(dialplans, each):
        yield dialplan, offer, view


def busy_cases(dialplans: int, each: int) -> Iterator[tuple[Dialplan, Offer, HealthView, Usage]]:
    """The same with other calls."""
    for seed in range(dialplans):
        dice = random.Random(seed)
        loaded = compile_text(write_dialplan(dice), "random.yaml")
        assert loaded.dialplan is not None, render(loaded.diagnostics, loaded.sources)
        for call in range(each):
            chance = dice.choice([0.0, 0.3, 0.6, 1.0])
            states = {
                name: TrunkHealth(
                    TargetState.DOWN if dice.random() < chance else dice.choice([*TargetState]),
                    code="X",
                    hedge=dice.choice([0.05, 0.25, 0.25, 0.7]),
                )
                for name in TRUNKS
                if dice.random() < 0.9
            }
            moment = BEGIN + dice.random() * 500 * 86400
            trunk = dice.choice(["", *OURS, *TRUNKS])
            did = dice.choice(NUMBERS if dice.random() < 0.6 else DIALLED)
            offer = Offer(f"call-{call}", did, dice.choice(CALLERS), moment, trunk)
            yield loaded.dialplan, offer, HealthView(1, states), busy_usage(loaded.dialplan, dice)

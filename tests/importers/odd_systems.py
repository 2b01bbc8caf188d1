"""FreeSWITCH and FreePBX as oddly set up as people can: for tests of what is made of them, whatever it is.

Owns the writing of such files, and of damage to them.
"""

from __future__ import annotations

import json
import random
from xml.sax.saxutils import quoteattr

NUMBERS = (
    "15550100",
    "+15550100",
    "100",
    "$1",
    "1$1",
    "+$1",
    "${destination_number}",
    "*98",
    "9$1",
    "anna",
    "",
    "${x}",
    "0",
    "+0123",
    "1" * 20,
)
GATEWAYS = ("carrier-a", "carrier_b", "Freeswitch", "0fa1c2d3-0000-4000-8000-123456789abc", "ümlaut", "a b", "..")
PLACES = (
    *("203.0.113.9", "203.0.113.9:5080", "[2001:db8::1]:5060", "sbc.example", "sbc.example:99999", "0.0.0.0"),
    *("127.0.0.1;transport=tcp", "x;transport=tls", "-bad-", "a_b", "${file:/etc/passwd}"),
)
EXPRESSIONS = (
    *(
        "^15557000$",
        r"^\+?1?(5557000)$",
        r"^(\d{10})$",
        r"^9(1[2-9]\d{9})$",
        r"^011(\d+)$",
        "^(100|101|102)$",
        "5557",
        "^.*$",
    ),
    *(
        "^[*]98$",
        "^(?i)x$",
        "^1[23]$",
        r"^(\+?4\d+)$",
        "(",
        "^a$",
        r"^(15558\d{3})$",
        "^1{3}2{2,}$",
        r"^[2-4](\d)$",
        "",
    ),
)
LEGS = (
    *("user/{}@dom", "sofia/gateway/{g}/{}", "sofia/gateway/{g}/{}", "sofia/external/{}@{p}", "sofia/internal/{}%dom"),
    *("error/user_busy", "group/s@d", "${{sofia_contact(1@d)}}", "user/", "sofia/gateway/x/"),
)
OF_LEGS = ("", "", "[leg_timeout={}]", "[leg_delay_start={}]", "[^^:a=b:leg_timeout={}]", "[a=b,c={{d}}]")
OF_THREADS = ("", "", "{{call_timeout={}}}", "{{ignore_early_media=true,originate_delay_start={}000}}")
TIMES = ("0", "0.5", "1", "2", "10", "20", "40", "99999", "-2", "x")


def write_freeswitch(dice: random.Random) -> bytes:
    """An XML dialplan, with gateways."""
    lines = ["<include>"]
    for gateway in dice.sample(GATEWAYS, 3):
        lines.append(f"<gateway name={quoteattr(gateway)}>")
        given = {"proxy": PLACES, "realm": PLACES, "from-domain": PLACES, "username": NUMBERS, "auth-username": NUMBERS}
        for name, values in {**given, "password": ("x",), "register": ("true", "false")}.items():
            if dice.random() < 0.6:
                lines.append(f"<param name={quoteattr(name)} value={quoteattr(dice.choice(values))}/>")
        lines.append("</gateway>")
    lines.append(f'<context name="{dice.choice(["public", "default"])}">')
    for _ in range(dice.randint(1, 6)):
        lines.append(f"<extension name={quoteattr(dice.choice(['sales', 'a b', '', 'x' * 80, 'é', '9']))}>")
        lines.append(f"<condition field='destination_number' expression={quoteattr(dice.choice(EXPRESSIONS))}>")
        sets = (
            "continue_on_fail=true",
            "hangup_after_bridge=true",
            f"call_timeout={dice.choice(TIMES)}",
            "continue_on_fail=BUSY",
        )
        lines += [f"<action application='set' data='{each}'/>" for each in sets if dice.random() < 0.5]
        bridges = [_dial_string(dice) for _ in range(dice.randint(0, 3))]
        lines += [f"<action application='bridge' data={quoteattr(bridge)}/>" for bridge in bridges]
        lines.append("</condition></extension>")
    return "\n".join([*lines, "</context></include>"]).encode()


def _dial_string(dice: random.Random) -> str:
    threads = [_thread(dice) for _ in range(dice.choice([1, 1, 1, 2, 3]))]
    return dice.choice(["", "", "<x=1>"]) + ":_:".join(threads) + dice.choice([*[""] * 9, "}", "[", "|"])


def _thread(dice: random.Random) -> str:
    groups = [
        ",".join(_leg(dice) for _ in range(dice.choice([1, 1, 1, 2, 3]))) for _ in range(dice.choice([1, 1, 2, 3]))
    ]
    return dice.choice(OF_THREADS).format(dice.choice(TIMES)) + "|".join(groups)


def _leg(dice: random.Random) -> str:
    leg = dice.choice(LEGS).format(dice.choice(NUMBERS), g=dice.choice(GATEWAYS), p=dice.choice(PLACES))
    return dice.choice(OF_LEGS).format(dice.choice(TIMES)) + leg


def write_freepbx(dice: random.Random) -> bytes:
    """All tables, as JSON."""

    def one_of(*values: str) -> str:
        return dice.choice(values)

    places = tuple(place.partition(";")[0] for place in PLACES)
    trunks = [
        {
            "trunkid": n,
            "tech": one_of("sip", "pjsip", "PJSIP", "iax2"),
            "channelid": "c",
            "disabled": one_of("off", "on"),
            "name": one_of("A", "a", "FreePBX", "é ü", ""),
            "maxchans": one_of("", "0", "5", "x"),
            "dialoutprefix": one_of("", "9", "w9", "1234#", "1" * 30),
        }
        for n in range(4)
    ]
    settings = {
        "sip_server": places,
        "sip_server_port": ("5060", "5070", "x", "99999"),
        "username": ("acme", "a b", ""),
        "secret": ("x",),
        "registration": ("send", "none"),
        "auth_username": ("", "q", "${env:HOME}"),
        "transport": ("0.0.0.0-udp", "0.0.0.0-tcp", "0.0.0.0-tls"),
    }
    pjsip = [{"id": n, "keyword": key, "data": one_of(*values)} for n in range(4) for key, values in settings.items()]
    patterns = ("NXXNXXXXXX", "1NXX.", "011.", "911", "9[13]3", "[1-9]X.", ".", "", "+49.", "*67.", "1" * 20, "[", "!")
    destinations = (
        "ext-group,600,1",
        "ext-group,601,1",
        "ext-group,9,1",
        "from-did-direct,100,1",
        "ivr-1,s,1",
        "app-blackhole,hangup,1",
        "",
        "ext-local,vmu100,1",
    )
    lists = ("100-101", "100", "100-912125550100#", "", "x y-101", "100-100-102", "12125550100#-5#", "a@b-${x}")
    return json.dumps(
        {
            "trunks": trunks,
            "pjsip": pjsip,
            "outbound_routes": [
                {"route_id": n, "name": f"r{n}", "outcid": "", "password": one_of("", "1")} for n in range(4)
            ],
            "outbound_route_patterns": [
                {
                    "route_id": dice.randint(0, 4),
                    "match_pattern_prefix": one_of("", "9"),
                    "match_cid": one_of("", "1"),
                    "match_pattern_pass": one_of(*patterns),
                    "prepend_digits": one_of("", "1", "+1", "w"),
                }
                for _ in range(6)
            ],
            "outbound_route_trunks": [
                {"route_id": dice.randint(0, 3), "trunk_id": dice.randint(0, 5), "seq": dice.randint(0, 3)}
                for _ in range(7)
            ],
            "incoming": [
                {
                    "cidnum": one_of("", "", "", "123"),
                    "destination": one_of(*destinations),
                    "extension": one_of(
                        "", "15557000", "+15557001", "_155580XX", "_1555[12]", "s", "1" * 20, "15557002"
                    ),
                }
                for _ in range(5)
            ],
            "ringgroups": [
                {
                    "grpnum": n,
                    "strategy": one_of("ringall", "hunt", "memoryhunt", "memoryhunt-prim", "random"),
                    "grptime": one_of("0", "1", "2", "5", "20", "300", "", "99999"),
                    "grplist": one_of(*lists),
                    "postdest": one_of(*destinations),
                }
                for n in (600, 601)
            ],
        },
        indent=1,
    ).encode()


def damage(data: bytes, dice: random.Random) -> bytes:
    """The same with some bytes changed, lost or repeated."""
    found = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(found))
        kind = dice.random()
        if kind < 0.4:
            found[at] = dice.randrange(256)
        elif kind < 0.7:
            del found[at : at + dice.randint(1, 9)]
        else:
            begin = dice.randrange(len(found))
            found[at:at] = found[begin : begin + dice.randint(1, 30)]
    return bytes(found)

"""The stand with rewriting switched on: the same verdict, nothing altered but what must be, and the caller never notices."""

from __future__ import annotations

from dataclasses import replace

from controller.config.formats import parse_country
from controller.types import Asserted, Dialplan, Identity, NumberForm, NumberFormat, Show
from sip.guise import address_in, keep
from tests.torture.stand import T1, Stand, Verdict, answers, dialplan, opaque, read_verdict

OWN = "+12125551000"
_NATIONAL = NumberFormat(NumberForm.NATIONAL, NumberForm.NATIONAL, parse_country("US"))
#: Everything that a trunk may want to see otherwise.
_EVERYTHING = Identity(
    Show.NUMBER, OWN, "Acme", asserted=Asserted.PREFERRED, trusted=False, diversion=True, history=True
)
#: What the border has a hand in; the rest is as it came.
_TOUCHED = (
    *("via", "max-forwards", "record-route", "route", "from", "to", "diversion", "history-info", "identity"),
    *("p-asserted-identity", "p-preferred-identity", "remote-party-id", "subject", "call-info", "organization"),
    *("user-agent", "reply-to", "in-reply-to", "supported", "identity-info"),
)


def dressed_plan() -> Dialplan:
    """The plan of the stand, whose trunk sees nothing as it came."""
    plan = dialplan()
    trunks = dict(plan.trunks)
    trunks["t1"] = replace(trunks["t1"], identity=_EVERYTHING, format=NumberFormat(NumberForm.PLUS_LESS))
    trunks["t2"] = replace(trunks["t2"], identity=Identity(trusted=False), format=_NATIONAL)
    return replace(plan, trunks=trunks)


def compare_dressed(data: bytes, plain: Verdict) -> None:
    """The verdict with rewriting is that without it; what goes on differs in nothing else, and what comes back in nothing."""
    stand = Stand(plan=dressed_plan())
    dressed = stand.judge(data)
    assert str(dressed) == str(plain), data[:300]
    ours = [message for message in dressed.forwarded if message.method == "INVITE"]
    theirs = [message for message in plain.forwarded if message.method == "INVITE"]
    for one, other in zip(ours, theirs, strict=True):
        assert opaque(one.encode(), _TOUCHED) == opaque(other.encode(), _TOUCHED)
        assert address_in(one.require("from")) == f'"Acme" <sip:{OWN[1:]}@192.0.2.10>'
        assert (one.from_tag, one.to_tag) == (other.from_tag, other.to_tag)
        for status in (183, 200):
            stand.engine.receive(answers(one, status, "Contact: <sip:anna@192.0.2.21>"), T1, stand.now)
            ((response, _),) = read_verdict(stand.take()).passed_back
            assert response.status == status
            for name in ("from", "to"):
                shown, written = one.require(name), other.require(name)
                changed = address_in(shown) != address_in(written)
                expected = (keep(written) or address_in(shown)) if changed else address_in(written)
                assert address_in(response.require(name)) == expected, data[:300]
            assert response.from_tag == other.from_tag

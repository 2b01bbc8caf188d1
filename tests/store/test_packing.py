from __future__ import annotations

from dataclasses import fields

from controller.messages.cascade import Cascade
from controller.rules.run import Run
from controller.store.packing import PACKED, name_sends, pack, unpack
from tests.messages.playbook import Case


def test_all_of_a_cascade_is_packed() -> None:
    """A field that is added to the one and forgotten in the other would be lost between two events."""
    assert {one.name for one in fields(Cascade)} == PACKED[Cascade]
    assert set(Run.__slots__) == PACKED[Run]


def test_what_is_packed_comes_back() -> None:
    case = Case("whatsapp/wa-1", "sms/sms-1,sms-2", "email/mail")
    states = [case.cascade.dump()]
    for step in (
        case.begin,
        lambda: case.at(1).refused(1, "not-on-channel"),
        lambda: case.at(2).accepted(2, cost=0.5),
        lambda: case.at(23).due(),
        lambda: case.at(24).unclear(3),
        lambda: case.at(25).cancelled(),
        lambda: case.at(26).delivered(2),
    ):
        step()
        cascade = case.cascade
        again = unpack(
            pack(cascade),
            cascade.run.plan,
            cascade.terms,
            id=cascade.id,
            tenant=cascade.tenant,
            plan_id=cascade.plan_id,
            status=cascade.status.value,
            created=cascade.created,
            due=cascade.due,
        )
        assert again.dump() == cascade.dump()
        assert (again.id, again.status, again.due, again.sends) == (
            cascade.id,
            cascade.status,
            cascade.due,
            cascade.sends,
        )
        states.append(again.dump())
    assert len({repr(state) for state in states}) == len(states)  # each step did change something
    named = name_sends(pack(case.cascade))
    assert [(send["provider"], send["outcome"]) for send in named["sends"]] == [
        (send.provider, send.outcome) for send in case.cascade.sends
    ]

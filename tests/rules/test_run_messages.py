"""Playbooks of the run: messages are the same run with other data.

Names of people are endpoints, t1, t2 ... are trunks.
"""

from __future__ import annotations

from controller.types import (
    NO_ANSWER,
    Milestone,
)
from tests.playbook import (
    answered,
    at,
    begin,
    cancel,
    confirmed,
    finish,
    late,
    plan,
    play,
    ringing,
    stage,
    start,
    trying,
    wakes,
)


def test_a_message_moves_on_although_it_cannot_be_taken_back() -> None:
    """WhatsApp until read within 600 s, then SMS; instants are seconds since the epoch."""
    epoch = 1_763_700_000.0
    cascade = plan(
        stage("whatsapp/wa-1", cancellable=False, ring=600.0, no_reply=30.0, no_progress=600.0, hedge=None),
        stage("sms/sms-1", cancellable=False, ring=600.0, no_reply=30.0, no_progress=600.0, hedge=None),
        until=Milestone.CONFIRMED,
    )
    assert (
        play(cascade)
        >> begin(epoch)
        << start(1, "whatsapp via wa-1")
        << wakes(epoch + 30.0)
        >> at(epoch + 1.0)
        >> trying(1)
        << wakes(epoch + 600.0)
        >> at(epoch + 3.0)
        >> answered(1)  # delivered, which is below read
        << wakes(epoch + 600.0)
        >> at(epoch + 600.0)
        << start(2, "sms via sms-1")
        >> at(epoch + 601.0)
        >> confirmed(2)
        << finish(2)
        >> at(epoch + 700.0)
        >> confirmed(1)
        << late(1)
    )


def test_a_message_that_is_read_after_its_turn_wins_while_the_run_is_open() -> None:
    cascade = plan("whatsapp/wa-1", "sms/sms-1", until=Milestone.CONFIRMED, cancellable=False, ring=600.0)
    assert (
        play(cascade)
        >> begin()
        << start(1, "whatsapp via wa-1")
        >> at(0.1)
        >> answered(1)
        >> at(600.0)
        << start(2, "sms via sms-1")
        >> at(600.1)
        >> confirmed(1)
        << finish(1)
    )


def test_a_provider_that_takes_the_message_is_enough_for_the_last_step() -> None:
    assert (
        play(plan("email/smtp", until=Milestone.ACCEPTED, cancellable=False))
        >> begin()
        << start(1, "email via smtp")
        >> trying(1)
        << finish(1)
    )


def test_a_press_1_that_never_comes_ends_the_turn() -> None:
    assert (
        play(plan("anna/t1 | ben/t2", until=Milestone.CONFIRMED, ring=20.0))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> at(5.0)
        >> answered(1)
        >> at(20.0)
        << cancel(1, NO_ANSWER)
        << start(2, "ben via t2")
    )

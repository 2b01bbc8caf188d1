"""Retention: what each tenant keeps, and when it is looked at."""

from __future__ import annotations

from controller.messages.retention import EVERY, ROWS, keeps, next_purge
from controller.types.messages import Client, Messaging


def test_each_tenant_keeps_what_it_says_and_all_others_a_month() -> None:
    kept = keeps(Messaging(providers={}, cascades={}, clients={"acme": Client("acme", keep=86400.0)}))
    assert kept == {"": 30 * 86400.0, "acme": 86400.0}
    assert ROWS == 30 * 86400.0


def test_a_daemon_purges_at_its_start_and_once_a_minute() -> None:
    assert next_purge(None, 100.0) == 100.0
    assert next_purge(100.0, 110.0) == 100.0 + EVERY
    assert next_purge(100.0, 1000.0) == 1000.0

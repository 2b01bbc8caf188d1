"""Messages in a dialplan: what becomes of their sections."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from controller.cli import cli
from controller.config import compile_text, load, messages_checks
from controller.exits import OK
from controller.messages.routes import find_routes
from controller.types import Milestone, Order
from controller.types.http import HttpSettings
from controller.types.messages import ByTrunks, Channel, Dedup, Messaging, NumberKind, RouteClass
from controller.types.smpp import Smpp
from controller.types.smtp import Smtp

EXAMPLE = Path(__file__).parents[2] / "dialplans" / "messages.yaml"


def example() -> Messaging:
    loaded = load(EXAMPLE)
    assert loaded.diagnostics == []
    assert loaded.dialplan is not None
    assert loaded.dialplan.messaging is not None
    return loaded.dialplan.messaging


def test_providers_know_their_driver() -> None:
    providers = example().providers
    assert {name: (each.driver, type(each.settings)) for name, each in providers.items()} == {
        "whatsapp-1": ("http", HttpSettings),
        "sms-1": ("http", HttpSettings),
        "sms-2": ("smpp", Smpp),
        "mail": ("smtp", Smtp),
        "voice": ("voice", ByTrunks),
    }
    assert providers["voice"].settings == ByTrunks(("carrier-a", "carrier-b"), "+15557000")
    assert providers["whatsapp-1"].costs == {"US": 0.004, "DE": 0.06, "": 0.02}
    assert providers["sms-2"].costs == {"": 0.03}
    assert providers["sms-1"].route_class is RouteClass.PREMIUM
    assert providers["sms-1"].per_second == 50.0
    assert providers["sms-2"].dedup is Dedup.NONE


def test_senders_have_a_kind() -> None:
    providers = example().providers
    american, german = providers["sms-1"].senders
    assert (american.kind, american.countries, american.can) == (
        NumberKind.FIXED_OR_MOBILE,  # as the numbering plan has it
        ("US", "CA"),
        ("send", "receive"),
    )
    assert (german.kind, german.countries) == (NumberKind.MOBILE, ("DE",))
    assert [sender.kind for sender in providers["sms-2"].senders] == [NumberKind.ALPHANUMERIC, NumberKind.SHORT_CODE]


def test_cascades_have_steps() -> None:
    messaging = example()
    otp, missed = messaging.cascades["otp"], messaging.cascades["missed-call"]
    assert (otp.window, otp.max_attempts, otp.max_cost, otp.value) == (180.0, 6, 0.2, 0.5)
    assert [step.channel for step in otp.steps] == [Channel.WHATSAPP, Channel.SMS, Channel.EMAIL, Channel.VOICE]
    assert [step.until for step in otp.steps] == [
        Milestone.ANSWERED,
        Milestone.ANSWERED,
        Milestone.ACCEPTED,  # mail servers seldom say more
        Milestone.ANSWERED,
    ]
    assert (otp.steps[1].order, otp.steps[1].fanout) == (Order.BEST, 2)
    assert missed.steps[0].providers == ("sms-1", "sms-2")
    assert missed.steps[0].fanout == 0
    assert missed.where.endswith(f":{missed_line()}")


def missed_line() -> int:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith("  missed-call:"))


def test_the_daemon_knows_its_tenants() -> None:
    messaging = example()
    assert (messaging.host, messaging.port, messaging.store, messaging.lease) == ("127.0.0.1", 8080, "", 5.0)
    acme = messaging.clients["acme"]
    assert acme.callback is not None
    assert (acme.callback.url, acme.per_second, acme.keep) == ("https://acme.example/callward", 100.0, 30 * 86400.0)
    assert messaging.limits == {"ip": (5.0, 600.0), "session": (3.0, 600.0)}
    assert messaging.max_per_prefix == (50.0, 600.0)
    assert messaging.templates["missed-call"].texts == {"": "We missed your call and will call you back."}


def test_no_secret_shows_itself() -> None:
    shown = repr(example())
    assert "example-secret" not in shown
    assert "example-token" not in shown
    assert messaging_survives(example())


def messaging_survives(messaging: Messaging) -> bool:
    """The compiled dialplan is kept over a restart."""
    return bool(
        pickle.loads(pickle.dumps(messaging.providers["sms-1"].settings)) == messaging.providers["sms-1"].settings
    )


def test_a_dialplan_without_messages_has_none() -> None:
    loaded = load(EXAMPLE.with_name("simple.yaml"))
    assert loaded.dialplan is not None
    assert loaded.dialplan.messaging is None


def test_secrets_of_messages_are_not_shown(tmp_path: Path) -> None:
    """`callward config show` is for being shown around."""
    text = EXAMPLE.read_text(encoding="utf-8").replace(
        "store: sqlite", "store: 'postgresql://u:hunter2@db.example/callward'"
    )
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(cli, ["config", "show", str(path)])
    assert done.exit_code == OK
    for secret in ("hunter2", "example-token", "example-secret", "9f86d081", "4155550100"):
        assert secret in text
        assert secret not in done.output
    assert "postgresql://u:***@db.example/callward" in done.output


def test_a_dialplan_with_hundreds_of_tenants_and_countries_is_checked_in_no_time() -> None:
    """What is the same for many of them is looked at once: the work is counted, for clocks lie on a busy machine."""
    tree = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    tree["messages"]["clients"] |= {f"t{number}": {} for number in range(100)}
    tree["policies"] += [{"name": f"p{number}", "tenant": f"t{number}", "without": "sms-2"} for number in range(100)]
    countries = ("AT", "BE", "CH", "DK", "ES", "FI", "IE", "IT", "LU", "NL", "NO", "PL", "PT", "SE")
    tree["policies"] += [{"name": country, "country": country, "max_attempts": 4} for country in countries]
    asked = 0

    def count(*args: Any) -> Any:
        nonlocal asked
        asked += 1
        return find_routes(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages_checks, "find_routes", count)
        loaded = compile_text(yaml.safe_dump(tree, sort_keys=False), "big.yaml")
    assert {found.code for found in loaded.diagnostics} == {"PLAIN_SECRET"}, "its comments are gone, and that is all"
    assert asked < 300

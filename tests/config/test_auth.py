"""Credentials of a trunk: what is compiled, and that a password shows nowhere."""

from pathlib import Path

import pytest

from controller.config import load, render
from controller.types import Auth
from tests.config.sample import bend, compiled, found

SECRET = "s3cret, with {braces} and #"


def auth_of(text: str) -> Auth | None:
    change = ('"sip:192.0.2.10:5071"', f'"sip:192.0.2.10:5071", auth: {text}')
    return compiled(bend(change)).trunks["carrier-a"].auth


def test_what_is_left_out_is_whatever_the_trunk_asks() -> None:
    assert auth_of("{user: alice, password: hunter2}") == Auth(
        "alice", "hunter2", (), ("SHA-512-256", "SHA-256", "MD5")
    )
    assert compiled(bend()).trunks["carrier-a"].auth is None


def test_one_or_several_realms_and_algorithms() -> None:
    one = auth_of("{user: 15557000, password: 0123, realm: sbc.example, algorithms: SHA-256}")
    assert one == Auth("15557000", "0123", ("sbc.example",), ("SHA-256",))
    several = auth_of("{user: a, password: b, realm: [x, y, x], algorithms: [MD5, SHA-256, MD5]}")
    assert several == Auth("a", "b", ("x", "y"), ("MD5", "SHA-256"))


def test_a_password_may_stand_in_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.pw").write_text(f"{SECRET}\n")
    change = ('"sip:192.0.2.10:5071"', '"sip:192.0.2.10:5071", auth: {user: alice, password: "${file:a.pw}"}')
    Path("acme.yaml").write_text(bend(change))
    loaded = load("acme.yaml")
    assert loaded.dialplan is not None, render(loaded.diagnostics, loaded.sources)
    auth = loaded.dialplan.trunks["carrier-a"].auth
    assert auth is not None
    assert auth.password == SECRET
    assert SECRET not in repr(loaded.dialplan)


@pytest.mark.parametrize(
    "written",
    [
        "password: hunter2 hunter2",
        "password: hunter2, hunter2",
        'password: "hunter2, hunter2"',
        "password: 'hunter2} hunter2'",
        "password: [hunter2, hunter2]",
        "password: {hunter2: hunter2}",
        "PASSWORD: hunter2",
        '"password": hunter2',
    ],
)
def test_no_finding_shows_a_password_however_it_is_written(written: str) -> None:
    text = bend(
        (
            "  carrier-b: {uri",
            "  carrier-x:\n    uri: sip:192.0.2.44\n    auth:\n      user: alice\n      "
            + written
            + "\n  carrier-b: {uri",
        )
    )
    said = render(found(text), {"acme.yaml": text})
    assert "hunter2" not in said
    flow = bend(
        ('"sip:192.0.2.10:5071"', f'"sip:192.0.2.10:5071", colour: red, auth: {{user: "", {written}, colour: red}}')
    )
    said = render(found(flow), {"acme.yaml": flow})
    assert "colour" in said
    assert "hunter2" not in said

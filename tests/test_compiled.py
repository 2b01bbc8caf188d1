from __future__ import annotations

import os
import pickle
import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from controller.compiled import FILE, Compiled, read_compiled, write_compiled
from controller.config import load, render
from controller.keys import load_keys, rotate_keys

TEXT = """\
version: 1
include: routes.yaml
listen: [{udp: "127.0.0.1:5060"}]
trunks:
  carrier-a: {uri: "sip:192.0.2.10", carrier: "${env:CALLWARD_TEST_CARRIER}"}
hours:
  office: {zone: America/New_York, holidays: US, open: {mon-fri: "08:00-18:00"}}
endpoints:
  desk: {user: "${file:user.txt}", via: [carrier-a]}
chains:
  main: [{ring: [desk], when: {hours: office}}, {ring: [desk]}]
"""
ROUTES = 'routes: [{did: "+15557000", chain: main}, {prefix: "+1555", chain: main}]\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dialplan of three files and a variable."""
    monkeypatch.setenv("CALLWARD_TEST_CARRIER", "a")
    (tmp_path / "routes.yaml").write_text(ROUTES)
    (tmp_path / "user.txt").write_text("100\n")
    (tmp_path / "plan.yaml").write_text(TEXT)
    return tmp_path / "plan.yaml"


def keep(file: Path, state: Path) -> Compiled:
    loaded = load(file)
    assert loaded.dialplan is not None, render(loaded.diagnostics, loaded.sources)
    compiled = Compiled(loaded.dialplan, render(loaded.diagnostics, loaded.sources), loaded.inputs)
    load_keys(state)
    write_compiled(file, state, compiled)
    return compiled


def test_what_is_read_back_is_what_was_compiled(file: Path, tmp_path: Path) -> None:
    compiled = keep(file, tmp_path / "state")
    assert read_compiled(file, tmp_path / "state") == compiled
    assert compiled.warnings, "a dialplan with one carrier is warned of, after a restart too"


@pytest.mark.parametrize("part", ["plan.yaml", "routes.yaml", "user.txt"])
def test_it_is_not_used_when_a_file_of_it_has_changed_or_gone(part: str, file: Path, tmp_path: Path) -> None:
    keep(file, tmp_path / "state")
    changed = tmp_path / part
    before = changed.read_text()
    changed.write_text(before + "\n")
    assert read_compiled(file, tmp_path / "state") is None
    changed.write_text(before)
    assert read_compiled(file, tmp_path / "state") is not None
    changed.unlink()
    assert read_compiled(file, tmp_path / "state") is None


def test_it_is_not_used_when_a_variable_has_changed_or_gone(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(file, tmp_path / "state")
    monkeypatch.setenv("CALLWARD_TEST_CARRIER", "b")
    assert read_compiled(file, tmp_path / "state") is None
    monkeypatch.delenv("CALLWARD_TEST_CARRIER")
    assert read_compiled(file, tmp_path / "state") is None


def test_it_is_not_used_for_another_file_or_by_other_code(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(file, tmp_path / "state")
    other = tmp_path / "other.yaml"
    other.write_text(TEXT)
    assert read_compiled(other, tmp_path / "state") is None
    monkeypatch.setattr("controller.compiled.__version__", "9.9.9")
    assert read_compiled(file, tmp_path / "state") is None


def test_what_this_daemon_did_not_write_is_not_even_looked_at(file: Path, tmp_path: Path) -> None:
    keep(file, tmp_path / "state")
    path = tmp_path / "state" / FILE
    whole = path.read_bytes()

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "boom"),)

    foreign = AESSIV(secrets.token_bytes(32)).encrypt(pickle.dumps(Bomb()), [b"callward compiled dialplan"])
    for data in (b"", whole[:-1], whole[:20], bytes([whole[0] ^ 1]) + whole[1:], pickle.dumps(Bomb()), foreign):
        path.write_bytes(data)
        assert read_compiled(file, tmp_path / "state") is None
    assert not (tmp_path / "boom").exists()


def test_it_is_readable_by_its_owner_only_and_shows_no_secret(file: Path, tmp_path: Path) -> None:
    keep(file, tmp_path / "state")
    path = tmp_path / "state" / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"carrier-a" not in path.read_bytes()


def test_new_keys_cost_one_slow_start(file: Path, tmp_path: Path) -> None:
    keep(file, tmp_path / "state")
    rotate_keys(tmp_path / "state")
    assert read_compiled(file, tmp_path / "state") is None
    keep(file, tmp_path / "state")
    assert read_compiled(file, tmp_path / "state") is not None


def test_without_a_state_folder_nothing_is_made(file: Path, tmp_path: Path) -> None:
    assert read_compiled(file, tmp_path / "state") is None
    assert not (tmp_path / "state").exists()

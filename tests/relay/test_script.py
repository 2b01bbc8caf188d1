from __future__ import annotations

from pathlib import Path

import pytest

from controller.config.diagnostics import Mistake
from controller.relay.impairment import CLEAN, Impairment
from controller.relay.script import Phase, Port, Script, load_script, parse_rate, read_impairment


def load(folder: Path, text: str, base: Impairment = CLEAN) -> Script:
    file = folder / "bad-day.yaml"
    file.write_text(text)
    return load_script(file, base, base)


def test_phases_stand_alone_over_the_command_line(tmp_path: Path) -> None:
    script = load(
        tmp_path,
        """\
# a bad day
- at: 0s
- {at: 10s, up: {loss: 20%, burst: 8, delay: 40ms}, down: {loss: 100%}}
- {at: 1m, port: closed}
- at: 2h
  up: {jitter: 0s, rate: 64kbit, queue: 1s, held: 50ms, reorder: 1%}
  port: reset
""",
        Impairment(jitter=0.02),
    )
    assert not script.diagnostics
    assert script.phases == (
        Phase(0.0, Impairment(jitter=0.02), Impairment(jitter=0.02)),
        Phase(10.0, Impairment(jitter=0.02, loss=0.2, burst=8, delay=0.04), Impairment(jitter=0.02, loss=1.0)),
        Phase(60.0, Impairment(jitter=0.02), Impairment(jitter=0.02), Port.CLOSED),
        Phase(7200.0, Impairment(rate=8000, queue=1.0, held=0.05, reorder=0.01), Impairment(jitter=0.02), Port.RESET),
    )


def test_black_hole_ends_the_bursts_of_the_command_line(tmp_path: Path) -> None:
    script = load(tmp_path, "- {at: 1s, up: {loss: 100%}}", Impairment(loss=0.1, burst=5))
    assert script.phases[0].up.is_hole


def test_everything_that_is_wrong_is_said_at_its_place(tmp_path: Path) -> None:
    script = load(
        tmp_path,
        """\
- {at: 10s, up: {los: 20%, delay: 40}}
- {at: 5s, port: close}
- {up: {loss: 20}}
- loss
- {at: 20s, down: , upp: {}}
- {at: 30s, up: {loss: 90%, burst: 2}}
- {at: -1s, up: [1], down: {rate: fast, jitter: {}, held: }}
""",
    )
    assert script.phases == ()
    found = [line.split("bad-day.yaml:")[1] for line in script.render().splitlines() if "bad-day.yaml" in line]
    assert found == [
        "1:18: unknown key 'los' in phase 1, key 'up'",
        "1:35: duration needs a unit in phase 1, key 'up', key 'delay'",
        "2:8: phase 2 does not begin after the one before, at 10s",
        "2:18: unknown port 'close' in phase 2, key 'port'",
        "3:3: required key 'at' is missing in phase 3",
        "3:15: '20' is not a share of the packets in phase 3, key 'up', key 'loss'",
        "4:3: phase 4 must be a mapping",
        "5:13: phase 5, key 'down' must be a mapping",
        "5:21: unknown key 'upp' in phase 5",
        "6:17: so much loss needs a burst of at least 9 packets in phase 6, key 'up'",
        "7:8: duration cannot be negative in phase 7, key 'at'",
        "7:17: phase 7, key 'up' must be a mapping",
        "7:35: 'fast' is not a rate in phase 7, key 'down', key 'rate'",
        "7:49: a single value is expected in phase 7, key 'down', key 'jitter'",
        "7:53: there is no value in phase 7, key 'down', key 'held'",
    ]
    assert "did you mean 'loss'?" in script.render()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: file is empty\n      | begin with '- at: 10s'"),
        ("at: 10s", "a script must be a list of phases"),
        ("- {at: 1s, at: 2s}", "duplicate key 'at'"),
        ("- {at: 200h}", "1:8: duration is too long"),
    ],
)
def test_file_that_is_no_script_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in load(tmp_path, text).render()


def test_missing_file_is_a_finding(tmp_path: Path) -> None:
    assert "cannot read the file" in load_script(tmp_path / "none.yaml").render()


def test_rate_is_bytes_a_second() -> None:
    assert parse_rate("64kbit") == 8000
    assert parse_rate("1.5mbit") == 187_500


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({"loss": "120%"}, "--loss: 120% is more than all packets"),
        ({"loss": "0.2"}, "--loss: '0.2' is not a share of the packets"),
        ({"burst": "0"}, "--burst: '0' is not a number of packets"),
        ({"rate": "64"}, "--rate: '64' is not a rate"),
        ({"burst": "8", "loss": "100%"}, "with burst, loss lies between good and bad"),
    ],
)
def test_option_that_cannot_be_read_is_named(written: dict[str, str], why: str) -> None:
    with pytest.raises(Mistake) as caught:
        read_impairment(written)
    assert caught.value.message == why

"""Comments that say what is meant: what each covers, and what is wrong with it."""

from pathlib import Path

import pytest

from controller.config import compile_text, load
from tests.config.sample import bend, codes, found

PBX = '  hq-pbx:    {uri: "sip:192.0.2.30:5081"}\n'
SPARE = '  spare:\n    uri: "sip:192.0.2.40"\n    priority: 7\n'
COMMENT = "# callward: ignore "


def with_spare(*, above: str = "", beside: str = "", inside: str = "", section: str = "") -> str:
    """A trunk that nothing uses (UNUSED) and that nothing orders (NO_EFFECT, two lines below)."""
    lines = SPARE.splitlines()
    lines[0] += f" {beside}" if beside else ""
    lines[2] += inside
    text = bend((PBX, PBX + (f"  {above}\n" if above else "") + "\n".join(lines) + "\n"))
    return text.replace("trunks:\n", f"trunks: {section}\n") if section else text


def test_without_a_comment_both_are_found() -> None:
    assert codes(with_spare()) == ["UNUSED", "NO_EFFECT"]


@pytest.mark.parametrize("where", ["above", "beside", "section"])
def test_comment_covers_a_key_and_all_below_it(where: str) -> None:
    assert codes(with_spare(**{where: COMMENT + "UNUSED, NO_EFFECT -- ordered, comes in May"})) == []


def test_comment_covers_only_its_codes() -> None:
    assert codes(with_spare(above=COMMENT + "UNUSED -- comes in May")) == ["NO_EFFECT"]


def test_comment_beside_a_value_covers_no_other_line() -> None:
    assert codes(with_spare(inside=" " + COMMENT + "NO_EFFECT -- for later")) == ["UNUSED"]
    assert codes(with_spare(inside=" " + COMMENT + "UNUSED -- for later")) == ["UNUSED", "NO_EFFECT", "IDLE_IGNORE"]


def test_comments_above_each_other_are_all_about_the_next_line() -> None:
    above = COMMENT + "UNUSED -- comes in May\n  # it will have a priority\n  " + COMMENT + "NO_EFFECT -- for then"
    assert codes(with_spare(above=above)) == []


def test_comment_ends_where_the_next_key_begins() -> None:
    text = with_spare().replace("  carrier-a:", "  " + COMMENT + "UNUSED -- not this one\n  carrier-a:")
    assert codes(text) == ["IDLE_IGNORE", "UNUSED", "NO_EFFECT"]


def test_comment_on_a_key_covers_items_at_its_own_depth() -> None:
    text = bend(
        ("    - ring: [answering]\n      hedge: off\n", ""),
        ("  sales:\n    - ring", f"  sales: {COMMENT}NO_LIVE_END, UNUSED -- nobody answers at night\n  - ring"),
        ("      for: 10s\n    - ring", "    for: 10s\n  - ring"),
        ("      mode: hybrid\n      stagger: 4s\n      for: 25s\n      hedge: 500ms\n", "    mode: hybrid\n"),
    )
    loaded = compile_text(text, "acme.yaml")
    assert {each.code for each in loaded.ignored} == {"NO_LIVE_END"}


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("", "no code is named"),
        ("-- because", "no code is named"),
        ("UNUSED", "the reason is missing"),
        ("UNUSED --", "the reason is missing"),
        ("UNUSED because", "the reason is missing"),
        ("unused -- because", "'unused' is the code of no warning"),
        ("UNKNOWN_NAME -- because", "'UNKNOWN_NAME' is the code of no warning"),
        ("IDLE_IGNORE -- because", "'IDLE_IGNORE' is the code of no warning"),
    ],
)
def test_comment_that_cannot_be_understood_ignores_nothing(comment: str, message: str) -> None:
    bad, *rest = found(with_spare(above=COMMENT + comment))
    assert (bad.code, bad.message, bad.line) == ("BAD_IGNORE", message, 8)
    assert [each.code for each in rest] == ["UNUSED", "NO_EFFECT"]


def test_other_dashes_are_read_as_well() -> None:
    assert codes(with_spare(above=COMMENT + "UNUSED, NO_EFFECT \u2014 comes in May")) == []


def test_errors_are_never_ignored() -> None:
    text = bend(("ring: [answering]", "ring: [answring] " + COMMENT + "UNKNOWN_NAME -- comes in May"))
    assert codes(text) == ["UNKNOWN_NAME", "BAD_IGNORE"]


def test_in_a_file_with_errors_no_comment_is_idle() -> None:
    text = with_spare(above=COMMENT + "UNUSED, NO_EFFECT -- comes in May").replace("for: 10s", "for: 10")
    assert codes(text) == ["DURATION_UNIT"]


def test_hash_in_a_quoted_value_is_no_comment() -> None:
    assert codes(bend(('uri: "sip:192.0.2.30:5081"', f'uri: "sip:192.0.2.30:5081 {COMMENT}X"'))) == ["BAD_HOST"]


def test_nearest_comment_is_the_one_that_ignores() -> None:
    """The one further out is about something else, or about nothing."""
    text = with_spare(section=COMMENT + "UNUSED -- some come in May", beside=COMMENT + "UNUSED, NO_EFFECT -- for later")
    assert [(each.code, each.line) for each in found(text)] == [("IDLE_IGNORE", 4)]


def test_comments_of_an_included_file_are_about_that_file(tmp_path: Path) -> None:
    spare = '  spare: {uri: "sip:192.0.2.40"}'
    (tmp_path / "more.yaml").write_text(
        f"trunks:\n{spare} {COMMENT}UNUSED -- comes in May\n{spare.replace('spare', 'other')}\n"
    )
    (tmp_path / "main.yaml").write_text(bend(("version: 1", "version: 1\ninclude: more.yaml")))
    loaded = load(tmp_path / "main.yaml")
    assert [(each.code, each.file, each.line) for each in loaded.diagnostics] == [
        ("UNUSED", str(tmp_path / "more.yaml"), 3)
    ]
    assert [(each.file, each.line) for each in loaded.ignored] == [(str(tmp_path / "more.yaml"), 2)]

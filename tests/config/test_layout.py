"""The layout of dialplans: what comes out says the same, keeps each comment, and comes out again as it is."""

from __future__ import annotations

import dataclasses
import random
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config import compile_text
from controller.config.layout import CannotFormatError, format_text
from controller.config.layout.same import says_the_same
from tests.config.odd_writing import write_oddly
from tests.random_dialplans import write_dialplan

ROOT = Path(__file__).resolve().parents[2]
DIALPLANS = sorted((ROOT / "dialplans").glob("*.yaml"))
EXAMPLES = [path.read_text() for path in DIALPLANS if not path.name.endswith(".test.yaml")]
GOOD = [path.read_text() for path in sorted((ROOT / "tests" / "lint" / "good").glob("*.yaml"))]
GOLDEN = sorted((Path(__file__).parent / "layout").glob("*.yaml"))
#: Texts from which one is made; none includes files.
SOURCES = [text for text in [*EXAMPLES, *GOOD] if "include:" not in text and "${" not in text]
SEEDS = st.integers(0, 2**32)
HEAD = 'version: 1\nlisten:\n  - udp: "127.0.0.1:5060"\n'

_COMMENT = re.compile(r"#\s*(c\d+)\b")


def bare(thing: Any) -> Any:
    """A compiled dialplan without the lines it was read from."""
    if dataclasses.is_dataclass(thing):
        fields = {each.name: bare(getattr(thing, each.name)) for each in dataclasses.fields(thing)}
        return type(thing).__name__, {name: value for name, value in fields.items() if name not in {"where", "version"}}
    if isinstance(thing, Mapping):
        return [(key, bare(value)) for key, value in sorted(thing.items(), key=str)]
    if isinstance(thing, list | tuple):
        return [bare(each) for each in thing]
    return thing


def meaning(text: str) -> Any:
    return bare(compile_text(text, "acme.yaml").dialplan)


def comments(text: str) -> Counter[str]:
    return Counter(_COMMENT.findall(text))


def beside(text: str) -> dict[str, str]:
    """What stands before the comment at the end of a line: its last letters and digits."""
    found = {}
    for line in text.splitlines():
        if (match := _COMMENT.search(line)) and line[: match.start()].strip():
            found[match[1]] = re.sub(r"[^\w*]", "", line[: match.start()])[-6:]
    return found


def check_layout(text: str, *, same_as: str) -> str:
    """The text laid out, once all that must hold of it has been looked at."""
    done = format_text(text, "acme.yaml")
    assert format_text(done, "acme.yaml") == done
    assert comments(done) == comments(text)
    assert meaning(done) == meaning(same_as)
    before = beside(text)
    for comment, value in beside(done).items():
        assert before[comment].endswith(value) or value.endswith(before[comment])
    return done


# --------------------------------------------------------------------------- what must hold


@given(st.sampled_from(SOURCES), SEEDS)
def test_whatever_it_looks_like_it_says_the_same_and_keeps_its_comments(text: str, seed: int) -> None:
    odd = write_oddly(text, random.Random(seed))
    assert meaning(odd) == meaning(text)  # else this test proves nothing
    check_layout(odd, same_as=text)


@given(SEEDS)
def test_a_dialplan_of_any_kind_says_the_same(seed: int) -> None:
    dice = random.Random(seed)
    text = write_dialplan(dice)
    check_layout(text if dice.random() < 0.2 else write_oddly(text, dice), same_as=text)


@pytest.mark.parametrize("path", DIALPLANS, ids=lambda path: path.name)
def test_the_examples_are_laid_out(path: Path) -> None:
    text = path.read_text()
    assert format_text(text, str(path)) == text, f"run: callward fmt dialplans/{path.name}"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_layout(path: Path) -> None:
    text = path.read_bytes().decode()
    done = format_text(text, path.name)
    assert done == path.with_suffix(".expected").read_text()
    assert format_text(done, path.name) == done
    assert says_the_same(text, done, path.name)


def test_every_golden_file_has_its_other_half() -> None:
    assert GOLDEN
    assert {path.stem for path in GOLDEN} == {
        path.stem for path in (Path(__file__).parent / "layout").glob("*.expected")
    }


# --------------------------------------------------------------------------- what is left as it is


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (HEAD + "? access\n: trunks\n", 4, "a key with '?'"),
        ("%YAML 1.1\n---\n" + HEAD, 1, "a directive"),
        (HEAD + "...\n", 4, "the end of a document"),
        (HEAD + "# one\x85# two\n", 4, "a line break of another kind"),
    ],
)
def test_what_is_not_understood_is_left_and_named(text: str, line: int, why: str) -> None:
    with pytest.raises(CannotFormatError) as refused:
        format_text(text, "acme.yaml")
    (found,) = refused.value.findings
    assert (found.code, found.line) == ("NOT_FORMATTED", line)
    assert why in found.message


@pytest.mark.parametrize("text", ["", "a: [", "a: 1\na: 2\n", "a: *b\n", "\t- x\n", "a: \x00\n"])
def test_what_is_no_dialplan_is_a_finding(text: str) -> None:
    with pytest.raises(CannotFormatError) as refused:
        format_text(text, "acme.yaml")
    assert refused.value.findings


@given(st.text(alphabet="ab:- \n#[]{},\"'|>&*?%\t+05", max_size=40))
def test_no_text_whatever_is_made_to_say_something_else(text: str) -> None:
    try:
        done = format_text(text, "acme.yaml")
    except CannotFormatError:
        return
    assert says_the_same(text, done, "acme.yaml")
    assert format_text(done, "acme.yaml") == done


# --------------------------------------------------------------------------- the comparison, which all of it stands on


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("for: 10s", "for: 11s"),
        ("for: 10s", ""),
        ("[front-desk, anna]", "[anna, front-desk]"),
        ("via: [a, b]", "via: [a]"),
        ('  anna: {number: "+15550100", via: [a, b]}\n  front-desk:', "  front-desk:"),
        ("# callward: ignore LONG_WAIT -- said", "# callward: ignored LONG_WAIT -- said"),
    ],
)
def test_a_text_that_says_something_else_is_told(before: str, after: str) -> None:
    text = HEAD + (
        'trunks:\n  a: {uri: "sip:192.0.2.1"}\n  b: {uri: "sip:192.0.2.2"}\n'
        "endpoints:\n"
        '  anna: {number: "+15550100", via: [a, b]}\n  front-desk: {user: "100", via: [a]}\n'
        "chains:\n  # callward: ignore LONG_WAIT -- said\n  sales:\n    - ring: [front-desk, anna]\n      for: 10s\n"
        'routes:\n  - {did: "+15557000", chain: sales}\n'
    )
    assert before in text
    assert says_the_same(text, text + "\n", "acme.yaml")
    assert not says_the_same(text, text.replace(before, after), "acme.yaml")
    assert not says_the_same(text.replace(before, after), text, "acme.yaml")

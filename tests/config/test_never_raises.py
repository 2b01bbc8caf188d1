"""Whatever stands in a file: a dialplan or findings, never a traceback."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from controller.config import compile_text, render, source, to_json
from tests.config.sample import SAMPLE

MESSAGES = (Path(__file__).parents[2] / "dialplans" / "messages.yaml").read_text(encoding="utf-8")
BAD = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(Path(__file__).parent.glob("bad/*.yaml"))]
PIECES = (
    *"*&{}[]:,-?|>!%@`'\"#\n\t\r \0\x1b\x85\u2028\ufeff\ud800é☎",
    *("- ", ": ", "<<: ", "&a ", "*a", "!!int ", "---\n", "...\n", "%YAML 1.1\n", "'[key]'", "&a [*a]", "[" * 25),
    *(
        "5",
        "5s",
        "off",
        "auto",
        "~",
        "sip:[::1]:99999",
        "9" * 30 + "s",
        "hours: x",
        "include: x\n",
        "${env:HOME}",
        "${file:x",
        "{}",
        "[]",
        "''",
    ),
    *SAMPLE.split(),
)
WORDS = st.sampled_from(
    [
        "US",
        "+1",
        "up",
        "UTC",
        "08:00-18:00",
        "version",
        "listen",
        "udp",
        "ring",
        "for",
        "via",
        "[key]",
        "",
        "1",
        "auto",
        "sip:a",
        "+1555",
        "5s",
    ]
)
KEYS = st.sampled_from(
    "version listen defaults trunks probes endpoints chains routes udp ring for mode hedge no_reply causes uri carrier "
    "probe every misses user number via live did chain hours auth [key] x when caller trunk site sites pbx active zone open "
    "holidays prefix priority cost mon-fri include providers cascades policies templates messages channel send steps wait "
    "until smpp smtp http senders id else name tenant only without text subject tokens clients callback limits".split()
)
TREES = st.recursive(WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


def check(text: str) -> None:
    loaded = compile_text(text, "acme.yaml")
    failed = any(found.severity == "error" for found in loaded.diagnostics)
    assert (loaded.dialplan is None) == failed
    for found in loaded.diagnostics:
        assert found.line >= 1
        assert found.end_col > found.col >= 1
        assert found.message
        assert found.message.isprintable()
        assert found.hint.isprintable()
    render(loaded.diagnostics, loaded.sources).encode()
    assert len(json.loads(to_json(loaded.diagnostics))) == len(loaded.diagnostics)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid or broken file with pieces cut out, put in, moved and repeated."""
    text = draw(st.sampled_from([SAMPLE, SAMPLE, MESSAGES, *BAD]))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 12)))
        kind = draw(st.sampled_from(["cut", "put", "replace", "repeat line"]))
        if kind == "repeat line":
            lines = text.split("\n")
            lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
            text = "\n".join(lines)
        else:
            piece = "" if kind == "cut" else draw(st.sampled_from(PIECES))
            text = text[:at] + piece + text[at if kind == "put" else end :]
    return text


@st.composite
def grafted(draw: st.DrawFn) -> str:
    """The tree of a sample with one branch replaced by another tree."""
    tree: Any = yaml.load(draw(st.sampled_from([SAMPLE, MESSAGES])), Loader=yaml.BaseLoader)
    node = tree
    while True:
        step = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[step], dict | list) or draw(st.booleans()):
            break
        node = node[step]
    node[step] = draw(TREES)
    if isinstance(node, dict):
        node[draw(KEYS)] = draw(TREES)
    return yaml.safe_dump(tree, default_flow_style=draw(st.sampled_from([True, False, None])))


@given(st.text())
def test_arbitrary_text_never_raises(text: str) -> None:
    check(text)


@given(mutated())
def test_mutated_files_never_raise(text: str) -> None:
    check(text)


@given(grafted())
def test_trees_of_the_wrong_shape_never_raise(text: str) -> None:
    check(text)


@given(TREES.map(yaml.safe_dump))
def test_files_of_the_right_words_in_the_wrong_places_never_raise(text: str) -> None:
    check(text)


@given(mutated())
def test_slow_loader_never_raises_either(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "LOADER", yaml.SafeLoader)
        check(text)

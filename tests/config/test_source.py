from pathlib import Path

import pytest
import yaml

from controller.config import compile_text, load, source
from controller.config.diagnostics import Report
from controller.config.source import MAX_BYTES, ListNode, MapNode, Node, ScalarNode, compose, to_data
from tests.config.sample import SAMPLE


def read(text: str) -> Node:
    report = Report("acme.yaml")
    node = compose(text, report)
    assert node is not None, report.sorted()
    return node


def said(text: str) -> list[str]:
    report = Report("acme.yaml")
    compose(text, report)
    return [found.code for found in report.sorted()]


def test_all_scalars_are_text() -> None:
    text = "[+15551230001, 0123, 22:30:00, no, 1_000, 0x1F, 2001-01-01, ~, 1.0, '']"
    words = ["+15551230001", "0123", "22:30:00", "no", "1_000", "0x1F", "2001-01-01", "~", "1.0", ""]
    assert to_data(read(text)) == words


def test_nodes_know_where_they_stand() -> None:
    root = read("a:\n  - bc\n  - {d: 'ef'}\n")
    assert isinstance(root, MapNode)
    items = root.entries["a"]
    assert isinstance(items, ListNode)
    assert (items.items[0].line, items.items[0].col, items.items[0].end_col) == (2, 5, 7)
    inner = items.items[1]
    assert isinstance(inner, MapNode)
    assert (inner.line, inner.col) == (3, 5)
    assert (inner.keys["d"].col, inner.entries["d"].col, inner.entries["d"].end_col) == (6, 9, 13)


def test_blank_value_differs_from_empty_text() -> None:
    root = read("{a: , b: ''}")
    assert isinstance(root, MapNode)
    blank, empty = root.entries["a"], root.entries["b"]
    assert isinstance(blank, ScalarNode)
    assert isinstance(empty, ScalarNode)
    assert blank.is_blank
    assert not empty.is_blank


def test_duplicates_below_a_duplicate_are_all_found() -> None:
    assert said("a: {x: 1, x: 2}\na: {y: 1, y: 2}\n") == ["DUPLICATE_KEY"] * 3


def test_aliases_share_their_node() -> None:
    root = read("{a: &x [1, 2], b: *x}")
    assert isinstance(root, MapNode)
    assert root.entries["a"] is root.entries["b"]


def test_alias_bomb_costs_nothing() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 500)]
    assert said("\n".join(lines)) in (["ALIAS_BOMB"], ["TOO_DEEP"])


def test_duplicate_keys_cannot_smuggle_a_bomb_past_the_count() -> None:
    lines = ["a: &a [x]", "b: &b [x]"] + ["k: *a", "k: *b"] * 2000
    assert set(said("\n".join(lines))) == {"DUPLICATE_KEY"}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused_without_recursion(opening: str) -> None:
    assert said(opening * 50_000) == ["TOO_DEEP"]


def test_chain_of_aliases_is_deep_nesting_too() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 5000)]
    assert said("\n".join(lines)) == ["TOO_DEEP"]


@pytest.mark.parametrize("text", ["", "\n", "# comment\n", "---\n", "--- \n...\n", "%YAML 1.1\n---\n"])
def test_nothing_is_an_empty_file(text: str) -> None:
    assert said(text) == ["EMPTY_FILE"]


@pytest.mark.parametrize("char", ["\0", "\x07", "\x1b", "\x7f", "\ud800", "\ufffe", "\ufeff"])
def test_what_yaml_forbids_is_named_with_its_place(char: str) -> None:
    report = Report("acme.yaml")
    assert compose(f"a: b\r\nc: {char}\n", report) is None
    (found,) = report.sorted()
    assert (found.code, found.line, found.col) == ("BAD_CHARACTER", 2, 4)


def test_slow_loader_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = compile_text(SAMPLE, "acme.yaml")
    monkeypatch.setattr(source, "LOADER", yaml.SafeLoader)
    slow = compile_text(SAMPLE, "acme.yaml")
    assert slow == fast


def test_fast_loader_is_the_one_in_use() -> None:
    assert source.LOADER is yaml.CSafeLoader


# --------------------------------------------------------------------------- files


def test_file_is_read_and_named_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme.yaml").write_text(SAMPLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    loaded = load("acme.yaml")
    assert loaded.dialplan is not None
    assert loaded.dialplan.trunks["hq-pbx"].where == "acme.yaml:7"
    assert loaded.sources == {"acme.yaml": SAMPLE}


def test_what_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", tmp_path, tmp_path / ("x" * 300), tmp_path / "nul\0"):
        (found,) = load(path).diagnostics
        assert (found.code, found.line, found.col, found.severity) == ("CANNOT_READ", 1, 1, "error")


def test_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES * 1000)  # sparse
    assert [found.code for found in load(path).diagnostics] == ["TOO_LARGE"]


@pytest.mark.parametrize("data", [b"a: \xff\n", SAMPLE.encode("utf-16"), b"a: \xed\xa0\x80\n", b"\xc3"])
def test_other_encodings_are_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "acme.yaml"
    path.write_bytes(data)
    assert [found.code for found in load(path).diagnostics] == ["NOT_UTF8"]


def test_strange_file_name_can_still_be_printed(tmp_path: Path) -> None:
    path = tmp_path / "a\x1bb\udcff.yaml"
    (found,) = load(path).diagnostics
    assert found.file.endswith("a\\x1bb\\udcff.yaml")

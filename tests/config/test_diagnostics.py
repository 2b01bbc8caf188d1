import json

from controller.config import Diagnostic, render, to_json
from controller.config.diagnostics import Report, Span, quoted


def diagnostic(line: int = 1, col: int = 1, end_col: int = 2, **more: str) -> Diagnostic:
    fields = {"message": "wrong", "hint": "mend it", "code": "X"} | more
    return Diagnostic("acme.yaml", line, col, end_col, "error", **fields)


def test_finding_is_shown_with_its_line_and_underlined() -> None:
    said = render([diagnostic(2, 8, 11)], {"acme.yaml": "one\nkey: [abc, def]\n"})
    assert said == "acme.yaml:2:8: wrong\n    2 | key: [abc, def]\n      |        ^^^ mend it\n"


def test_warning_says_so() -> None:
    warning = Diagnostic("acme.yaml", 1, 1, 2, "warning", "odd", "", "X")
    assert render([warning], {"acme.yaml": "a"}) == "acme.yaml:1:1: warning: odd (X)\n    1 | a\n      | ^\n"


def test_place_without_text_is_shown_without_line() -> None:
    assert render([diagnostic(9)], {"acme.yaml": "a\n"}) == "acme.yaml:9:1: wrong\n      | mend it\n"
    assert render([diagnostic(hint="")], {}) == "acme.yaml:1:1: wrong\n"


def test_wide_characters_and_tabs_keep_the_caret_in_place() -> None:
    said = render([diagnostic(1, 5, 6)], {"acme.yaml": "電話\t:x"})
    assert said.splitlines()[1:] == ["    1 | 電話 :x", "      |       ^ mend it"]


def test_long_line_is_cut_around_the_caret() -> None:
    said = render([diagnostic(1, 1001, 1004)], {"acme.yaml": "a" * 1000 + "bad" + "c" * 1000})
    _, text, caret = said.splitlines()
    assert len(text) < 180
    assert text[caret.index("^") :].startswith("bad")


def test_line_breaks_are_those_of_yaml() -> None:
    assert "    3 | c" in render([diagnostic(3)], {"acme.yaml": "a\x85b\r\nc\x0b"})


def test_terminal_cannot_be_steered() -> None:
    said = render([diagnostic(message=quoted("\x1b[2J\u202e"))], {"acme.yaml": "\x1b[2J"})
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_secrets_are_masked() -> None:
    text = """a: {password: "hunter2", token: 'hunter2', secret: hunter2, user: anna}"""
    said = render([diagnostic()], {"acme.yaml": text})
    assert "hunter2" not in said
    assert "user: anna" in said


def test_long_values_are_cut_when_quoted() -> None:
    assert quoted("x" * 1000) == "'" + "x" * 57 + "...'"


def test_json_has_every_field() -> None:
    (found,) = json.loads(to_json([diagnostic(2, 8, 11)]))
    assert found == {
        "file": "acme.yaml",
        "line": 2,
        "col": 8,
        "end_col": 11,
        "severity": "error",
        "message": "wrong",
        "hint": "mend it",
        "code": "X",
    }
    assert json.loads(to_json([])) == []


def test_report_is_in_the_order_of_the_file_and_without_repetition() -> None:
    report = Report("acme.yaml")
    report.error(Span(2, 1, 2), "B", "second")
    report.warning(Span(1, 5, 6), "A", "first")
    report.error(Span(2, 1, 2), "B", "second")
    assert [found.message for found in report.sorted()] == ["first", "second"]

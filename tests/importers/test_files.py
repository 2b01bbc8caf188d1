"""Files that are imported: what can be read, and what is said of everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.importers import patterns
from controller.importers.freepbx import import_freepbx
from controller.importers.notes import Notes, UnreadableError
from controller.importers.sql import read_dump
from controller.importers.tables import Tables
from controller.importers.xml import parse_xml

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))


# --------------------------------------------------------------------------- XML


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>\n<x>&l29;</x>', 1, "a document type or an entity is declared"),
        (
            '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>\n<x>&e;</x>',
            1,
            "a document type or an entity is declared",
        ),
        ('<!DOCTYPE x SYSTEM "http://192.0.2.1/x.dtd">\n<x/>', 1, "a document type or an entity is declared"),
        ("<x>\n<y>\n</x>", 3, "not XML: mismatched tag"),
        ("<x>\n&e;</x>", 2, "not XML: undefined entity"),
        ("<a>" * 60 + "</a>" * 60, 1, "nested more than 50 levels deep"),
        ("<x", 1, "not XML: "),
        ("\n</callward>", 2, "not XML: "),
    ],
)
def test_xml_that_is_refused(text: str, line: int, what: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse_xml(text.encode(), "acme.xml")
    assert str(refused.value).startswith(f"acme.xml:{line}: {what}"), str(refused.value)


def test_xml_in_pieces_and_in_another_encoding() -> None:
    root = parse_xml('<?xml version="1.0"\n encoding="iso-8859-1"?>\n<a n="é"/>\n<b/>'.encode("latin-1"), "acme.xml")
    assert [(child.name, child.at.line) for child in root.children] == [("a", 3), ("b", 4)]
    assert root.children[0].get("n") == "é"
    with pytest.raises(UnreadableError, match="the text is not utf-8"):
        parse_xml(b'<a n="\xff"/>', "acme.xml")


# --------------------------------------------------------------------------- tables


def test_rows_of_a_dump() -> None:
    text = (
        "-- a comment with ' in it\n/*!40101 SET x */;\n"
        "CREATE TABLE IF NOT EXISTS `asterisk`.`users` (\n `extension` varchar(20) NOT NULL DEFAULT '(',\n"
        " `na``me` decimal(10,2),\n PRIMARY KEY (`extension`,`na``me`)\n);\n"
        "INSERT INTO `users` VALUES ('1','it''s; (a) \\'test\\'\\n'),\n(2,NULL),('3',_binary 'x');\n"
        "REPLACE INTO users (extension, `name`) VALUES (4,-1.5);\n"
        "INSERT INTO `other` VALUES (1);\nINSERT INTO users VALUES (1,2,3);\n"
    )
    assert list(read_dump(text, {"users"})) == [
        ("users", 8, {"extension": "1", "na`me": "it's; (a) 'test'\n"}),
        ("users", 9, {"extension": "2", "na`me": ""}),
        ("users", 9, {"extension": "3", "na`me": "x"}),
        ("users", 10, {"extension": "4", "name": "-1.5"}),
    ]


@pytest.mark.parametrize(
    ("name", "text", "line", "what"),
    [
        ("a.csv", "x,y\n1,2\n", 1, "no row of a known table is in it"),
        ("a.json", '{"trunks": [\n{]}', 2, "not JSON: "),
        ("a.json", "[" * 100_000, 1, "nested too deep"),
        ("a.json", "[]", 1, "no row of a known table is in it"),
        ("a.sql", "INSERT INTO trunks VALUES (1,'sip','a');", 1, "no row of a known table is in it"),
        ("a.csv", "", 1, "no row of a known table is in it"),
        ("a.csv", 'extension,destination\n"1,2\n' + "x" * 200_000, 3, "not CSV: "),
    ],
)
def test_tables_that_cannot_be_read(name: str, text: str, line: int, what: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UnreadableError) as refused:
        Tables().read(path)
    assert str(refused.value).startswith(f"{path}:{line}: {what}"), str(refused.value)


def test_a_table_is_known_by_its_columns_and_where_two_have_the_same_by_its_name(tmp_path: Path) -> None:
    tables = Tables()
    for name in ("my-pjsip-export.csv", "sip.csv"):
        (tmp_path / name).write_text("id;keyword;data;flags\n1;host;192.0.2.1;0\n")
        tables.read(tmp_path / name)
    (tmp_path / "dids.csv").write_text(
        'DID,description,destination\n15557000,"Main\nline","ext-group,600,1"\n15557001,x,"a,b,c"\n'
    )
    tables.read(tmp_path / "dids.csv")
    assert [len(tables[name]) for name in ("pjsip", "sip", "incoming")] == [1, 1, 2]
    assert [(row.get("extension"), row.at.line) for row in tables["incoming"]] == [("15557000", 2), ("15557001", 4)]


# --------------------------------------------------------------------------- dial patterns


@pytest.mark.parametrize(
    ("pattern", "prefixes"),
    [
        ("911", ["911"]),
        ("1NXXNXXXXXX", ["1"]),
        ("NXXNXXXXXX", [""]),
        ("011.", ["011"]),
        ("9[13]3", ["913", "933"]),
        ("[2-4]XX", ["2", "3", "4"]),
        ("_1555800XXXX", ["1555800"]),
        ("!", [""]),
        ("[1-9][1-9][1-9]", [str(n) for n in range(1, 10)]),
    ],
)
def test_how_numbers_begin(pattern: str, prefixes: list[str]) -> None:
    assert patterns.find_prefixes(pattern) == prefixes


@pytest.mark.parametrize(
    ("pattern", "number", "fits"),
    [
        ("1NXXNXXXXXX", "12125550100", True),
        ("1NXXNXXXXXX", "11125550100", False),
        ("NXXNXXXXXX", "12125550100", False),
        ("011.", "0114930", True),
        ("011.", "011", False),
        ("011!", "011", True),
        ("9[1-3]", "92", True),
        ("9[1-3]", "94", False),
        ("Z", "0", False),
        ("+49.", "+4930", True),
    ],
)
def test_which_numbers_match(pattern: str, number: str, fits: bool) -> None:
    assert patterns.matches(pattern, number) is fits


# --------------------------------------------------------------------------- FreePBX


def test_destinations_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "incoming.csv").write_text('extension,destination\n15557000,"ext-group,600,1"\n')
    (tmp_path / "ringgroups.csv").write_text(
        'grpnum,strategy,grptime,grplist,postdest\n600,hunt,10,100-101,"ext-group,601,1"\n601,ringall,5,102,"ext-group,600,1"\n'
    )
    notes = Notes()
    draft = import_freepbx([tmp_path / "incoming.csv", tmp_path / "ringgroups.csv"], notes)
    stages, _ = draft.chains["group-600"]
    assert [(stage.ring, stage.time) for stage in stages] == [(("ext-100", "ext-101"), 10.0), (("ext-102",), 5.0)]
    assert any("in a circle" in text for _, text in notes.sorted())


def test_trunks_of_a_table_that_was_not_given_are_left_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '{"outbound_routes": [{"route_id": 1, "name": "x"}],'
        '"outbound_route_patterns": [{"route_id": 1, "match_pattern_pass": "1.", "prepend_digits": ""}],'
        '"outbound_route_trunks": [{"route_id": 1, "trunk_id": 7, "seq": 1}, {"route_id": 1, "trunk_id": 5, "seq": 0}]}'
    )
    notes = Notes()
    draft = import_freepbx([tmp_path / "a.json"], notes)
    assert draft.routes[0]["via"] == ["trunk-5", "trunk-7"]
    assert any(text.startswith("trunk 7 is in no table 'trunks'") for _, text in notes.sorted())


def test_tables_that_nobody_asks_for_are_passed_over_whatever_they_hold() -> None:
    calls = "".join(
        f"INSERT INTO `cdr` VALUES ({n},'it\\'s; (INSERT INTO `users` VALUES (1,2));\n');\n" for n in range(500)
    )
    text = f"CREATE TABLE users (extension int, name text);\n{calls}INSERT INTO users VALUES (1,'Anna');\n"
    assert list(read_dump(text, {"users"})) == [("users", 1002, {"extension": "1", "name": "Anna"})]


@pytest.mark.parametrize(
    "text", ["INSERT INTO users VALUES ('" * 9, "(" * 999, "INSERT INTO x VALUES ('a", "`" * 99, "/*" * 99, ");;)("]
)
def test_a_dump_that_breaks_off_has_the_rows_that_are_whole(text: str) -> None:
    whole = "CREATE TABLE users (extension int, name text);\nINSERT INTO users VALUES (1,'Anna');\n"
    assert list(read_dump(whole + text, {"users"})) == [("users", 2, {"extension": "1", "name": "Anna"})]

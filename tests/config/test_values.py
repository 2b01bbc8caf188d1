import pytest

from controller.config.diagnostics import Mistake
from controller.config.values import parse_cause, parse_choice, parse_count, parse_name, parse_switch, parse_version


@pytest.mark.parametrize("text", ["a", "hq-pbx", "carrier_2.b", "büro", "12", "x" * 64])
def test_names_are_words(text: str) -> None:
    assert parse_name(text) == text


@pytest.mark.parametrize("text", ["", "-a", ".a", "a b", "a/b", "a\n", "x" * 65, "[key]"])
def test_anything_else_is_no_name(text: str) -> None:
    with pytest.raises(Mistake):
        parse_name(text)


def test_word_of_the_language_is_no_name() -> None:
    with pytest.raises(Mistake, match="word of the language"):
        parse_name("off", taken="off")


def test_switch_is_true_or_false_only() -> None:
    assert parse_switch("true") is True
    assert parse_switch("false") is False


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("yes", "write true"),
        ("On", "write true"),
        ("TRUE", "write true"),
        ("no", "write false"),
        ("maybe", "write true or false"),
    ],
)
def test_other_words_for_it_are_translated(text: str, hint: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_switch(text)
    assert caught.value.hint == hint


def test_choice_suggests_the_nearest_or_lists_all() -> None:
    assert parse_choice("stop", "verdict", ["stop", "go"]) == "stop"
    with pytest.raises(Mistake) as caught:
        parse_choice("stpo", "verdict", ["stop", "go"])
    assert caught.value.hint == "did you mean 'stop'?"
    with pytest.raises(Mistake) as caught:
        parse_choice("xyz", "verdict", ["stop", "go"])
    assert caught.value.hint == "write stop or go"


@pytest.mark.parametrize("text", ["0", "101", "-1", "1.5", "two", "", "1" * 4400, "٢"])
def test_count_outside_its_bounds_is_a_mistake(text: str) -> None:
    with pytest.raises(Mistake, match=r"range|number"):
        parse_count(text, 1, 100)


@pytest.mark.parametrize("text", ["300", "486", "603", "699"])
def test_causes_are_final_failures(text: str) -> None:
    assert parse_cause(text) == text


@pytest.mark.parametrize("text", ["200", "299", "700", "0603", "60", "busy", "٣٠٠"])
def test_other_statuses_are_no_causes(text: str) -> None:
    with pytest.raises(Mistake):
        parse_cause(text)


def test_version_is_one() -> None:
    assert parse_version("1") == 1
    for text in ("2", "1.0", "01", ""):
        with pytest.raises(Mistake):
            parse_version(text)

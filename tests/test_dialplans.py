"""The examples that people copy from must be beyond reproach."""

import re
from pathlib import Path

import pytest

from controller.api.tokens import Tokens
from controller.config import compile_text, load, render

ROOT = Path(__file__).parent.parent
#: What the simple example calls its things; they are explained by what stands below them.
NAMES = {
    "carrier-a",
    "carrier-b",
    "hq-pbx",
    "fast",
    "polite",
    "front-desk",
    "anna-mobile",
    "answering-service",
    "sales",
}
EXAMPLES = sorted(path for path in (ROOT / "dialplans").glob("*.yaml") if not path.name.endswith(".test.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_compiles_without_any_finding(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    loaded = load(path.relative_to(ROOT))
    assert not loaded.diagnostics, "\n" + render(loaded.diagnostics, loaded.sources)
    assert loaded.dialplan is not None


def test_examples_are_there() -> None:
    assert {
        "simple.yaml",
        "two-carriers.yaml",
        "after-hours.yaml",
        "two-offices.yaml",
        "two-networks.yaml",
        "caller-id.yaml",
        "registering.yaml",
    } <= {path.name for path in EXAMPLES}


def test_examples_show_every_mode() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in EXAMPLES)
    assert {"parallel", "hybrid"} <= set(re.findall(r"mode: (\w+)", text))


def test_every_key_of_the_simple_example_says_why() -> None:
    lines = (ROOT / "dialplans" / "simple.yaml").read_text(encoding="utf-8").splitlines()
    keys = [(match[1], "#" in line) for line in lines if (match := re.match(r"\s*(?:- )?([\w-]+):", line))]
    assert {key for key, _ in keys} - {key for key, explained in keys if explained} <= {"listen", "causes", *NAMES}


def test_example_of_the_reference_compiles_without_any_finding(tmp_path: Path) -> None:
    reference = (ROOT / "docs" / "dialplan.md").read_text(encoding="utf-8")
    complete = [
        block
        for block in re.findall(r"```yaml\n(.*?)```", reference, re.DOTALL)
        if "version: 1" in block and "include:" not in block
    ]
    assert complete
    for block in complete:
        for name in re.findall(r"\$\{file:([\w.]+)\}", block):
            (tmp_path / name).write_text("example\n")
        loaded = compile_text(block, str(tmp_path / "dialplan.md"))
        assert not loaded.diagnostics, "\n" + render(loaded.diagnostics, loaded.sources)


def blocks(page: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if block.startswith("providers:")]


@pytest.mark.parametrize("block", blocks("providers.md"))
def test_providers_of_the_docs_compile_as_they_stand(block: str, tmp_path: Path) -> None:
    for name in re.findall(r"\$\{file:([\w.]+)\}", block):
        (tmp_path / name).write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    (channel,) = re.findall(r"channel: (\w+)", block)
    file = tmp_path / "dialplan.yaml"
    file.write_text(
        f"version: 1\n{block}cascades: {{otp: [{{send: {channel}}}]}}\nmessages: {{public: 'https://hooks.example.com'}}\n"
    )
    loaded = load(file)
    assert loaded.dialplan is not None, render(loaded.diagnostics, loaded.sources)
    assert {found.code for found in loaded.diagnostics} == {"SHARED_DOMAIN"}, "one provider is one, and that is all"


def test_providers_of_the_docs_are_found() -> None:
    assert len(blocks("providers.md")) >= 2


def test_tokens_of_the_simulated_example_do_what_its_comment_says() -> None:
    loaded = load(ROOT / "dialplans" / "messages-simulated.yaml")
    assert loaded.dialplan is not None
    assert loaded.dialplan.messaging is not None
    tokens = Tokens(loaded.dialplan.messaging.tokens)
    found = {name: tokens.find(f"Bearer {name}".encode()) for name in ("app-token", "office-token")}
    assert {name: who and (who.tenant, who.scopes) for name, who in found.items()} == {
        "app-token": ("acme", {"send", "read"}),
        "office-token": ("", {"operate", "erase"}),
    }

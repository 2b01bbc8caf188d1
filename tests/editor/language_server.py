"""The language server that editors use for YAML (VS Code, Neovim, Helix, Emacs ...), as a process, and what an editor asks it.

Owns the protocol (LSP over standard input and output), as far as the tests need it. It is installed by npm, see the Makefile;
where that could not be, tests that want it are skipped.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from typing import Any, Self

FOLDER = Path(__file__).parent
PROGRAM = FOLDER / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
PATIENCE = 60.0  # seconds that any answer may take; all of them take a moment
#: As an editor sets it up, but for the catalogue of schemas, which it would fetch.
SETTINGS = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}


def why_not() -> str:
    """Why there is no language server here; "" where there is one."""
    if shutil.which("node") is None:
        return "there is no node: install nodejs and npm"
    if not PROGRAM.exists():
        return "npm could not fetch yaml-language-server: see what 'npm ci --prefix tests/editor' says"
    return ""


class LanguageServer:
    """It runs from `__enter__` to `__exit__`; one question at a time."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["node", str(PROGRAM), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._heard: Queue[Mapping[str, Any] | None] = Queue()
        self._diagnostics: dict[str, list[Any]] = {}
        self._asked = 0
        Thread(target=self._read, name="language-server", daemon=True).start()
        capabilities = {
            "workspace": {"configuration": True},
            "textDocument": {
                "publishDiagnostics": {},
                "hover": {"contentFormat": ["plaintext"]},
                "completion": {"completionItem": {"documentationFormat": ["plaintext"]}},
            },
        }
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self._tell("initialized", {})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left running."""
        self._process.kill()
        self._process.communicate()

    def open(self, path: Path, text: str | None = None) -> list[Any]:
        """What an editor underlines in a file, or in a ``text`` in its place."""
        return self.open_all({path: path.read_text(encoding="utf-8") if text is None else text})[path]

    def open_all(self, texts: Mapping[Path, str]) -> dict[Path, list[Any]]:
        """The same of many files at once."""
        for path, text in texts.items():
            self._diagnostics.pop(path.as_uri(), None)
            document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
            self._tell("textDocument/didOpen", {"textDocument": document})
        while not self._diagnostics.keys() >= {path.as_uri() for path in texts}:
            self._hear()
        return {path: self._diagnostics[path.as_uri()] for path in texts}

    def close(self, path: Path) -> None:
        """As when its window is closed."""
        self._tell("textDocument/didClose", {"textDocument": {"uri": path.as_uri()}})

    def complete(self, path: Path, line: int, column: int) -> dict[str, Any]:
        """What it offers at a place (from 0), by what it is called."""
        answer = self.ask("textDocument/completion", _at(path, line, column))
        items = answer["items"] if isinstance(answer, dict) else answer
        return {item["label"]: item for item in items}

    def hover(self, path: Path, line: int, column: int) -> str:
        """What it shows over a word."""
        answer = self.ask("textDocument/hover", _at(path, line, column))
        if answer is None:
            return ""
        shown = answer["contents"]
        return str(shown["value"] if isinstance(shown, dict) else shown)

    def ask(self, method: str, params: Any) -> Any:
        """One request; its result."""
        self._asked += 1
        asked = self._asked
        self._send({"id": asked, "method": method, "params": params})
        while True:
            heard = self._hear()
            if heard.get("id") == asked and "method" not in heard:
                assert "error" not in heard, heard["error"]
                return heard["result"]

    def _tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _hear(self) -> Mapping[str, Any]:
        """The next message; what it asks of an editor is answered."""
        try:
            heard = self._heard.get(timeout=PATIENCE)
        except Empty:
            raise AssertionError(f"the language server said nothing for {PATIENCE:.0f} s") from None
        assert heard is not None, "the language server ended"
        method = heard.get("method")
        if method == "textDocument/publishDiagnostics":
            self._diagnostics[heard["params"]["uri"]] = heard["params"]["diagnostics"]
        elif method is not None and "id" in heard:
            self._send({"id": heard["id"], "result": _answer(method, heard["params"])})
        return heard

    def _read(self) -> None:
        assert self._process.stdout is not None
        out = self._process.stdout
        while line := out.readline():
            length = 0
            while line.strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                line = out.readline()
            body = out.read(length)
            if len(body) == length:  # else it was killed meanwhile
                self._heard.put(json.loads(body))
        self._heard.put(None)


def _answer(method: str, params: Any) -> Any:
    if method == "workspace/configuration":
        return [SETTINGS if item.get("section") == "yaml" else None for item in params["items"]]
    return None


def _at(path: Path, line: int, column: int) -> dict[str, Any]:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}

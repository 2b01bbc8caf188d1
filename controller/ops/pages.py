"""The page's own files, read once at the start and served from memory.

Owns which files there are, their types, and that a browser asks again only for what has changed. Holds nothing that is secret.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Page:
    """One file."""

    kind: bytes
    body: bytes
    packed: bytes  # the same by gzip
    mark: bytes  # its ETag

    def answer(self, headers: Mapping[bytes, bytes]) -> tuple[dict[str, Any], bytes]:
        """The start of the response, and its body."""
        told = [(b"etag", self.mark), (b"cache-control", b"no-cache"), (b"vary", b"accept-encoding")]
        if headers.get(b"if-none-match") == self.mark:
            return {"type": "http.response.start", "status": 304, "headers": told}, b""
        body = self.body
        if b"gzip" in headers.get(b"accept-encoding", b""):
            body = self.packed
            told.append((b"content-encoding", b"gzip"))
        told += [(b"content-type", self.kind), (b"content-length", str(len(body)).encode())]
        return {"type": "http.response.start", "status": 200, "headers": told}, body


class Pages:
    """All of them, by path: "/" and "/page/NAME"."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._by_path: dict[str, Page] = {}
        for file in sorted(folder.rglob("*")):
            kind = _TYPES.get(file.suffix)
            if kind is None or not file.is_file():
                continue
            body = file.read_bytes()
            mark = f'"{hashlib.sha256(body).hexdigest()[:20]}"'.encode()
            page = Page(kind.encode(), body, gzip.compress(body, mtime=0), mark)
            name = file.relative_to(folder).as_posix()
            self._by_path["/" if name == _INDEX else f"/page/{name}"] = page

    def find(self, path: str) -> Page | None:
        """The file of a path."""
        return self._by_path.get(path)

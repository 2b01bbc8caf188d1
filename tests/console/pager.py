"""Who is told of alerts while the console is looked at: one who takes what he is told, and one who is never there.

Owns the server, in a thread of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.2"  # the testbed may move what is at 127.0.0.1


class _Pager(BaseHTTPRequestHandler):
    def do_POST(self) -> None:  # as http.server calls it
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def alerts_section(nobody: int) -> Iterator[str]:
    """`alerts` of a dialplan; ``nobody``: a port that nobody listens at."""
    server = ThreadingHTTPServer((HOST, 0), _Pager)
    thread = threading.Thread(target=server.serve_forever, name="pager")
    thread.start()
    try:
        yield f"""
alerts:
  notifiers:
    pager: {{webhook: {{url: "http://{HOST}:{server.server_port}/", secret: "a secret of tests"}}}}
    wall: {{webhook: {{url: "http://{HOST}:{nobody}/", secret: "a secret of tests"}}}}
  routes: [{{notify: [pager, wall], hold: 100ms, settle: 1s}}]
"""
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

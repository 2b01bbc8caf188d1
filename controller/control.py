"""The control socket: how a command on the same machine talks to the daemon that runs there.

Owns the Unix socket in the state folder and its protocol: one line of JSON with the name of a command (and what
it is about) in, one line of JSON out, then the connection is closed. Who may open the state folder may give commands. Must not know what they do. (asyncio
makes a task for each connection here: few, short, and never on the call path.)
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import zlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

FILE = "control.sock"
MESSAGES = "messages.sock"  # of the process that sends messages
OPS = "ops.sock"  # of the process for those who operate
MAX_LINE = 1 << 16  # bytes of a command: texts that are too long to be sent are judged by whoever sends, not here
MAX_ANSWER = 1 << 26  # bytes of an answer: how ten thousand trunks are, with much room
PATIENCE = 60.0  # seconds that a command may take: a reload looks up names
_MAX_PATH = 107  # bytes of a socket's path, unix(7)

Answer = dict[str, Any]
Request = Mapping[str, Any]
Command = Callable[[Request], Awaitable[Answer]]
Commands = Mapping[str, Command]


class ControlError(Exception):
    """The control socket cannot be opened or reached; the message says why and what to do."""


class NoAnswerError(ControlError):
    """The command went out, and nothing came back."""


def open_control(state_dir: Path, file: str = FILE, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A listening socket in the state folder; what a killed daemon left there is replaced.

    Raises `ControlError`.
    """
    path = state_dir / file
    if len(bytes(path)) > _MAX_PATH:
        raise ControlError(f"{path}: too long for a socket ({_MAX_PATH} bytes at most); give a shorter --state-dir")
    sock = socket.socket(socket.AF_UNIX, kind)
    try:
        if _is_served(path, kind):
            raise ControlError(f"{path}: another daemon runs with this folder; give each its own --state-dir")
        path.unlink(missing_ok=True)
        sock.bind(str(path))
        path.chmod(0o600)
        sock.listen()
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise ControlError(f"{path}: {error.strerror}; give a --state-dir that this user may write") from error
    except ControlError:
        sock.close()
        raise
    return sock


def is_served(state_dir: Path, file: str = FILE) -> bool:
    """Whether a daemon listens there."""
    return _is_served(state_dir / file)


def _is_served(path: Path, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    with socket.socket(socket.AF_UNIX, kind) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


class ControlServer:
    """Answers commands on a socket made by `open_control`."""

    def __init__(self, sock: socket.socket, commands: Commands, on_fault: Callable[[BaseException], None]) -> None:
        """``on_fault`` hears of an exception that a command let out."""
        self._sock = sock
        self._path = Path(sock.getsockname())
        self._commands = commands
        self._on_fault = on_fault
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen to commands."""
        self._server = await asyncio.start_unix_server(self._serve, sock=self._sock, limit=MAX_LINE)

    def close(self) -> None:
        """Listen no longer, and take the socket's file away; a second time is harmless."""
        if self._sock.fileno() >= 0:
            self._path.unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
            self._server = None
        self._sock.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            try:
                async with asyncio.timeout(PATIENCE):
                    request = json.loads(await reader.readline())
                command = self._commands[request["command"]]
            except (OSError, TimeoutError):
                return
            except (ValueError, TypeError, LookupError):  # a line too long is a ValueError
                answer: Answer = {"ok": False, "text": "this daemon does not know that command: is it another version?"}
            else:
                try:
                    answer = await self._run(command, request)
                except asyncio.CancelledError:  # the daemon ends while a command waits; streams would call that a fault
                    return
            with contextlib.suppress(OSError):
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()

    async def _run(self, command: Command, request: Request) -> Answer:
        try:
            return await command(request)
        except Exception as error:  # noqa: BLE001  # a fault of ours, which the log shows; the daemon goes on
            self._on_fault(error)
            return {
                "ok": False,
                "text": f"a bug in callward ({type(error).__name__}): please report the fault in its log",
            }


def ask(state_dir: Path, command: str, file: str = FILE, patience: float = PATIENCE, /, **more: str) -> Answer:
    """Give the daemon that runs with this state folder a command, and wait for its answer, ``patience`` seconds at most.

    Raises `ControlError`.
    """
    path = state_dir / file
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(patience)
            sock.connect(str(path))
            sock.sendall(json.dumps({"command": command, **more}).encode() + b"\n")
            with sock.makefile("rb") as lines:
                answer: Answer = json.loads(lines.readline())
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise ControlError(f"no daemon runs with --state-dir {state_dir}; is it another folder?") from error
    except TimeoutError as error:
        raise ControlError(f"{path}: no answer within {patience:.0f} s; the daemon's log may say why") from error
    except OSError as error:
        raise ControlError(f"{path}: {error.strerror or error}; run this as the daemon's user") from error
    except ValueError as error:
        raise ControlError(f"{path}: the daemon went away before it answered; its log may say why") from error
    return answer


async def ask_soon(
    state_dir: Path, command: str, patience: float, more: Request | None = None, file: str = FILE
) -> Answer:
    """The same for who has a loop to turn meanwhile; ``patience`` in seconds.

    Raises `ControlError`; `NoAnswerError` where the command may have been heard.
    """
    path = state_dir / file
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_unix_connection(str(path), limit=MAX_ANSWER)
    except (OSError, TimeoutError) as error:
        raise ControlError(f"no daemon runs with --state-dir {state_dir}; is it another folder?") from error
    with contextlib.closing(writer):
        try:
            async with asyncio.timeout(patience):
                writer.write(json.dumps({"command": command, **(more or {})}).encode() + b"\n")
                answer: Answer = json.loads(await reader.readline())
        except (OSError, ValueError, TimeoutError) as error:
            raise NoAnswerError(f"{path}: the daemon did not answer; its log may say why") from error
    return answer


def pack(text: bytes) -> str:
    """A long text for an answer, which has `MAX_ANSWER` bytes at most."""
    return base64.b64encode(zlib.compress(text, 1)).decode()


def unpack(packed: str) -> bytes:
    """That text."""
    return zlib.decompress(base64.b64decode(packed))

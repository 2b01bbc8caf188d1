"""The compiled dialplan, kept in the state folder: a daemon that was killed is back before the YAML would be read.

Owns one file: what `controller.config.load` made, with the digests of all that it was made of. It is used only if every
file and variable still holds the same and the code is the same; else it is as if it were not there, and so losing it
costs half a second. It holds secrets of the dialplan and Python objects, so it is sealed (AES-SIV, RFC 5297) with the
newest seal key of the state folder: what this daemon did not write is not even looked at. Reading and writing block.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from controller import __version__
from controller.files import write_whole
from controller.inputs import Inputs
from controller.keys import FILE as KEY_FILE
from controller.keys import KeyFileError, load_keys
from controller.types import Dialplan

FILE = "compiled.bin"
_PURPOSE = b"callward compiled dialplan"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A dialplan without errors; ``warnings`` are rendered, and may be empty."""

    dialplan: Dialplan
    warnings: str
    inputs: Inputs


def read_compiled(file: Path, state_dir: Path) -> Compiled | None:
    """What the last daemon with this state folder made of this file, if it would come out the same today."""
    if not (state_dir / KEY_FILE).exists():
        return None  # a first start: who asks for it makes the keys
    try:
        stream = io.BytesIO(_cipher(state_dir).decrypt((state_dir / FILE).read_bytes(), [_PURPOSE]))
        made_by, name, inputs = pickle.load(stream)  # noqa: S301  # authenticated: we wrote it
        if (made_by, name) != (_made_by(), str(file.absolute())) or not inputs.are_unchanged():
            return None
        dialplan, warnings = pickle.load(stream)  # noqa: S301
    except (OSError, KeyFileError, InvalidTag, ValueError, TypeError, LookupError, AttributeError, ImportError):
        return None
    except (EOFError, pickle.UnpicklingError):
        return None
    return Compiled(dialplan, warnings, inputs)


def write_compiled(file: Path, state_dir: Path, compiled: Compiled) -> None:
    """Keep it for the next start; whole or not at all. Where that fails, the next start takes longer."""
    stream = io.BytesIO()
    _Pickler(stream).dump((_made_by(), str(file.absolute()), compiled.inputs))
    _Pickler(stream).dump((compiled.dialplan, compiled.warnings))
    with suppress(OSError, KeyFileError):
        sealed = _cipher(state_dir).encrypt(stream.getvalue(), [_PURPOSE])
        write_whole(state_dir / FILE, sealed)


class _Pickler(pickle.Pickler):
    """Knows frozen mappings, which pickle itself does not."""

    dispatch_table: Mapping[type, Any] = {
        **copyreg.dispatch_table,
        MappingProxyType: lambda mapping: (_freeze, (dict(mapping),)),
    }


def _freeze(mapping: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(mapping)  # by a name that pickle can find


def _cipher(state_dir: Path) -> AESSIV:
    keys = load_keys(state_dir)
    return AESSIV(keys.seals[keys.current])


def _made_by() -> tuple[object, ...]:
    """The code that compiles and that is compiled for, presets included, as far as a look at its files can tell."""
    here = Path(__file__).parent
    files = [file for folder in (here, here.parent / "sip") for file in folder.rglob("*.py")]
    files += (here / "config" / "presets").glob("*.yaml")
    stamps = sorted((str(file), (stat := file.stat()).st_mtime_ns, stat.st_size) for file in files)
    return __version__, sys.version, tuple(stamps)

"""Whatever is imported: a dialplan that `check` accepts, or a sentence why not."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config import compile_text, render
from controller.config.layout import format_text
from controller.importers.draft import Draft
from controller.importers.freepbx import import_freepbx
from controller.importers.freeswitch import import_freeswitch
from controller.importers.notes import Notes, UnreadableError
from tests.importers.odd_systems import damage, write_freepbx, write_freeswitch

Write = Callable[[random.Random], bytes]
SYSTEMS = [(write_freeswitch, import_freeswitch, ".xml"), (write_freepbx, import_freepbx, ".json")]


@pytest.mark.parametrize(("write", "read", "ending"), SYSTEMS, ids=["freeswitch", "freepbx"])
@given(seed=st.integers(0, 2**32), damaged=st.booleans())
def test_what_comes_out_is_accepted(
    write: Write,
    read: Callable[[list[Path], Notes], Draft],
    ending: str,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    damaged: bool,
) -> None:
    dice = random.Random(seed)
    path = tmp_path_factory.getbasetemp() / f"any{ending}"
    data = write(dice)
    path.write_bytes(damage(data, dice) if damaged else data)
    notes = Notes()
    try:
        draft = read([path], notes)
    except UnreadableError:
        assert damaged
        return
    assert all(text.isprintable() for _, text in notes.sorted())
    if draft.routes:
        text = draft.write("Made of ${env:HOME}\nversion: 2")
        loaded = compile_text(text, "acme.yaml")
        assert loaded.dialplan is not None, text + render(loaded.diagnostics, loaded.sources)
        assert format_text(text, "acme.yaml") == text
        assert not loaded.inputs.files
        assert not loaded.inputs.variables

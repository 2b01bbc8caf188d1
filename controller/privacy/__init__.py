"""What may not be read by whoever has the disk: sealed fields, blind indexes, their keys.

`load_keyring` reads the keys, `Cipher` seals and opens fields, `BlindIndex` finds a person again without knowing one.
"""

from __future__ import annotations

from controller.privacy.chance import Chance
from controller.privacy.cipher import Cipher, Place, Unsealable
from controller.privacy.index import BlindIndex
from controller.privacy.keyring import Keyring, load_keyring, rotate_keyring

__all__ = [
    "BlindIndex",
    "Chance",
    "Cipher",
    "Keyring",
    "Place",
    "Unsealable",
    "load_keyring",
    "rotate_keyring",
]

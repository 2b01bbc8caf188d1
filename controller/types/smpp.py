"""Settings of an SMPP account, as they are compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class SmppBind(StrEnum):
    """How an account is bound: one connection for both ways, or one for each (SMPP 3.4 §2.2)."""

    TRANSCEIVER = "transceiver"
    SPLIT = "split"


class SmppAlphabet(StrEnum):
    """What data coding 0 means at an SMSC: it is "the default alphabet of the SMSC", and each has its own."""

    GSM7 = "gsm7"  # 3GPP TS 23.038, one septet an octet
    LATIN1 = "latin1"  # ISO 8859-1
    ASCII = "ascii"


class SmppLong(StrEnum):
    """How a text that is too long for one message is sent."""

    UDH = "udh"  # in parts with a header of user data (3GPP TS 23.040 §9.2.3.24.1)
    SAR = "sar"  # in parts with the sar_* parameters (SMPP 3.4 §5.3.2.22)
    PAYLOAD = "payload"  # in message_payload (SMPP 3.4 §5.3.2.32): the SMSC cuts it


class SmppIds(StrEnum):
    """How a receipt writes the id that the answer to submit_sm gave."""

    SAME = "same"
    DECIMAL_OF_HEX = "decimal-of-hex"  # "1A" in the answer, "26" in the receipt
    HEX_OF_DECIMAL = "hex-of-decimal"  # "26" in the answer, "1A" in the receipt


@dataclass(frozen=True, slots=True)
class Smpp:
    """An account at an SMSC. Times are seconds."""

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    bind: SmppBind = SmppBind.TRANSCEIVER
    tls: bool = False
    ca: str = ""  # path of the authorities that are trusted; "": those of the system
    window: int = 20  # so many submits are unanswered at most
    enquire: float = 15.0  # so long nothing is heard, then enquire_link asks
    timeout: float = 10.0  # for an answer; for the connection and its bind as well
    alphabet: SmppAlphabet = SmppAlphabet.GSM7
    long: SmppLong = SmppLong.UDH
    receipt_ids: SmppIds = SmppIds.SAME
    plus: bool = False  # numbers begin with "+"
    service_type: str = ""
    query: float = 0.0  # so long no final receipt came, then query_sm asks; 0: never
    errors: Mapping[str, str] = field(default_factory=dict)  # causes by `err:` of a receipt, as the SMSC numbers them

"""What dialplans of these tests refer to."""

import pytest

SECRETS = {
    "CAROL_PASSWORD": "b7Qm-w2xkR9d",
    "CARRIER_PASSWORD": "Zp4-tLq8",
    "WHATSAPP_TOKEN": "token-1",
    "WHATSAPP_SECRET": "secret-1",
    "SMS_TOKEN": "token-2",
    "OWN_TOKEN": "token-3",
    "OWN_SECRET": "secret-3",
    "SMPP_KEY": "smpp-key",
    "CALLBACK_SECRET": "a-long-enough-secret",
    "STORE": "postgresql://callward@127.0.0.1/callward",
    "GUESSED": "carol1",
}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)

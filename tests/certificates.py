"""Certificates made by the openssl command: authorities, good ones, and each kind of bad one.

Owns a folder of PEM files. Keys are of an elliptic curve unless a test is about keys, since those are made at once.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller import clock

DOMAIN = "trunk.example"
_CONFIG = """
[req]
distinguished_name = name
prompt = no
utf8 = yes
[name]
[ca]
default_ca = office
[office]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
email_in_dn = no
policy = anything
default_md = sha256
x509_extensions = {section}
[anything]
commonName = optional
[{section}]
{extensions}
"""
_AUTHORITY = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash"


@dataclass(frozen=True)
class Pair:
    """A certificate, maybe with those above it in one file, and its key."""

    certificate: Path
    key: Path


class Workshop:
    """Makes certificates in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = datetime.fromtimestamp(clock.epoch(), UTC)
        self.authority = self.make_authority("authority")

    def make_authority(self, name: str, above: Pair | None = None, *, extensions: str = _AUTHORITY) -> Pair:
        """An authority, signed by itself or by another one."""
        return self.make(name, common_name=f"{name} of the tests", above=above or "itself", extensions=extensions)

    def make(
        self,
        name: str,
        san: str | None = f"DNS:{DOMAIN}",
        *,
        common_name: str = DOMAIN,
        days: tuple[float, float] = (-1, 365),
        above: Pair | str | None = None,
        extensions: str = "basicConstraints=CA:false",
        key: tuple[str, ...] = ("EC", "ec_paramgen_curve:P-256"),
        digest: str = "sha256",
        shown: Path | None = None,
    ) -> Pair:
        """A certificate, valid from ``days`` from now to others; ``shown`` is sent along with it."""
        folder = self.folder
        certificate, private, request = (folder / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        if san is not None and "CA:true" not in extensions:
            extensions += f"\nsubjectAltName={san}"
        config = folder / f"{name}.cnf"
        config.write_text(_CONFIG.format(folder=folder, section="ext", extensions=extensions))
        (folder / "index.txt").touch()
        _openssl(
            "req", "-new", "-newkey", key[0].lower(), *(("-pkeyopt", key[1]) if len(key) > 1 else ()), "-nodes", "-config",
            config, "-subj", f"/CN={common_name}" if common_name else "/", "-keyout", private, "-out", request,
        )  # fmt: skip
        above = self.authority if above is None else above
        issuer = (
            ("-selfsign", "-keyfile", private)
            if isinstance(above, str)
            else ("-cert", above.certificate, "-keyfile", above.key)
        )
        start, end = (f"{self.now + timedelta(days=each):%Y%m%d%H%M%SZ}" for each in days)
        _openssl(
            "ca", "-batch", "-notext", "-config", config, "-md", digest, "-startdate", start, "-enddate", end, *issuer,
            "-in", request, "-out", certificate,
        )  # fmt: skip
        if shown is not None:
            certificate.write_text(certificate.read_text() + shown.read_text())
        return Pair(certificate, private)


def _openssl(*args: object) -> None:
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"openssl {' '.join(map(str, args))}\n{done.stderr}"

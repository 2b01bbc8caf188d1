"""Certificates: which files a listener shows, whom a trunk has to be, and whether those files are what they should be.

Owns the keys `tls`, `certificate`, `key`, `ca` and `verify`. The files are read and checked here, when the dialplan is
loaded: later only their names are known (`controller.secure` makes contexts of them, at the start and for a reload).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from controller import clock
from controller.config.diagnostics import Mistake, quoted
from controller.config.model import ListenModel, TrunkModel
from controller.config.places import Places
from controller.config.source import MapNode, Node
from controller.config.tls_keys import TlsModel
from controller.config.validate import Loc, describe
from controller.expiry import days_left, show_day, warning_level
from controller.types import ListenTls, TrunkTls

if TYPE_CHECKING:
    from cryptography import x509

    from sip.certificate import Certificate

MAX_BYTES = 1 << 20  # a file of all authorities of a system has a quarter of that
_KEYS = ("certificate", "key", "ca", "verify")
_PAIR_HINT = "add certificate: FILE and key: FILE to it, or to a section 'tls' that is for all"


@dataclass(slots=True)
class Certificates(Places):
    """The TLS keys of a file."""

    _checked: dict[str, bool] = field(default_factory=dict)  # files about which all is said
    _shown: dict[str, Certificate] = field(default_factory=dict)  # what is in those that can be used

    def listener(self, index: int, model: ListenModel) -> ListenTls | None:
        """What a TLS listener shows and demands; None and a finding where it has nothing to show."""
        loc: Loc = ("listen", index)
        common = self.file.tls or TlsModel()
        own = model.certificate is not None or model.key is not None
        pair = self._pair(loc, model) if own else self._pair(("tls",), common)
        if pair is None:
            node = self.map_at(*loc)
            if not own and (self.file.tls is None or not self.map_at("tls").lost) and not node.lost:
                message = f"{describe(self.root, loc)} has no certificate to show"
                self.report.error(node.keys["tls"], "MISSING_KEY", message, _PAIR_HINT)
            return None
        ca = self.trust((*loc, "ca"), model.ca) if model.ca is not None else self.trust(("tls", "ca"), common.ca)
        clients = (model.verify or common.verify) == "clients"
        shown = self._shown.get(pair[0])
        names, until = (tuple(sorted(shown.names)), shown.not_after) if shown is not None else ((), 0.0)
        return ListenTls(*pair, ca, clients=clients, names=names, until=until)

    def refuse_elsewhere(self, index: int) -> None:
        """These keys mean nothing where no TLS is spoken, and whoever wrote them thinks that it is."""
        node = self.map_at("listen", index)
        for key in _KEYS:
            if key in node.keys:
                message = f"{quoted(key)} is for TLS, and {describe(self.root, ('listen', index))} speaks none"
                self.report.error(node.keys[key], "NOT_TLS", message, 'add tls: "IP:PORT" there, or remove it')

    def common(self) -> ListenTls | None:
        """Who we are, for listeners that do not say it themselves and for trunks that ask us."""
        model = self.file.tls
        if model is None:
            return None
        pair = self._pair(("tls",), model) if model.certificate or model.key else ("", "")
        ca = self.trust(("tls", "ca"), model.ca)
        return ListenTls(*(pair or ("", "")), ca, clients=model.verify == "clients")

    def trunk(self, name: str, model: TrunkModel) -> TrunkTls | None:
        """Whom a trunk has to be; None where it is not reached over TLS."""
        written = model.tls
        if model.uri.transport != "tls":
            if written is not None and "uri" in model.model_fields_set:
                message = f"'tls' is for TLS, and trunk {quoted(name)} is not reached over it"
                hint = "write its uri as sips:HOST or sip:HOST;transport=tls, or remove 'tls'"
                self.report.error(self.map_at("trunks", name).keys["tls"], "NOT_TLS", message, hint)
            return None
        if written is None:
            return TrunkTls(ca=self._common_ca())
        own = self.trust(("trunks", name, "tls", "ca"), written.ca)
        if not written.verify:
            message = f"nobody knows who trunk {quoted(name)} is: its certificate is not checked"
            hint = "write its authorities as ca, or the name in its certificate as name, and remove verify"
            self.report.warning(self.at("trunks", name, "tls", "verify"), "NOT_VERIFIED", message, hint)
        return TrunkTls(written.name or "", own or self._common_ca(), verify=written.verify)

    def _common_ca(self) -> str:
        return self.trust(("tls", "ca"), self.file.tls.ca) if self.file.tls is not None else ""

    # ----------------------------------------------------------------- files

    def _pair(self, loc: Loc, model: ListenModel | TlsModel) -> tuple[str, str] | None:
        """A certificate and its key; None and a finding unless both are there."""
        node = self.at(*loc)
        if not isinstance(node, MapNode):
            return None
        if model.certificate is None or model.key is None:
            written, missing = ("key", "certificate") if model.certificate is None else ("certificate", "key")
            if getattr(model, written) is not None and missing not in node.lost:
                message = f"{quoted(written)} without {quoted(missing)} in {describe(self.root, loc)}"
                self.report.error(node.keys[written], "MISSING_KEY", message, f"add {missing}: FILE")
            return None
        certificate = self._path(self.at(*loc, "certificate"), model.certificate)
        key = self._path(self.at(*loc, "key"), model.key)
        if self._once(f"{certificate}\n{key}"):
            self._check_pair(self.at(*loc, "certificate"), certificate, self.at(*loc, "key"), key)
        return str(certificate.absolute()), str(key.absolute())

    def trust(self, loc: Loc, written: str | None) -> str:
        """The path of a file of authorities, "" for those of the system."""
        if written is None:
            return ""
        node = self.at(*loc)
        path = self._path(node, written)
        if self._once(str(path)):
            try:
                _read_certificates(self._read(path), path)
            except Mistake as mistake:
                self.report.error(node, mistake.code, mistake.message, mistake.hint)
        return str(path.absolute())

    def _check_pair(self, at: Node, certificate: Path, key_at: Node, key: Path) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding

        found = None
        try:
            found = _read_certificates(self._read(certificate), certificate)[0]
        except Mistake as mistake:
            self.report.error(at, mistake.code, mistake.message, mistake.hint)
        try:
            is_its = _has_key(found, self._read(key), key)
        except Mistake as mistake:
            self.report.error(key_at, mistake.code, mistake.message, mistake.hint)
            return
        if found is None:
            return
        if not is_its:
            message = f"the key in {quoted(str(key))} is not that of the certificate in {quoted(str(certificate))}"
            self.report.error(key_at, "BAD_KEY_FILE", message, "name the key that the certificate was made for")
            return
        self._check_use(at, found.public_bytes(Encoding.DER), certificate, key)

    def _check_use(self, at: Node, found: bytes, certificate: Path, key: Path) -> None:
        from sip.certificate import CertificateError, read_certificate
        from sip.tls import describe_error, server_context

        try:
            server_context(str(certificate), str(key))
            shown = read_certificate(found)
        except (OSError, ValueError, CertificateError) as error:
            why = str(error) if isinstance(error, CertificateError) else describe_error(error)
            why = why.replace("its certificate ", "it ", 1)
            message = f"the certificate in {quoted(str(certificate))} cannot be used: {why}"
            self.report.error(at, "BAD_CERTIFICATE", message, "make a new one: RSA of 2048 bits or more, or P-256")
            return
        self._shown[str(certificate.absolute())] = shown
        name, now = quoted(str(certificate)), clock.epoch()
        if now < shown.not_before:
            message = f"the certificate in {name} is not valid before {show_day(shown.not_before)}"
            self.report.warning(at, "NOT_YET_VALID", message, "peers refuse it until then")
        elif now >= shown.not_after:
            message = f"the certificate in {name} expired on {show_day(shown.not_after)}"
            self.report.warning(at, "EXPIRED", message, "renew it and reload: peers refuse it")
        elif warning_level(shown.not_after, now) is not None:
            left = days_left(shown.not_after, now)
            message = f"the certificate in {name} expires on {show_day(shown.not_after)}, in {left}"
            self.report.warning(at, "EXPIRES", message, "renew it and reload")
        if not shown.names:
            message = f"the certificate in {name} names nobody that a SIP peer would look for"
            hint = "make one with the domain by which peers reach us in its subjectAltName"
            self.report.warning(at, "NO_NAME", message, hint)

    def _once(self, what: str) -> bool:
        """Whether this is asked for the first time: a file that is used often is wrong once."""
        return not self._checked.setdefault(what, False) and not self._checked.update({what: True})

    def _path(self, node: Node, written: str) -> Path:
        return Path(node.file or self.report.file).parent / written

    def _read(self, path: Path) -> bytes:
        name = quoted(str(path))
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            message = f"cannot read {name}: {(error.strerror or str(error)).lower()}"
            raise Mistake("CANNOT_READ", message, "check the path and its permissions") from None
        except ValueError:  # a NUL in the name
            raise Mistake("CANNOT_READ", f"cannot read {name}: no such name", "check the path") from None
        self.report.inputs.note_file(path, data)
        if len(data) > MAX_BYTES:
            raise Mistake("TOO_LARGE", f"{name} is larger than {MAX_BYTES >> 20} MiB", "is this the right file?")
        return data


def _read_certificates(data: bytes, path: Path) -> list[x509.Certificate]:
    from cryptography import x509

    try:
        with warnings.catch_warnings():  # of what later versions of the library will refuse
            warnings.simplefilter("ignore")
            found = x509.load_pem_x509_certificates(data)
    except (ValueError, x509.InvalidVersion):
        found = []
    if not found:
        hint = "it has to be PEM: -----BEGIN CERTIFICATE-----"
        raise Mistake("BAD_CERTIFICATE", f"there is no certificate in {quoted(str(path))}", hint)
    return found


def _has_key(certificate: x509.Certificate | None, data: bytes, path: Path) -> bool:
    """Whether a file holds the private key of a certificate; that it holds one at all is proved without."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    name = quoted(str(path))
    try:
        key = load_pem_private_key(data, None)
    except TypeError:
        hint = "nobody is there to type it: write the key without one, readable by this user only"
        raise Mistake("BAD_KEY_FILE", f"the key in {name} is locked with a password", hint) from None
    except (ValueError, UnsupportedAlgorithm):
        hint = "it has to be PEM: -----BEGIN PRIVATE KEY-----"
        raise Mistake("BAD_KEY_FILE", f"there is no private key in {name}", hint) from None
    return certificate is None or key.public_key() == certificate.public_key()

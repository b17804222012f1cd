"""A test CI from the folder that `ca.init` wrote: what makes new eUICCs in any process."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from lineaviva.carrier.smdp import ca, crypto
from lineaviva.carrier.smdp.certs import Signer, read_certificate


def authority(folder: Path) -> ca.Authority:
    """`folder` is that of one CI, such as certs/nist."""
    return ca.Authority(_signer(folder / "ci"), _signer(folder / "eum"))


def _signer(path: Path) -> Signer:
    from cryptography.hazmat.primitives.serialization import Encoding

    der = load_pem_x509_certificate(path.with_suffix(".pem").read_bytes()).public_bytes(Encoding.DER)
    key = load_pem_private_key(path.with_suffix(".key").read_bytes(), password=None)
    assert isinstance(key, crypto.PrivateKey)
    return Signer(read_certificate(der), key)

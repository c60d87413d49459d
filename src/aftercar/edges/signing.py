"""Ed25519 keys in files, and signatures with them: a person's private key under a passphrase, the public key beside it.

A public key file has one line: the key in base64, a space, the printed name of its owner. Several such lines in one file are
the signers that somebody trusts.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aftercar.edges.files import existing_file, write_bytes, write_text
from aftercar.errors import InputError, MissingEngine, UsageError

PUBLIC = ".pub"
SHORTEST_PASSPHRASE = 12


class BadKey(InputError):
    """A key file that cannot be used, or a wrong passphrase."""

    code = "bad-signing-key"


def new_key(path: Path, name: str, passphrase: str) -> str:
    """Write a new private key under a passphrase, and its public key with the owner's name beside it; returns the latter.

    Raises:
        UsageError: when a file would be overwritten, the name is empty or the passphrase is too short.
        MissingEngine: when the library cryptography is not installed.
    """
    ed25519, serialization = _library()
    if path.exists() or path.with_name(path.name + PUBLIC).exists():
        raise UsageError(f"{path} exists", fix="name a new file; a key is never overwritten")
    if not name.strip() or not name.isprintable():
        raise UsageError("a key needs the printed name of its owner", fix="--by NAME")
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise UsageError(f"the passphrase is shorter than {SHORTEST_PASSPHRASE} characters", fix="take some words")
    key = ed25519.Ed25519PrivateKey.generate()
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    line = f"{_public(key)} {name.strip()}"
    write_bytes(path, locked)
    path.chmod(0o600)
    write_text(path.with_name(path.name + PUBLIC), line + "\n")
    return line


class SigningKey:
    """A private key that was opened.

    Attributes:
        name: printed name of the owner.
        public: public key, base64.
    """

    def __init__(self, path: Path, passphrase: str) -> None:
        """Open a key file.

        Raises:
            BadKey: when the file is no such key, the passphrase is wrong, or the public key beside it is another one.
        """
        ed25519, serialization = _library()
        try:
            key = serialization.load_pem_private_key(existing_file(path).read_bytes(), passphrase.encode())
        except (ValueError, TypeError):
            raise BadKey("no key, or a wrong passphrase", where=str(path), fix="make one with: aftercar report key") from None
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise BadKey("not an Ed25519 key", where=str(path), fix="make one with: aftercar report key")
        self._key, self.public = key, _public(key)
        beside = path.with_name(path.name + PUBLIC)
        owners = dict(read_signers(beside))
        if self.public not in owners:
            raise BadKey("the public key beside it belongs to another key", where=str(beside), fix="put the right one there")
        self.name = owners[self.public]

    def sign(self, statement: bytes) -> str:
        """The signature, base64."""
        return base64.b64encode(self._key.sign(statement)).decode()


def is_signed(public: str, value: str, statement: bytes) -> bool:
    """Whether ``value`` is the signature of ``statement`` by this public key (both base64)."""
    ed25519, _ = _library()
    from cryptography.exceptions import InvalidSignature

    try:
        ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(public)).verify(base64.b64decode(value), statement)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def read_signers(path: Path) -> Iterator[tuple[str, str]]:
    """Public key and name of each line of a file.

    Raises:
        BadKey: naming the line that is no public key.
    """
    for number, line in enumerate(existing_file(path).read_text(encoding="utf-8").splitlines(), 1):
        key, _, name = line.strip().partition(" ")
        if not key or key.startswith("#"):
            continue
        try:
            is_key = len(base64.b64decode(key, validate=True)) == 32
        except binascii.Error:
            is_key = False
        if not is_key or not name:
            raise BadKey("not a public key and a name", where=f"{path}, line {number}", fix="copy the line of a .pub file")
        yield key, name


def _public(key: Any) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _library() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise MissingEngine("signatures need the library cryptography", fix="pip install 'aftercar[documents]'") from None
    return ed25519, serialization

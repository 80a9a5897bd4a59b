"""RSA keys for others to log in with. Making one takes some 50 ms of CPU, so it belongs in a thread: OpenSSL lets go of
the interpreter meanwhile (measured: the loop is never held for more than 3 ms)."""

from __future__ import annotations

import hashlib

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_BITS = 2048


class RsaKey(msgspec.Struct, frozen=True, kw_only=True):
    """`private` is PEM as OpenSSL and ssh read it; `public` is a line of authorized_keys."""

    private: str
    public: str


def new_rsa_key() -> RsaKey:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return RsaKey(private=private.decode(), public=public.decode())


def fingerprint(public: str) -> str:
    """MD5 of an RSA key of authorized_keys, in the form `89:f0:ba:...`. ValueError when the text is no such key."""
    try:
        key = serialization.load_ssh_public_key(public.encode())
    except (UnsupportedAlgorithm, UnicodeError):
        raise ValueError("not a key that can be read") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("not an RSA key")
    body = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))

"""How the messenger's open platform encrypts what it pushes, and signs it. Pure; source: public documentation.

A message is `16 random bytes || its length in 4 bytes || message || owner`, padded to blocks of 32 bytes and encrypted
by AES-256-CBC, the first half of the key being the vector.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

AES_KEY_CHARACTERS: Final = 43
NOISE_BYTES: Final = 16
_BLOCK_BYTES: Final = 32


class Decrypted(NamedTuple):
    """`owner`: the corp id or the appKey that it is for."""

    message: str
    owner: str


def key_of(aes_key: str) -> bytes:
    """The 32 bytes that the 43 characters stand for. ValueError for any other text."""
    if len(aes_key) != AES_KEY_CHARACTERS or not aes_key.isascii() or not aes_key.isalnum():
        raise ValueError(f"an AES key is {AES_KEY_CHARACTERS} letters and digits")
    return base64.b64decode(aes_key + "=")


def encrypt(message: str, owner: str, aes_key: str, noise: bytes) -> str:
    """As base64. `noise`: 16 bytes that nobody foresees."""
    key = key_of(aes_key)
    said = message.encode()
    plain = noise[:NOISE_BYTES] + len(said).to_bytes(4, "big") + said + owner.encode()
    padding = _BLOCK_BYTES - len(plain) % _BLOCK_BYTES
    encryptor = _cipher(key).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()).decode()


def decrypt(text: str, aes_key: str) -> Decrypted:
    """Of base64, line breaks in it or not. ValueError for what was not encrypted with that key."""
    key = key_of(aes_key)
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not base64") from None
    if not raw or len(raw) % 16:
        raise ValueError("it is not whole blocks")
    decryptor = _cipher(key).decryptor()
    plain = decryptor.update(raw) + decryptor.finalize()
    # Official samples pad by characters where they should by bytes, so only the last byte is relied on.
    plain = plain[: -plain[-1]] if 1 <= plain[-1] <= _BLOCK_BYTES else b""
    size_bytes = int.from_bytes(plain[NOISE_BYTES : NOISE_BYTES + 4], "big")
    said, owner = plain[NOISE_BYTES + 4 :][:size_bytes], plain[NOISE_BYTES + 4 + size_bytes :]
    if len(plain) < NOISE_BYTES + 4 or len(said) != size_bytes:
        raise ValueError("it was encrypted with another key")
    try:
        return Decrypted(said.decode(), owner.decode())
    except UnicodeDecodeError:
        raise ValueError("it was encrypted with another key") from None


def signature(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """Of a push and of its answer. All four are texts as they are sent."""
    joined = "".join(sorted((token, timestamp, nonce, encrypted)))
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


def robot_signature(secret: str, timestamp: str) -> str:
    """Of messages to a robot, by its application's secret, and of those of a custom robot, by its own; `sign` before
    it is percent-encoded."""
    return _signed(secret, f"{timestamp}\n{secret}")


def card_signature(api_secret: str, timestamp: str) -> str:
    """What a card's developer finds in the header `x-ddpaas-signature` of a callback."""
    return _signed(api_secret, timestamp)


def _signed(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256)).decode()


def _cipher(key: bytes) -> Cipher[CBC]:
    # Importing it takes some 30 ms, and most clouds push nothing.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))

"""Encryption and signatures of what the messenger pushes, against vectors of the reference and by round trips."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kowloon.wire.dingtalk_crypto import card_signature, decrypt, encrypt, key_of, robot_signature, signature

TOKEN, NONCE, TIMESTAMP, OWNER = "tok_demo_1", "Nonce001", "1760000000", "dingdemoappkey0001"
AES_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
NOISE = b"0123456789abcdef"


@pytest.mark.parametrize(
    ("message", "encrypted", "signed"),
    [
        (
            '{"EventType":"check_url"}',
            "4j/AuRx71kQlxVlzbpsMWN8XtjwRdOcH+n7e3hsaZgEMcwZUcfF7dIDeZ037cZxfJVCHYwQfTUal3D1/BEDsHg==",
            "94fc7e1b6b66728d29439df4d408209b7c89bb29",
        ),
        (
            "success",
            "4j/AuRx71kQlxVlzbpsMWIIz1qjlm0qeI/IFy1sOKjkgQpNlaW8jVqxvadOCSlUONByJJ8zkrhUkawRd625jNw==",
            "89ea0417ac6cb128626c5aa2f54849bd7f735156",
        ),
    ],
)
def test_vectors(message: str, encrypted: str, signed: str) -> None:
    assert encrypt(message, OWNER, AES_KEY, NOISE) == encrypted
    assert signature(TOKEN, TIMESTAMP, NONCE, encrypted) == signed
    assert decrypt(encrypted, AES_KEY) == (message, OWNER)
    with_breaks = "\n".join([encrypted[:40], encrypted[40:], ""])
    assert decrypt(with_breaks, AES_KEY) == (message, OWNER)


def test_the_published_vector() -> None:
    encrypted = (
        "0vJiX6vliEpwG3U45CtXqi+m8PXbQRARJ8p8BbDuD1EMTDf0jKpQ79QS93qEk7XHpP6u+oTTrd15NRPvNvmBKyDCYxxOK+HZeKju4yhELOFc"
        "hzNukR+t8SB/qk4ROMu3"
    )
    assert signature("mryue", "1608001896814", "WL4PK6yA", encrypted) == "03044561471240d4a14bb09372dfcfd4fd0e40cb"
    key = "Yue0EfdN5900c1ce5cf6A152c63DDe1808a60c5ecd7"
    assert decrypt(encrypted, key) == ('{"EventType":"check_url"}', "ding6ccabc44d2c8d38b")


def test_signatures_of_robots_and_cards() -> None:
    assert robot_signature("appSecret_demo_1", "1760000000000") == "hD3clUIvAFNWCHXa1yg3z/cmZtCCO5QDHQcDPAk1HKY="
    assert card_signature("cardApiSecret_demo", "1760000000000") == "y2TmHpT2Oy1SOeWEeEQPabRyqFIe50nTz3LAJzEOZwE="


@given(
    st.text(max_size=300),
    st.text(string.ascii_letters + string.digits, max_size=40),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
)
def test_what_is_encrypted_comes_back(message: str, owner: str, key: bytes, noise: bytes) -> None:
    message = message.encode("utf-8", "replace").decode()
    aes_key = base64.b64encode(key).decode().rstrip("=").replace("+", "a").replace("/", "b")
    encrypted = encrypt(message, owner, aes_key, noise)
    assert decrypt(encrypted, aes_key) == (message, owner)
    assert len(base64.b64decode(encrypted)) % 32 == 0


@given(st.text(max_size=200))
def test_what_is_something_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        decrypt(text, AES_KEY)


def test_another_key() -> None:
    encrypted = encrypt("success", OWNER, AES_KEY, NOISE)
    with pytest.raises(ValueError):
        decrypt(encrypted, AES_KEY[1:] + "8")


@pytest.mark.parametrize("key", ["", "a" * 42, "a" * 44, "a" * 42 + "+", "a" * 42 + "é"])
def test_keys_that_are_none(key: str) -> None:
    with pytest.raises(ValueError, match="43 letters and digits"):
        key_of(key)

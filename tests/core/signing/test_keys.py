"""Keys: made so that nobody else can read them, found by name or file, or refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from ticket_hub import home
from ticket_hub.errors import SignatureError
from ticket_hub.signing.keys import PrivateKey, PublicKey, find_key, keygen, own_keys
from ticket_hub.signing.trust import find_signers, remove_trusted, trust_key, trusted_keys


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_nobody_else_may_read_a_private_key() -> None:
    before = os.umask(0)  # the most careless user
    try:
        public = keygen("ann")
    finally:
        os.umask(before)
    private = public.with_suffix(".pem")
    assert (private.stat().st_mode & 0o777, private.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    private.chmod(0o640)
    with pytest.raises(SignatureError, match="Others may read") as refused:
        find_key("ann")
    assert "chmod 600" in refused.value.remedy


def test_a_key_is_never_replaced() -> None:
    first = keygen("ann").read_bytes()
    with pytest.raises(SignatureError, match="already"):
        keygen("ann")
    assert (home.keys_folder() / "ann.pub").read_bytes() == first


@pytest.mark.parametrize("name", ["", ".ann", "a/b", "../ann", "a" * 65, "ann\n", "ä"])
def test_a_name_that_could_lead_elsewhere_is_none(name: str) -> None:
    with pytest.raises(SignatureError, match="cannot be the name"):
        keygen(name)
    with pytest.raises(SignatureError, match="cannot be the name"):
        trust_key(name, Path("ann.pub"))


def test_without_a_name_the_only_key_signs_or_the_default_one() -> None:
    with pytest.raises(SignatureError, match="keygen"):
        find_key()
    keygen("ann")
    assert find_key().public.id == own_keys()["ann"].id
    keygen("lab")
    with pytest.raises(SignatureError, match="'default'"):
        find_key()
    keygen()
    assert find_key().public.id == own_keys()["default"].id


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_key_of_another_tool_signs_on_its_curve(curve: ec.EllipticCurve, tmp_path: Path) -> None:
    made = ec.generate_private_key(curve)
    path = tmp_path / "key.pem"
    path.touch(0o600)
    path.write_bytes(
        made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    key = find_key(str(path))
    assert key.public.holds(b"text", key.sign(b"text"))
    assert not key.public.holds(b"another", key.sign(b"text"))
    assert not key.public.holds(b"text", b"")


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    other = ed25519.Ed25519PrivateKey.generate()
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(SignatureError, match="another kind"):
        PrivateKey(pem)
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(SignatureError, match="another kind"):
        PublicKey(public)
    koblitz = ec.generate_private_key(ec.SECP256K1())
    with pytest.raises(SignatureError, match="another kind"):
        PrivateKey(koblitz.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for junk in (b"", b"\xff\xfe", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(SignatureError, match="no public key"):
            PublicKey(junk)
        with pytest.raises(SignatureError, match="no private key"):
            PrivateKey(junk)
    secret = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")
    )
    with pytest.raises(SignatureError, match="password"):
        PrivateKey(secret)


def test_whom_a_user_trusts(tmp_path: Path) -> None:
    ann, eve = tmp_path / "ann.pub", tmp_path / "eve.pub"
    ann.write_bytes(keygen("one").read_bytes())
    eve.write_bytes(keygen("two").read_bytes())
    key = trust_key("ann", ann)
    assert trust_key("ann", ann).id == key.id  # again is harmless
    with pytest.raises(SignatureError, match="Another key"):
        trust_key("ann", eve)
    assert {name: each.id for name, each in trusted_keys().items()} == {"ann": key.id}
    assert find_signers("ann")["ann"].id == find_signers(str(ann))["ann"].id == key.id
    remove_trusted("ann")
    assert trusted_keys() == {}
    for missing in (lambda: remove_trusted("ann"), lambda: find_signers("ann")):
        with pytest.raises(SignatureError):
            missing()
    big = tmp_path / "big.pub"
    big.write_bytes(b"x" * 20_000)
    with pytest.raises(SignatureError, match="16 KiB"):
        trust_key("big", big)

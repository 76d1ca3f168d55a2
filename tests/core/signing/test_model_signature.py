"""A bundle's signature: it covers every byte that is listed, and holds for its signer alone."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ticket_hub.bundle import layout, open_bundle, verify_bundle, write_bundle
from ticket_hub.bundle.contents import content_of
from ticket_hub.errors import BundleError, BundleFormatError, SignatureError
from ticket_hub.hub.cache import Cache
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.pull import pull
from ticket_hub.hub.push import push
from ticket_hub.signing.envelope import seal
from ticket_hub.signing.keys import PrivateKey, find_key, keygen
from ticket_hub.signing.model_signature import check_signature, write_signature
from ticket_hub.transfer.sharing import push_bundle, sign_bundle

REPO = "ann/digits"


def check(bundle: Path, key: PrivateKey, *, partial: bool = False) -> str:
    found = check_signature(bundle, {"ann": key.public}, partial=partial)
    return found.signer if found else "nobody"


def test_a_signed_bundle_is_whole_and_its_signer_is_known(bundle: Path, key: PrivateKey) -> None:
    assert check(bundle, key) == "nobody"
    assert sign_bundle(bundle, key="ann").key_id == key.public.id
    assert verify_bundle(bundle).holds
    assert check(bundle, key) == "ann"
    found = check_signature(bundle, {})
    assert found is not None
    assert (found.signer, found.key_id) == ("", key.public.id)
    assert key.public.id[:16] in (bundle / layout.CARD).read_text("utf-8")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_every_signed_file_counts(bundle: Path, key: PrivateKey) -> None:
    sign_bundle(bundle, key="ann")
    names = [layout.MANIFEST, *open_bundle(bundle).manifest.files]
    assert len(names) > 20
    for name in names:
        whole = (bundle / name).read_bytes()
        flip(bundle / name)
        if name == layout.CARD:  # which its owner may edit
            assert check(bundle, key) == "ann"
        else:
            with pytest.raises((SignatureError, BundleError)):
                check(bundle, key)
        (bundle / name).unlink()
        if name != layout.CARD:
            with pytest.raises((SignatureError, BundleError)):
                check(bundle, key)
        (bundle / name).write_bytes(whole)
    assert check(bundle, key) == "ann"


def test_of_a_part_what_is_here_is_checked(bundle: Path, key: PrivateKey) -> None:
    sign_bundle(bundle, key="ann")
    (bundle / "masks/0/1.safetensors").unlink()
    with pytest.raises(SignatureError, match="masks/0/1"):
        check(bundle, key)
    assert check(bundle, key, partial=True) == "ann"
    flip(bundle / "masks/0/2.safetensors")
    with pytest.raises(SignatureError, match="masks/0/2"):
        check(bundle, key, partial=True)


def test_the_signature_of_another_bundle_is_refused(
    bundle: Path, key: PrivateKey, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(bundle, tmp_path / "other"))
    write_bundle(other, content_of(open_bundle(other)), theta0="survivors")
    sign_bundle(other, key="ann")
    shutil.copy(other / layout.SIGNATURE, bundle / layout.SIGNATURE)
    with pytest.raises(SignatureError):
        check(bundle, key)


def test_a_claim_to_be_another_is_refused(bundle: Path, key: PrivateKey) -> None:
    """Eve signs with her key, and writes that it was Ann's."""
    keygen("eve")
    sign_bundle(bundle, key="eve")
    text = (bundle / layout.SIGNATURE).read_text("utf-8")
    assert check(bundle, key) == ""  # her own name would be shown to those who trust her
    forged = text.replace(find_key("eve").public.id, key.public.id)
    (bundle / layout.SIGNATURE).write_text(forged, "utf-8")
    with pytest.raises(SignatureError, match="not of the key"):
        check(bundle, key)


Edit = Callable[[dict[str, Any]], object]
EDITS: dict[str, Edit] = {
    "a file too few": lambda s: s["predicate"]["resources"].pop(),
    "a file too many": lambda s: s["predicate"]["resources"].append(
        {"name": "more", "algorithm": "sha256", "digest": "0" * 64}
    ),
    "no files": lambda s: s["predicate"]["resources"].clear(),
    "a file twice": lambda s: s["predicate"]["resources"].append(s["predicate"]["resources"][0]),
    "another digest of all": lambda s: s["subject"][0]["digest"].update(sha256="0" * 64),
    "another hash": lambda s: s["predicate"]["resources"][0].update(algorithm="md5"),
    "in shards": lambda s: s["predicate"]["serialization"].update(method="shards"),
    "another kind": lambda s: s.update(predicateType="https://slsa.dev/provenance/v1"),
    "no statement": lambda s: s.update(_type="x"),
    "no subject": lambda s: s.update(subject=[]),
    "no predicate": lambda s: s.pop("predicate"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_statement_that_is_signed_and_wrong_is_refused(
    bundle: Path, key: PrivateKey, edit: Edit
) -> None:
    write_signature(bundle, key)
    statement = payload_of(bundle)
    edit(statement)
    (bundle / layout.SIGNATURE).write_bytes(seal(statement, key))
    with pytest.raises(SignatureError):
        check(bundle, key)
    with pytest.raises(SignatureError):
        check_signature(bundle, {})  # nobody need know the key to see that it is wrong


def payload_of(bundle: Path) -> dict[str, Any]:
    table = json.loads((bundle / layout.SIGNATURE).read_bytes())
    found: dict[str, Any] = json.loads(base64.b64decode(table["dsseEnvelope"]["payload"]))
    return found


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"mediaType": 1}', b" " * (5 << 20)],
    ids=["empty", "no keys", "list", "null", "no text", "deep", "media type", "large"],
)
def test_a_file_that_is_no_signature_is_refused(bundle: Path, key: PrivateKey, data: bytes) -> None:
    (bundle / layout.SIGNATURE).write_bytes(data)
    with pytest.raises(SignatureError):
        check(bundle, key)


def test_a_link_is_no_signature(bundle: Path, key: PrivateKey, tmp_path: Path) -> None:
    sign_bundle(bundle, key="ann")
    (bundle / layout.SIGNATURE).rename(tmp_path / "elsewhere")
    (bundle / layout.SIGNATURE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SignatureError):
        check(bundle, key)


def test_a_bundle_that_changes_loses_its_signature(bundle: Path, key: PrivateKey) -> None:
    sign_bundle(bundle, key="ann")
    content = content_of(open_bundle(bundle))
    write_bundle(bundle, content, theta0="survivors")
    assert check(bundle, key) == "nobody"
    assert "model.sig" not in (bundle / layout.CARD).read_text("utf-8")


def test_an_unsound_bundle_is_not_signed(bundle: Path, key: PrivateKey) -> None:
    flip(bundle / "theta0/0.safetensors")
    with pytest.raises(BundleFormatError, match="not signed"):
        sign_bundle(bundle, key="ann")
    assert not (bundle / layout.SIGNATURE).exists()


def test_a_signature_goes_with_push_and_pull(bundle: Path, key: PrivateKey, tmp_path: Path) -> None:
    hub, cache = FolderHub(tmp_path / "hub"), Cache(tmp_path / "cache")
    push_bundle(bundle, REPO, hub=hub.root, sign=True, key="ann")
    assert REPO in (bundle / layout.CARD).read_text("utf-8")
    folder = pull(hub, REPO, level=2, cache=cache).folder
    assert check(folder, key, partial=True) == "ann"
    with pytest.raises(BundleError, match="was pulled"):
        sign_bundle(folder, key="ann")
    # What is pushed unsigned has no signature on the hub any more.
    content = content_of(open_bundle(bundle))
    write_bundle(bundle, content, theta0="survivors")
    push(hub, bundle, REPO)
    assert all(file.path != layout.SIGNATURE for file in hub.snapshot(REPO).files)
    assert check(pull(hub, REPO, level=2, cache=cache).folder, key) == "nobody"


def test_a_signed_bundle_is_shared_as_it_was_signed(
    bundle: Path, key: PrivateKey, tmp_path: Path
) -> None:
    sign_bundle(bundle, key="ann")
    with pytest.warns(UserWarning, match="does not name ann/digits"):
        push_bundle(bundle, REPO, hub=tmp_path / "hub")
    assert check(bundle, key) == "ann"
    with pytest.raises(BundleError, match="cost the signature"):
        push_bundle(bundle, REPO, hub=tmp_path / "hub", license="mit")


def test_a_push_sends_no_signature_of_other_bytes(
    bundle: Path, key: PrivateKey, tmp_path: Path
) -> None:
    sign_bundle(bundle, key="ann")
    signature = (bundle / layout.SIGNATURE).read_bytes()
    write_bundle(bundle, content_of(open_bundle(bundle)), theta0="survivors")
    (bundle / layout.SIGNATURE).write_bytes(signature)
    with pytest.raises(SignatureError):
        push(FolderHub(tmp_path / "hub"), bundle, REPO)


def test_nothing_of_it_asks_a_network(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object, **_options: object) -> None:
        raise AssertionError("a socket was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    keygen("ann")
    key = find_key("ann")
    sign_bundle(bundle, key="ann")
    assert check(bundle, key) == "ann"


def test_the_model_signing_package_accepts_what_we_sign_and_we_what_it_signs(
    bundle: Path, key: PrivateKey, tmp_path: Path
) -> None:
    """OpenSSF's own package, both ways, and what each refuses."""
    package = pytest.importorskip("model_signing")
    from ticket_hub import home

    public, private = (home.keys_folder() / f"ann.{kind}" for kind in ("pub", "pem"))
    sign_bundle(bundle, key="ann")

    def accepts() -> None:
        config = package.verifying.Config().use_elliptic_key_verifier(public_key=public)
        config.verify(bundle, bundle / layout.SIGNATURE)

    accepts()
    (bundle / layout.CARD).write_text("edited", "utf-8")
    (bundle / layout.REPLAYS).mkdir()
    (bundle / layout.replay_file("0" * 64)).write_text("{}", "utf-8")
    accepts()
    shutil.rmtree(bundle / layout.REPLAYS)
    for harm, name in ((flip, "theta0/0.safetensors"), (Path.unlink, "config.json"),
                       (Path.touch, "more.bin")):  # fmt: skip
        copy = Path(shutil.copytree(bundle, tmp_path / "whole"))
        harm(bundle / name)
        with pytest.raises(ValueError, match="Signature mismatch"):
            accepts()
        shutil.rmtree(bundle)
        copy.rename(bundle)

    signer = package.signing.Config().use_elliptic_key_signer(private_key=private)
    ignoring = package.hashing.Config().set_ignored_paths(paths=[bundle / layout.SIGNATURE])
    signer.set_hashing_config(ignoring).sign(bundle, bundle / layout.SIGNATURE)
    assert check(bundle, key) == "ann"
    (bundle / layout.CARD).write_text("it signs the card, too", "utf-8")
    with pytest.raises(SignatureError, match=r"README\.md"):
        check(bundle, key)


def test_without_cryptography_everything_else_works_and_says_what_to_install(
    bundle: Path, key: PrivateKey
) -> None:
    sign_bundle(bundle, key="ann")
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from pathlib import Path\n"
        "from ticket_hub.bundle import verify_bundle\n"
        "from ticket_hub.errors import SignatureError\n"
        "from ticket_hub.signing.keys import find_key\n"
        "from ticket_hub.signing.model_signature import check_signature\n"
        f"folder = Path({str(bundle)!r})\n"
        "print(verify_bundle(folder).holds, check_signature(folder, {}).signer == '')\n"
        "try:\n    find_key('ann')\nexcept SignatureError as error:\n    print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[0] == "True True"
    assert "cryptography" in ran.stdout.splitlines()[1]
    assert "pip install" in ran.stdout.splitlines()[1]

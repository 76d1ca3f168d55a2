"""A file that is no file of weights is refused for what it is, with what to do about it."""

from __future__ import annotations

import gzip
import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file
from torch import nn

from tests.helpers.foreign import OpenLeNet, write_google, write_open_lth
from ticket_hub.errors import ImportRefusedError
from ticket_hub.interop.importers import import_tickets
from ticket_hub.interop.importers.files import MASKS, WEIGHTS, read_tensors

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
WEIGHT = torch.arange(1200.0).reshape(30, 40)
STATE = {"fc.weight": WEIGHT}


def saved(content: object, *, zipped: bool = True) -> bytes:
    data = io.BytesIO()
    torch.save(content, data, _use_new_zipfile_serialization=zipped)
    return data.getvalue()


def script() -> bytes:
    data = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is going, and its files stay
        torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), data)
    return data.getvalue()


def archive(name: str, content: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr(name, content)
    return data.getvalue()


def arrays() -> bytes:
    data = io.BytesIO()
    np.savez(data, weight=np.ones(3))
    return data.getvalue()


KINDS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "a pointer of Git LFS": (lambda: POINTER, "pointer of Git LFS", "git lfs pull"),
    "a pointer of git-annex": (lambda: b"/annex/objects/MD5-s1--0", "git-annex", "git annex get"),
    "a page": (lambda: b"\n<!DOCTYPE html><html><body>", "web page", "resolve"),
    "an error of a store": (lambda: b"<?xml version='1.0'?><Error>", "XML", "fetch"),
    "an error of a server": (lambda: b"Entry not found", "'Entry not found'", "weights themselves"),
    "an index": (lambda: b'{"weight_map": {"fc": "model-1.safetensors"}}', "is text", "weights"),
    "nothing": (lambda: b"", "is empty", "Fetch it again"),
    "zeros": (lambda: b"\x00" * 2000, "zeros at its beginning", "Fetch it again"),
    "gzip": (lambda: gzip.compress(saved(STATE)), "compressed by gzip", "gunzip"),
    "HDF5": (lambda: b"\x89HDF\r\n\x1a\n" + b"\x01" * 600, "HDF5", "torch.save"),
    "one array": (lambda: b"\x93NUMPY\x01\x00" + b"\x01" * 600, "numpy array", "by the names"),
    "arrays": (arrays, "archive of numpy arrays", "torch.save"),
    "a program": (script, "TorchScript", "torch.jit.load"),
    "a zip": (lambda: archive("weights/readme.txt", b"hello"), "zip archive", "Unpack"),
    "half of a zip": (lambda: saved(STATE)[:3000], "is cut off", "Fetch it again"),
    "half of an old file": (lambda: saved(STATE, zipped=False)[:3000], "is cut off", "Fetch it"),
    "a tenth of an old file": (lambda: saved(STATE, zipped=False)[:300], "is cut off", "Fetch it"),
    "half of safetensors": (lambda: save(STATE)[:3000], "promises 4,8.. bytes, and 3,000", "Fetch"),
    "a header alone": (lambda: save(STATE)[:40], "is cut off", "Fetch it again"),
    "a module": (lambda: saved(nn.Linear(2, 2)), "torch.nn.modules.linear.Linear", "state_dict()"),
}


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_holds_no_weights_is_refused_for_what_it_is(
    tmp_path: Path, name: str, kind: str
) -> None:
    content, problem, remedy = KINDS[kind]
    (tmp_path / name).write_bytes(content())
    with pytest.raises(ImportRefusedError, match=problem) as caught:
        read_tensors(tmp_path / name)
    assert remedy in caught.value.remedy


def test_a_file_is_read_by_its_content_whatever_it_is_called(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "weights.pth")
    torch.save(STATE, tmp_path / "weights.safetensors")
    for path in tmp_path.iterdir():
        assert torch.equal(read_tensors(path)["fc.weight"], WEIGHT)


@pytest.mark.parametrize("key", WEIGHTS)
def test_weights_are_found_under_the_keys_of_training_scripts(tmp_path: Path, key: str) -> None:
    torch.save({"epoch": 3, key: STATE, "optimizer": {"lr": 0.1}}, tmp_path / "last.ckpt")
    assert torch.equal(read_tensors(tmp_path / "last.ckpt")["fc.weight"], WEIGHT)


def test_masks_are_asked_for_before_the_weights_beside_them(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE, "mask": {"fc.weight": WEIGHT > 3}}, tmp_path / "last.ckpt")
    assert read_tensors(tmp_path / "last.ckpt", MASKS + WEIGHTS)["fc.weight"].dtype == torch.bool


def test_another_key_is_named(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "teacher": STATE}, tmp_path / "last.ckpt")
    with pytest.raises(ImportRefusedError, match="tensors lie under 'teacher'"):
        read_tensors(tmp_path / "last.ckpt")


def test_what_lies_among_the_tensors_is_named(tmp_path: Path) -> None:
    torch.save({**STATE, "epoch": 3}, tmp_path / "last.ckpt")
    with pytest.raises(ImportRefusedError, match="'epoch' is int"):
        read_tensors(tmp_path / "last.ckpt")


def test_files_in_the_folders_of_other_systems_are_refused_for_what_they_are(
    tmp_path: Path,
) -> None:
    write_google(tmp_path / "trial1", levels=2)
    (tmp_path / "trial1/1/same_init/masks/layer1.npy").write_bytes(POINTER)
    with pytest.raises(ImportRefusedError, match=r"layer1\.npy is a pointer of Git LFS"):
        import_tickets(tmp_path / "trial1", tmp_path / "out")
    write_open_lth(tmp_path / "replicate_1", OpenLeNet(), model="mnist_lenet_12_7")
    for name in ("mask.pth", "model_ep0_it0.pth", "hparams.log"):
        (tmp_path / "replicate_1/level_0/main" / name).write_bytes(POINTER)
        with pytest.raises(ImportRefusedError, match=f"{name} is a pointer of Git LFS"):
            import_tickets(tmp_path / "replicate_1", tmp_path / "out")

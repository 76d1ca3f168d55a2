"""What a user of the stock client does, with a hub that HF_ENDPOINT names. Ends with `done`."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import uuid
from pathlib import Path

import huggingface_hub as hub
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

CARD = "---\nlicense: mit\nlibrary_name: timm\ntags: [lottery-ticket]\n---\n# A ticket\n"


def raises(kind: type[Exception], action: object, *arguments: object, **options: object) -> None:
    try:
        action(*arguments, **options)  # type: ignore[operator]
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")


def noise(seed: str, length: int) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(length)


def make_folder(seed: str) -> Path:
    folder = Path(tempfile.mkdtemp())
    (folder / "README.md").write_text(CARD)
    (folder / "config.json").write_text('{"architecture": "lenet"}')
    (folder / "empty").write_bytes(b"")
    (folder / "theta0").mkdir()
    (folder / "theta0/0.safetensors").write_bytes(noise(seed, 3_000_000))
    (folder / "masks/0").mkdir(parents=True)
    (folder / "masks/0/1.safetensors").write_bytes(b"masks" * 100_000)
    (folder / "a name with spaces & ümlauts#?.txt").write_text("text")
    return folder


def same(folder: Path, pulled: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            assert (pulled / path.relative_to(folder)).read_bytes() == path.read_bytes(), path


def main() -> None:
    api, seed = hub.HfApi(), uuid.uuid4().hex
    me = api.whoami()["name"]
    repo = api.create_repo(f"all-{seed[:10]}").repo_id
    assert api.create_repo(repo, exist_ok=True).repo_id == repo
    raises(HfHubHTTPError, api.create_repo, repo)
    folder = make_folder(seed)
    files(api, repo, folder)
    revisions(api, repo, folder)
    finding(api, repo, me)
    moving(api, repo)
    sys.stdout.write(f"done {hub.__version__}\n")


def files(api: hub.HfApi, repo: str, folder: Path) -> None:
    pushed = api.upload_folder(repo_id=repo, folder_path=folder, commit_message="all of it")
    assert api.model_info(repo).sha == pushed.oid
    same(folder, Path(hub.snapshot_download(repo)))
    one = hub.hf_hub_download(repo, "theta0/0.safetensors", revision=pushed.oid)
    assert Path(one).read_bytes() == (folder / "theta0/0.safetensors").read_bytes()
    again = api.upload_folder(repo_id=repo, folder_path=folder, commit_message="nothing new")
    assert again.oid == pushed.oid
    (folder / "late.bin").write_bytes(noise("late", 200_000))
    api.upload_file(path_or_fileobj=folder / "late.bin", path_in_repo="late.bin", repo_id=repo)
    api.create_commit(
        repo,
        operations=[
            hub.CommitOperationAdd("new/of.txt", b"bytes"),
            hub.CommitOperationDelete("empty"),
            hub.CommitOperationCopy("late.bin", "copy.bin"),
        ],
        commit_message="several things",
        commit_description="with a description",
    )
    names = api.list_repo_files(repo)
    assert {"new/of.txt", "copy.bin"} <= set(names) - {"empty"} == set(names)
    api.delete_file("late.bin", repo)
    api.delete_folder("new", repo)
    (folder / "empty").unlink()
    (folder / "late.bin").unlink()
    (folder / "copy.bin").write_bytes(noise("late", 200_000))
    same(folder, Path(hub.snapshot_download(repo)))
    assert [api.file_exists(repo, name) for name in ("copy.bin", "late.bin")] == [True, False]
    raises(EntryNotFoundError, hub.hf_hub_download, repo, "nothing.here")


def revisions(api: hub.HfApi, repo: str, folder: Path) -> None:
    first = api.model_info(repo).sha
    api.create_branch(repo, branch="dev/x")
    raises(HfHubHTTPError, api.create_branch, repo, branch="dev/x")
    api.create_branch(repo, branch="dev/x", exist_ok=True)
    api.create_tag(repo, tag="v1.0", tag_message="the first")
    api.upload_file(
        path_or_fileobj=b"other", path_in_repo="only-here.txt", repo_id=repo, revision="dev/x"
    )
    assert "only-here.txt" in api.list_repo_files(repo, revision="dev/x")
    assert "only-here.txt" not in api.list_repo_files(repo)
    assert Path(hub.hf_hub_download(repo, "only-here.txt", revision="dev/x")).read_text() == "other"
    refs = api.list_repo_refs(repo)
    assert [branch.name for branch in refs.branches] == ["main", "dev/x"]
    assert [(tag.name, tag.target_commit) for tag in refs.tags] == [("v1.0", first)]
    commits = api.list_repo_commits(repo)
    assert (commits[0].commit_id, commits[-1].title) == (first, "initial commit")
    raises(RevisionNotFoundError, api.model_info, repo, revision="nowhere")
    raises(RevisionNotFoundError, hub.hf_hub_download, repo, "config.json", revision="0" * 40)
    stale = commits[-1].commit_id
    operation = [hub.CommitOperationAdd("x.txt", b"x")]
    raises(
        HfHubHTTPError, api.create_commit, repo, operation, commit_message="x", parent_commit=stale
    )
    api.delete_tag(repo, tag="v1.0")
    api.delete_branch(repo, branch="dev/x")
    assert not api.list_repo_refs(repo).tags
    tree = list(api.list_repo_tree(repo, recursive=True, expand=True))
    assert all(item.last_commit is not None for item in tree)
    paths = api.get_paths_info(repo, ["config.json", "theta0", "not there"], expand=True)
    assert [item.path for item in paths] == ["config.json", "theta0"]


def finding(api: hub.HfApi, repo: str, me: str) -> None:
    info = api.model_info(repo, files_metadata=True)
    license_name = getattr(info.card_data, "license", None)
    assert (info.library_name, license_name) == ("timm", "mit")
    sizes = {item.rfilename: item.size for item in info.siblings or [] if item.lfs}
    assert sizes["theta0/0.safetensors"] == 3_000_000
    found = [model.id for model in api.list_models(author=me, filter="lottery-ticket", limit=500)]
    assert repo in found
    assert [model.id for model in api.list_models(search=repo.split("/")[1])] == [repo]
    raises(RepositoryNotFoundError, api.model_info, f"{me}/no-such-thing")
    api.auth_check(repo)


def moving(api: hub.HfApi, repo: str) -> None:
    api.update_repo_settings(repo, private=True)
    assert api.model_info(repo).private
    raises(RepositoryNotFoundError, hub.HfApi(token=False).model_info, repo)
    api.move_repo(repo, repo + "-moved")
    assert api.model_info(repo + "-moved").id == repo + "-moved"
    assert api.model_info(repo).id == repo + "-moved"
    api.delete_repo(repo + "-moved")
    assert not api.repo_exists(repo + "-moved")
    api.delete_repo(repo, missing_ok=True)


if __name__ == "__main__":
    main()

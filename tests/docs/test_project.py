"""What the project says of itself: one version, and files that newcomers and tools look for."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import ticket_hub

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_version_stands_in_one_place() -> None:
    source = PROJECT["tool"]["hatch"]["version"]["path"]
    assert "version" in PROJECT["project"]["dynamic"]
    assert "version" not in PROJECT["project"]
    assert source == "ticket_hub/__init__.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+", ticket_hub.__version__)


def test_what_is_made_from_the_version_is_of_this_one() -> None:
    description = json.loads((ROOT / "api/openapi.json").read_text("utf-8"))
    assert description["info"]["version"] == ticket_hub.__version__
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] == ticket_hub.__version__


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob(".github/**/*.yml"), ROOT / "CITATION.cff"]), ids=lambda p: p.name
)
def test_files_for_tools_are_what_they_read(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text("utf-8")), dict)


def test_the_hosted_checks_are_those_of_this_place() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    job = workflow["jobs"]["checks"]
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    supported = {
        line.rpartition(" ")[2]
        for line in PROJECT["project"]["classifiers"]
        if re.search(r":: 3\.\d+$", line)
    }
    assert supported <= set(job["strategy"]["matrix"]["python"])


def test_a_citation_names_the_licence_of_the_project() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["license"] == PROJECT["project"]["license"]
    assert citation["type"] == "software"


def test_nothing_installs_a_name_of_the_package_index_that_is_not_ours() -> None:
    """Until the first release; `docs/releasing.md` says what changes then."""
    texts = [
        path
        for pattern in ("*.md", "docs/**/*.md", "*/README.md", "ticket_hub/**/*.py", "cli/**/*.py")
        for path in [*ROOT.glob(pattern), *ROOT.glob(f"api/{pattern}")]
    ]
    assert len(texts) > 300
    named = re.compile(r"pip install[^`\n]*?[ '\"]ticket[-_]hub\b(?!/)")
    assert [p.name for p in texts if named.search(p.read_text("utf-8"))] == []


def test_a_release_is_built_and_checked_before_a_person_lets_it_be_published() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))
    assert set(workflow[True]) == {"workflow_dispatch"}  # YAML reads `on` as true: one button
    build, publish = (workflow["jobs"][name] for name in ("build", "publish"))
    steps = [step.get("run", "") for step in build["steps"]]
    order = ["python -m build", "twine check --strict", "ticket --version", "verify run"]
    found = "\n".join(steps).replace('"$ticket"', "ticket")
    places = [found.index(each) for each in order]
    assert places == sorted(places)
    assert (publish["needs"], publish["environment"]) == ("build", "pypi")
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["steps"][-1]["with"] == {"attestations": True}
    assert workflow["permissions"] == {"contents": "read"}

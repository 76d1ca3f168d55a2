"""What a bundle says of the plugins that it needs, and what is said where they are not here."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from torch import nn

from ticket_hub import plugins
from ticket_hub.bundle import BundleContent, content_of, open_bundle, verify_bundle, write_bundle
from ticket_hub.bundle.encoding import decode, encode
from ticket_hub.bundle.needed_plugins import demand_data, needed_plugins
from ticket_hub.bundle.plugin_records import PluginRecord, plugin_notes
from ticket_hub.errors import BundleFormatError, DataNotFoundError, NetworkError
from ticket_hub.networks import build, outline
from ticket_hub.networks.registry import home_module, register
from ticket_hub.plugin_origin import Plugin, plugin_of
from ticket_hub.pruning.criteria import CRITERIA, register_criterion
from ticket_hub.recipe import Recipe
from ticket_hub.recipe.axes import NETWORKS
from ticket_hub.ticket import Ticket

NET = """
from functools import partial
from torch import nn
from ticket_hub.networks import register
register("filed-net")(lambda of: nn.Sequential(nn.Flatten(), nn.Linear(16, of.classes)))
register("partly-net")(partial(nn.Linear, 16))
"""
DIGEST = sha256(NET.encode()).hexdigest()
FILE = PluginRecord(key="network.name", name="lenet-5-3", file="mine.py", sha256="a" * 64)
PACKAGE = PluginRecord(key="data.name", name="squares", distribution="my-package", version="1.2")


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(plugins.VARIABLE, "")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(plugins, "_files", {})
    before = dict(NETWORKS._known)
    yield
    NETWORKS._known.clear()
    NETWORKS._known.update(before)
    CRITERIA._known.pop("of-this-test", None)
    outline.cache_clear()


@pytest.fixture
def bundle(tmp_path: Path, content: BundleContent) -> Path:
    """One that says it needs a file and a package."""
    write_bundle(tmp_path / "bundle", replace(content, plugins=(PACKAGE, FILE)))
    return tmp_path / "bundle"


def test_what_is_built_in_is_not_written_down(content: BundleContent) -> None:
    assert needed_plugins(content.recipe, content.architecture) == ()


def test_a_file_is_named_by_the_bytes_that_it_had_when_it_was_imported(
    tmp_path: Path, content: BundleContent
) -> None:
    file = tmp_path / "filed_nets.py"
    file.write_text(NET)
    plugins.use(str(file))
    file.write_text(NET + "# edited since")
    for name in ("filed-net", "partly-net"):  # also what has no module of its own
        architecture = replace(content.architecture, name=name)
        (found,) = needed_plugins(content.recipe, architecture)
        assert found == PluginRecord(
            key="network.name", name=name, file="filed_nets.py", sha256=DIGEST
        )


def test_of_a_file_that_lies_beside_no_package_no_package_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be hundreds, and to read what they have takes a second."""

    def asked() -> None:
        raise AssertionError

    monkeypatch.setattr("importlib.metadata.packages_distributions", asked)
    (tmp_path / "alone.py").write_text(NET)
    plugins.use(str(tmp_path / "alone.py"))
    assert plugin_of("alone") == Plugin(file="alone.py", sha256=DIGEST)


def test_a_package_is_named_by_its_distribution_and_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: BundleContent
) -> None:
    package = tmp_path / "packed_nets"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "nets.py").write_text(NET)
    info = tmp_path / "my_nets-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-nets\nVersion: 1.5\n")
    (info / "RECORD").write_text("packed_nets/__init__.py,,\npacked_nets/nets.py,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("packed_nets.nets")  # with and without an entry point
    expected = Plugin(distribution="my-nets", version="1.5")
    assert plugin_of(home_module("filed-net")) == expected
    (info / "entry_points.txt").write_text("[ticket_hub.plugins]\nnets = packed_nets.nets\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "other")])  # read anew
    assert plugin_of(home_module("filed-net")) == expected
    assert plugin_notes([replace(PACKAGE, distribution="my-nets", version="1.5")]) == []
    (note,) = plugin_notes([replace(PACKAGE, distribution="my-nets", version="1.4")])
    assert note == "my-nets 1.4 was used for data.name = 'squares'; here my-nets 1.5 is installed."


def test_data_and_criteria_are_named_too(content: BundleContent) -> None:
    register_criterion("of-this-test")(lambda trained: trained.abs())
    assert isinstance(content.recipe, Recipe)
    recipe = content.recipe.replace({"pruning.criterion": "of-this-test"})
    (found,) = needed_plugins(recipe, content.architecture)
    assert (found.key, found.file) == ("pruning.criterion", Path(__file__).name)


def test_what_was_registered_in_no_file_is_said_to_be_so(content: BundleContent) -> None:
    session = {"__name__": "session", "register": partial(register, "typed-in"), "nn": nn}
    exec("register()(lambda of: nn.Linear(1, 1))", session)
    (found,) = needed_plugins(content.recipe, replace(content.architecture, name="typed-in"))
    assert found == PluginRecord(key="network.name", name="typed-in")
    assert "session without a file" in found.remedy


def test_it_stays_in_the_bundle_whatever_is_done_with_it(bundle: Path, tmp_path: Path) -> None:
    opened = open_bundle(bundle)
    assert opened.manifest.plugins == (PACKAGE, FILE)
    again = write_bundle(tmp_path / "again", content_of(opened))
    assert again == opened.manifest
    Ticket.load(bundle).save_pretrained(tmp_path / "single")
    assert open_bundle(tmp_path / "single").manifest.plugins == (PACKAGE, FILE)
    card = (bundle / "README.md").read_text("utf-8")
    assert "- needs my-package 1.2 for data.name = 'squares'\n" in card.replace("\\", "")


def test_bundles_without_it_have_no_such_key(tmp_path: Path, content: BundleContent) -> None:
    manifest = write_bundle(tmp_path / "bundle", content)
    assert b'"plugins"' not in (tmp_path / "bundle/ticket.json").read_bytes()
    assert content_of(open_bundle(tmp_path / "bundle")).plugins == ()
    assert decode(encode(manifest)) == manifest


@pytest.mark.parametrize(
    "records",
    [
        (replace(PACKAGE, file="mine.py", sha256="a" * 64),),
        (replace(PACKAGE, version=None),),
        (replace(FILE, sha256="a" * 63),),
        (replace(FILE, file="../mine.py"),),
        (replace(PACKAGE, distribution="--index-url=http://x"),),
        (replace(PACKAGE, version="1.0; rm -rf ~"),),
        (replace(FILE, name="two\nlines"),),
        (FILE, FILE),
        (FILE, PACKAGE),
        tuple(replace(FILE, name=f"{index:03}") for index in range(65)),
    ],
)
def test_what_cannot_be_is_refused(
    records: tuple[PluginRecord, ...], tmp_path: Path, content: BundleContent
) -> None:
    with pytest.raises(BundleFormatError, match="a plugin that cannot be"):
        write_bundle(tmp_path / "bundle", replace(content, plugins=records))


def test_the_refusal_names_what_to_import_or_install(
    tmp_path: Path, content: BundleContent
) -> None:
    register("gone-net")(lambda of: build(replace(of, name="lenet-5-3")))
    gone = replace(content.architecture, name="gone-net")
    records = (PACKAGE, replace(FILE, name="gone-net"))
    write_bundle(tmp_path / "bundle", replace(content, architecture=gone, plugins=records))
    NETWORKS._known.pop("gone-net")
    outline.cache_clear()
    opened = open_bundle(tmp_path / "bundle")
    with pytest.raises(DataNotFoundError, match=r"`pip install my-package==1\.2`"):
        demand_data(opened.manifest.plugins, "squares")
    demand_data(opened.manifest.plugins, "digits")
    with pytest.raises(NetworkError, match=f"--import mine.py.*{'a' * 64}"):
        _ = opened.network


def test_another_version_or_file_is_said_and_not_refused(
    bundle: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mine.py").write_text("")
    plugins.use(str(tmp_path / "mine.py"))
    here = sha256(b"").hexdigest()[:12]
    with caplog.at_level(logging.WARNING, logger="ticket_hub"):
        report = verify_bundle(bundle)
    assert report.holds
    assert report.notes == (
        "my-package 1.2 was used for data.name = 'squares'; here my-package is not installed.",
        f"{FILE} was used for network.name = 'lenet-5-3'; here mine.py has the sha256 {here}.",
    )
    assert tuple(caplog.messages) == report.notes

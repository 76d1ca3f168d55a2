"""How a bundle was made, as supply chains read it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ticket_hub.bundle import open_bundle
from ticket_hub.errors import SignatureError
from ticket_hub.signing.envelope import read_envelope, seal
from ticket_hub.signing.keys import PrivateKey, find_key, keygen
from ticket_hub.signing.provenance import PREDICATE, provenance_statement

IMPORTED = Path(__file__).resolve().parents[2] / "golden/format-1-imported"


def test_it_says_what_the_manifest_says(bundle: Path) -> None:
    statement, manifest = provenance_statement(bundle), open_bundle(bundle).manifest
    assert (statement["_type"], statement["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    data = (bundle / "ticket.json").read_bytes()
    (subject,) = statement["subject"]
    assert subject == {
        "name": "ticket.json",
        "digest": {"sha256": hashlib.sha256(data).hexdigest()},
    }
    definition = statement["predicate"]["buildDefinition"]
    outside, inside = definition["externalParameters"], definition["internalParameters"]
    assert definition["buildType"] == "urn:ticket-hub:build:find:v1"
    assert outside["recipe_digest"] == manifest.recipe.digest
    assert outside["seeds"] == [trial.seed for trial in manifest.trials]
    assert outside["recipe"]["training"]["iterations"] == 1000
    assert inside == {"bit_exact": True, "environment": dict(manifest.environment)}
    (source,) = definition["resolvedDependencies"]
    assert source["digest"]["sha256"] == manifest.data.fingerprint
    assert statement["predicate"]["runDetails"]["metadata"]["invocationId"] == manifest.id


def test_of_an_imported_bundle_it_names_the_source_and_not_our_notes() -> None:
    definition = provenance_statement(IMPORTED)["predicate"]["buildDefinition"]
    assert definition["buildType"] == "urn:ticket-hub:build:import:v1"
    names = [each["name"] for each in definition["resolvedDependencies"]]
    assert names == ["data set unknown", "google: src/trial1"]


def test_signed_it_is_of_its_signer_alone(bundle: Path, key: PrivateKey) -> None:
    statement = provenance_statement(bundle)
    envelope = read_envelope(seal(statement, key), "it")
    envelope.demand(key.public)
    assert envelope.statement(PREDICATE) == statement
    keygen("eve")
    with pytest.raises(SignatureError):
        envelope.demand(find_key("eve").public)

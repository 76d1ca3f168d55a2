"""Bundles: the folder that carries tickets with their evidence. See `docs/bundle-format.md`.

Public names are imported when they are first used, so that reading a manifest needs no PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub.bundle.amend import amend_bundle
    from ticket_hub.bundle.content import BundleContent, LevelContent, TrialContent
    from ticket_hub.bundle.contents import content_of
    from ticket_hub.bundle.experiment_record import ExperimentRecord
    from ticket_hub.bundle.manifest import Manifest
    from ticket_hub.bundle.manifest_records import DataRecord, Origin
    from ticket_hub.bundle.read import Bundle, open_bundle
    from ticket_hub.bundle.verify import verify_bundle
    from ticket_hub.bundle.verify_report import Check, VerifyReport
    from ticket_hub.bundle.write import write_bundle

__all__ = [
    "Bundle",
    "BundleContent",
    "Check",
    "DataRecord",
    "ExperimentRecord",
    "LevelContent",
    "Manifest",
    "Origin",
    "TrialContent",
    "VerifyReport",
    "amend_bundle",
    "content_of",
    "open_bundle",
    "verify_bundle",
    "write_bundle",
]

_HOMES = {
    "Bundle": "read",
    "BundleContent": "content",
    "Check": "verify",
    "DataRecord": "manifest",
    "ExperimentRecord": "experiment_record",
    "LevelContent": "content",
    "Manifest": "manifest",
    "Origin": "manifest",
    "TrialContent": "content",
    "VerifyReport": "verify",
    "amend_bundle": "amend",
    "content_of": "contents",
    "open_bundle": "read",
    "verify_bundle": "verify",
    "write_bundle": "write",
}

__getattr__ = lazy_names(__name__, _HOMES)

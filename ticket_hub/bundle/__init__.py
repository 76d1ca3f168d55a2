"""Bundles: the folder that carries tickets with their evidence. See `docs/bundle-format.md`."""

from ticket_hub.bundle.amend import amend_bundle
from ticket_hub.bundle.content import (
    BundleContent,
    ControlContent,
    DataRecord,
    LevelContent,
    Origin,
    TrialContent,
)
from ticket_hub.bundle.contents import content_of
from ticket_hub.bundle.experiment_record import ExperimentRecord
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.read import Bundle, open_bundle
from ticket_hub.bundle.verify import Check, VerifyReport, verify_bundle
from ticket_hub.bundle.write import write_bundle

__all__ = [
    "Bundle",
    "BundleContent",
    "Check",
    "ControlContent",
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

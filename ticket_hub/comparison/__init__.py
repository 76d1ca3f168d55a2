"""Runs beside each other: `ticket_hub.compare`."""

from ticket_hub.comparison.compared import Compared, compare_studies
from ticket_hub.comparison.ladder import Measured
from ticket_hub.comparison.studies import Study, StudyLevel, bundle_study, experiment_study

__all__ = [
    "Compared",
    "Measured",
    "Study",
    "StudyLevel",
    "bundle_study",
    "compare_studies",
    "experiment_study",
]

"""Which files of tests take long: processes that share the work begin with these."""

from __future__ import annotations

__all__ = ["SECONDS", "seconds_of"]

SECONDS = {
    "docs/test_pages.py": 50,
    "api/jobs/test_workers.py": 40,
    "core/transfer/test_references.py": 24,
    "core/transfer/test_images.py": 22,
    "api/hub/test_concurrent_writers.py": 21,
    "core/engines/test_local.py": 20,
    "api/hub/test_access.py": 19,
    "api/pages/test_accessibility.py": 17,
    "core/analysis/test_sanity.py": 15,
    "api/test_torch_process.py": 15,
    "core/data/test_published.py": 14,
    "cli/test_plugins.py": 14,
    "docs/test_newcomer.py": 14,
    "core/report/test_figures.py": 13,
    "cli/test_plugin_package.py": 12,
    "docs/test_operating.py": 5,
    "docs/test_readme.py": 10,
    "cli/test_structured.py": 10,
    "api/hub/test_crash.py": 10,
    "docs/test_own_pages.py": 8,
    "cli/test_bundles.py": 8,
    "core/search/test_crashes.py": 8,
    "docs/test_your_data.py": 7,
}
"""Of processor time, roughly; what is not here takes less than these, or has not been looked at."""


def seconds_of(test: str) -> int:
    """The seconds of the file that a test stands in; 0 where they are few."""
    return SECONDS.get(test.partition("::")[0].removeprefix("tests/"), 0)

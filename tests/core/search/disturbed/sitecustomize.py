"""Python imports this at its start where this folder is in PYTHONPATH: in worker processes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from disturber import install_from_environment  # type: ignore[import-not-found]

install_from_environment()

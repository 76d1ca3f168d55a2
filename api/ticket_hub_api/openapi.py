"""The description of the REST API: `python -m ticket_hub_api.openapi > api/openapi.json`.

The file is the contract; a test compares it with what the routes say.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from ticket_hub_api.app import create_app
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings

__all__ = ["description", "text"]


def description() -> dict[str, Any]:
    """What the routes say, as OpenAPI 3.1."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(folder=Path(folder))
        prepare(settings, host="127.0.0.1", port=1)
        app = create_app(settings)
        try:
            return app.openapi()
        finally:
            app.state.services.close()


def text() -> str:
    """The description as it is committed."""
    return json.dumps(description(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())

"""Submit a retrain to a team's hub as a job, wait for it, and show what it says.

HF_ENDPOINT and HF_TOKEN name the hub, TICKET the ticket, `owner/name:level`.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from typing import Any

HUB = os.environ["HF_ENDPOINT"]
HEADERS = {"Authorization": f"Bearer {os.environ['HF_TOKEN']}", "Content-Type": "application/json"}
JOB = {
    "kind": "retrain",
    "ticket": os.environ["TICKET"],
    "dataset": "digits",
    "against": ["reinit", "dense"],
    "trials": 5,
}


def ask(path: str, body: Any = None) -> Any:  # noqa: ANN401 - JSON
    """What the hub answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(HUB + path, data, HEADERS)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


job = ask("/api/v1/jobs", JOB)
print(f"POST {HUB}/api/v1/jobs\n{json.dumps(JOB)}\n")
print(f"Its page, for a browser that has signed in with the token: {HUB}/jobs/{job['id']}")
shown = ""
while job["state"] not in {"finished", "failed", "cancelled"}:
    time.sleep(0.5)
    job = ask(f"/api/v1/jobs/{job['id']}")
    if job["state"] != shown:
        shown = job["state"]
        print(f"The job is {shown}.")
if job["state"] != "finished":
    sys.exit(f"{job['problem']} {job['remedy']}")
result = ask(f"/api/v1/jobs/{job['id']}/result")
for level in result["evidence"]["levels"]:
    print(f"Verdict on level {level['level']}: {level['verdict']['reason']}")

"""The page about the REST API: `python -m ticket_hub_api.reference > docs/api.md`.

It is made of what the routes say (`ticket_hub_api.openapi`), the scopes that they declare, and the
examples below, which a test asks of a real service.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ticket_hub.recipe.schema import meanings
from ticket_hub_api import openapi
from ticket_hub_api.app import create_app, scopes_of
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings
from ticket_hub_api.web.problems import STATUS, phrase_of

__all__ = ["EXAMPLES", "page"]

EXAMPLES: Mapping[str, str] = {
    "/api/v1/compare": "/api/v1/compare?ticket=ann/lenet&ticket=ann/lenet@main",
    "/api/v1/experiments": "/api/v1/experiments?dataset=digits&verdict=winning",
    "/api/v1/leaderboard": "/api/v1/leaderboard?dataset=digits&density_max=0.3&tested=true",
    "/api/v1/tickets": "/api/v1/tickets?network=lenet-10&density_max=0.3&sort=accuracy",
    "/api/v1/tickets/{owner}/{name}": "/api/v1/tickets/ann/lenet",
    "/api/v1/tickets/{owner}/{name}/curves": "/api/v1/tickets/ann/lenet/curves?level=3&trial=0",
    "/api/v1/tickets/{owner}/{name}/levels/{level}/layers": (
        "/api/v1/tickets/ann/lenet/levels/3/layers"
    ),
    "/api/v1/tickets/{owner}/{name}/levels/{level}/mask": (
        "/api/v1/tickets/ann/lenet/levels/3/mask?trial=1"
    ),
    "/api/v1/tickets/{owner}/{name}/levels/{level}/theta0": (
        "/api/v1/tickets/ann/lenet/levels/3/theta0?trial=1"
    ),
    "/api/v1/tickets/{owner}/{name}/vouching": "/api/v1/tickets/ann/lenet/vouching",
    "/api/v1/transfer": "/api/v1/transfer?found_on=digits",
    "/api/v1/jobs": "/api/v1/jobs?limit=10",
    "/healthz": "/healthz",
    "/readyz": "/readyz",
}
"""What to ask each address that needs no identifier made before; `ann/lenet` is a ticket."""

SAME_BODY = {"/api/v1/jobs/estimate": "The body is that of `POST /api/v1/jobs`."}

HEAD = """\
# The REST API

Under `/api/v1`, beside the [Hub protocol](protocol.md), with the same tokens:

    curl -H "Authorization: Bearer $HF_TOKEN" "$HF_ENDPOINT/api/v1/tickets?network=resnet18"

- `api/openapi.json` describes every address, parameter and answer; a hub hands it out at
  `/api/v1/openapi.json`.
- What is private exists only for its owner and members, in lists and in counts.
- Lists come in pages: `next_cursor` of one is `cursor` of the next, and holds for one question.
  What is pushed meanwhile neither repeats nor hides anything.
- Densities and accuracies are in [0, 1], times are microseconds since 1970, intervals are 95%.
  Means, intervals and verdicts are computed by the hub from the curves that were pushed, and from
  the trials of the evidence that was sent: by a margin of 0.2 points and alpha 0.05, whatever they
  were judged by elsewhere, and corrected for all that was asked for in one command. Intervals are
  not corrected. `tickets` beside `n` says how many different tickets n trials are of. Densities
  follow from the counts in the manifest; that these are the masks' own is what `ticket verify` and
  every pull check.
- A parameter that an address does not know is refused, with the nearest that it does.
- An address that names a commit (`?revision=` with 40 digits) never changes its files, and says so.

An error is a problem (RFC 9457, `application/problem+json`): `type` for programs, `title`,
`status`, `detail` (what is wrong), `remedy` (what to do about it), and for a request that is not
valid `errors` (where, and why).
"""


def page() -> str:
    """The page as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(folder=Path(folder))
        prepare(settings, host="127.0.0.1", port=1)
        app = create_app(settings)
        scopes = {
            (route.path_format, method): scope
            for route, scope in scopes_of(app)
            for method in route.methods or ()
        }
        app.state.services.close()
    about = openapi.description()
    paths, schemas = about["paths"], about["components"]["schemas"]
    parts = (
        "".join(
            _operation(method.upper(), path, about, scopes[path, method.upper()], schemas)
            for method, about in paths[path].items()
        )
        for path in sorted(paths)
    )
    return HEAD + "".join(parts) + _errors()


def _operation(
    method: str, path: str, about: Mapping[str, Any], scope: str, schemas: Mapping[str, Any]
) -> str:
    parts = [f"\n## `{method} {path}`\n", about.get("description", "").strip(), ""]
    parts.append(f"Token: {'none needed' if scope == 'anyone' else f'with the scope `{scope}`'}.")
    if method == "GET" and path in EXAMPLES:
        parts += ["", f"    GET {EXAMPLES[path]}"]
    parameters = about.get("parameters", [])
    if parameters:
        parts += ["", "| parameter | in | what |", "|---|---|---|", *map(_parameter, parameters)]
    if "requestBody" in about:
        content = about["requestBody"]["content"]["application/json"]
        parts += _body(content, schemas) if path not in SAME_BODY else ("", SAME_BODY[path])
    parts += ["", "Answers: " + "; ".join(_answers(about["responses"])) + ".", ""]
    return "\n".join(parts)


def _parameter(about: Mapping[str, Any]) -> str:
    needed = "" if about.get("required") else ", optional"
    several = about["schema"].get("type") == "array"
    text = about.get("description") or ("given once or more" if several else _kind(about["schema"]))
    return f"| `{about['name']}` | {about['in']} | {text}{needed} |"


def _body(content: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a body, for each form that it may have, and its examples."""
    for form in content["schema"].get("oneOf", [content["schema"]]):
        schema = schemas[form["$ref"].rpartition("/")[2]] if "$ref" in form else form
        said_of = meanings(schema.get("description", ""))
        yield from ("", schema["description"].splitlines()[0], "")
        yield from ("| field of the body | what |", "|---|---|")
        required = frozenset(schema.get("required", ()))
        for name in sorted(schema["properties"], key=lambda each: each not in required):
            about = schema["properties"][name]
            needed = "" if name in required else ", optional"
            said = f": {said_of[name].rstrip('.')}" if name in said_of else ""
            yield f"| `{name}` | {_kind(about)}{needed}{said} |"
    for example in content.get("examples", {}).values():
        yield from ("", f"    {json.dumps(example['value'])}")


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in words: its type, its bounds, its default."""
    choices = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    words = " or ".join(_one(each) for each in choices)
    default = schema.get("default")
    if default is None or default == "":
        return words
    text = " and ".join(default) if isinstance(default, list) else str(default).lower()
    return f"{words}; {text} if left out"


def _one(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(f"`{each}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"a list, each {_one(schema['items'])}"
    names = {"string": "a text", "integer": "a whole number", "number": "a number",
             "boolean": "`true` or `false`", "object": "an object"}  # fmt: skip
    word = names.get(schema.get("type", ""), "a value")
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is None:
        examples = ", ".join(f"`{each}`" for each in schema.get("examples", ()))
        return f"{word} such as {examples}" if examples else word
    if low is None:
        return f"{word} above {schema['exclusiveMinimum']:,g} and at most {high:,g}"
    return f"{word} from {_plain(low)} to {_plain(high)}"


def _plain(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"


def _answers(responses: Mapping[str, Any]) -> Iterator[str]:
    for status, about in sorted(responses.items()):
        phrase = phrase_of(int(status)).lower()
        said = about.get("description", "").rstrip(".")
        known = said.lower() in {phrase, "successful response", ""}
        yield f"{status} {phrase}" if known else f"{status} ({said})"


def _errors() -> str:
    """Which status each error of the core has."""
    lines = [
        f"| `{kind.__name__}` | {status} | {(kind.__doc__ or '').strip().splitlines()[0]} |"
        for kind, status in STATUS.items()
    ]
    head = "\n## Errors and their status\n\n| error | status | what it means |\n|---|---|---|\n"
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())

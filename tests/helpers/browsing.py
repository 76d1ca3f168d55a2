"""Reading the service's pages, as a browser without JavaScript does and as a real one does."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage

__all__ = ["Reader", "Reply", "Shown", "Visit"]


@dataclass
class Reply:
    status: int
    headers: HTTPMessage
    text: str

    def form_token(self) -> str:
        found = re.search(r'name="form_token" value="([^"]+)"', self.text)
        assert found is not None, "the page has no form"
        return html.unescape(found[1])


@dataclass
class Reader:
    """Reads pages as a browser without JavaScript does: keeps cookies, sends forms."""

    endpoint: str
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Reply:
        return self._send("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Reply:
        sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return self._send("POST", path, urlencode(fields).encode(), sent)

    def sign_in(self, token: str) -> Reply:
        form = self.get("/sign-in").form_token()
        return self.post("/sign-in", {"form_token": form, "token": token, "next": "/account"})

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        where = urlsplit(self.endpoint)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            reply = Reply(response.status, response.headers, response.read().decode())
        finally:
            connection.close()
        for line in reply.headers.get_all("Set-Cookie", []):
            self.cookies.update({name: each.value for name, each in SimpleCookie(line).items()})
        return reply


@dataclass
class Watched:
    """What a browser complained about, and where it asked."""

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


class Visit:
    """A browser's window on a hub, watched: complaints and other hosts fail the test."""

    def __init__(self, chromium: Browser, endpoint: str, **options: Any) -> None:  # noqa: ANN401 - as new_context takes them
        self.endpoint = endpoint
        self.context = chromium.new_context(base_url=endpoint, **options)
        self.watched = Watched()
        self.page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.watched.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.watched.complaints.append(f"{message.type}: {message.text}")

    def _asked(self, url: str) -> None:
        if not url.startswith(("data:", "about:", "blob:")):
            self.watched.hosts.add(urlsplit(url).netloc)

    def sign_in(self, token: str) -> None:
        self.page.goto("/sign-in?next=/account")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/account")

    def close(self) -> None:
        self.context.close()

    def check(self) -> None:
        assert not self.watched.complaints, "\n".join(self.watched.complaints)
        assert self.watched.hosts <= {urlsplit(self.endpoint).netloc}


@dataclass(frozen=True)
class Shown:
    """Tickets of a hub: one with a control, one without, one that is private."""

    controlled: str
    plain: str
    private: str

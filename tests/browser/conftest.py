"""Real Chromium against a live server. The system's own browser is used; nothing is downloaded.

A test gets `open_page(path, ...)`, logged in as `owner`; at its end every page must have been free of
console errors, of Content-Security-Policy violations and of requests to other hosts.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlparse
from weakref import WeakKeyDictionary

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Frame, Page, Request, sync_playwright

from tests.factories import make_owner

# Playwright's own loop runs in this thread, and Django's guard against async code would refuse the ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
DESKTOP, PHONE = (1280, 900), (375, 800)
PATIENCE, QUIET = 30.0, 0.1  # seconds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("Chromium is not installed: the browser tests were left out")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def owner(transactional_db):
    return make_owner(username="ada", is_staff=True, is_superuser=True)


@pytest.fixture
def faults() -> list[str]:
    """What went wrong in the console, in scripts and on the wire; empty at the end of every test."""
    return []


@pytest.fixture
def open_page(
    chromium: Browser, live_server, owner, faults: list[str]
) -> Iterator[Callable[..., Page]]:
    contexts: list[BrowserContext] = []

    def open_(path: str, *, size: tuple[int, int] = DESKTOP, dark: bool = False) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        contexts.append(context)
        context.add_cookies([_session_cookie(owner, live_server.url)])
        page = context.new_page()
        _watch(page, live_server.url, faults)
        page.goto(live_server.url + path)
        at_rest(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not faults


class Traffic:
    """What a page has asked for and waits for, and when it last did."""

    def __init__(self, page: Page) -> None:
        self.waited_for: set[Request] = set()
        self.last = time.monotonic()
        page.on("framenavigated", self._leave)
        page.on("request", self._ask)
        page.on("requestfinished", self._have)
        page.on("requestfailed", self._have)

    def _leave(self, frame: Frame) -> None:
        """What the page before still waited for, nobody does any more."""
        if frame.parent_frame is None:
            self.waited_for.clear()

    def _ask(self, request: Request) -> None:
        self.waited_for.add(request)
        self.last = time.monotonic()

    def _have(self, request: Request) -> None:
        self.waited_for.discard(request)
        self.last = time.monotonic()


_traffic: WeakKeyDictionary[Page, Traffic] = WeakKeyDictionary()


def at_rest(page: Page) -> None:
    """Wait until the page is loaded and asks for nothing more; `networkidle` takes half a second to say so."""
    page.wait_for_load_state("load")
    traffic, until = _traffic[page], time.monotonic() + PATIENCE
    while traffic.waited_for or time.monotonic() < traffic.last + QUIET:
        assert time.monotonic() < until, [request.url for request in traffic.waited_for]
        page.wait_for_timeout(QUIET * 200)


def _session_cookie(user: object, url: str) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": url}


def _watch(page: Page, url: str, faults: list[str]) -> None:
    _traffic[page] = Traffic(page)
    host = urlparse(url).netloc
    page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    page.on(
        "console",
        lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None,
    )
    page.on("request", lambda request: _note_foreign(request.url, host, faults))


def _note_foreign(address: str, host: str, faults: list[str]) -> None:
    found = urlparse(address)
    if found.scheme in ("http", "https", "ws") and found.netloc != host:
        faults.append(f"request to another host: {address}")

"""A logged-in person and how they fill a form as it is shown."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from tests.factories import make_owner
from tradershub.roles import set_up_groups


class FormParser(HTMLParser):
    """What a browser would send of the forms of a page that have nothing changed."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.select = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        name = given.get("name", "")
        if tag == "input" and name and given.get("type") not in ("submit", "checkbox", "radio"):
            self.values[name] = given.get("value") or ""
        elif tag == "textarea" and name:
            self.values[name] = ""
        elif tag == "select":
            self.select = name
        elif (
            tag == "option"
            and self.select
            and ("selected" in given or self.select not in self.values)
        ):
            self.values[self.select] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        self.select = "" if tag == "select" else self.select


class Browser:
    """A person at the admin: opens a page, changes some fields of its form, sends it."""

    def __init__(self, group: str) -> None:
        set_up_groups()
        self.user = make_owner(is_staff=True)
        self.user.groups.add(Group.objects.get(name=group))
        self.client = Client()
        self.client.force_login(self.user)

    def shown(self, address: str) -> dict[str, str]:
        """The fields of the page's form with their first values."""
        page = self.client.get(address)
        assert page.status_code == 200, (address, page.status_code)
        form = FormParser()
        form.feed(page.content.decode())
        return form.values

    def send(self, address: str, **fields: Any) -> Any:
        """The answer to the form as it was shown, with these fields changed."""
        return self.client.post(address, {**self.shown(address), **fields})

    def refused(self, address: str) -> str:
        """The words of the page that one is sent back to where an entry cannot be made at all."""
        answer = self.client.get(address)
        assert answer.status_code == 302, (address, answer.status_code)
        return self.said(answer)

    def said(self, answer: Any) -> str:
        """The words of the page that an answer leads to."""
        page = self.client.get(answer["Location"]) if answer.status_code == 302 else answer
        return re.sub(r"\s+", " ", page.content.decode())


@pytest.fixture
def trader(db) -> Browser:
    return Browser("Trader")

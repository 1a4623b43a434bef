"""A program with a key: `ada.get("brokers")` asks the API as ada does."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tradershub.core.api_keys import SCOPES, create_key


class Program:
    """A client that authenticates with a key and speaks JSON."""

    def __init__(self, user: User, scopes: tuple[str, ...] = SCOPES) -> None:
        self.user = user
        self.key, text = create_key(owner=user, name="test", scopes=scopes)
        self.client = Client(headers={"Authorization": f"Bearer {text}"})

    def __getattr__(self, method: str) -> Any:
        def call(path: str, body: Any = None, **query: Any) -> Any:
            send = getattr(self.client, method)
            if method == "get":
                return send(f"/api/v1/{path}", query)
            return send(f"/api/v1/{path}", body, content_type="application/json")

        return call


@pytest.fixture
def administrator(db) -> Program:
    return Program(User.objects.create_superuser("administrator"))

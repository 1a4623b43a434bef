"""A client that knows nothing but the address of the OpenAPI document and a key."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.test import Client


class OpenApiClient:
    """Calls operations by their id, with paths and parameter places taken from the document."""

    def __init__(self, client: Client, document: str) -> None:
        self.client = client
        self.document = client.get(document).json()
        self.operations = {
            operation["operationId"]: (path, method, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        }

    def call(self, operation_id: str, body: Any = None, files: Any = None, **given: Any) -> Any:
        """The JSON answer of a success that the document promises."""
        path, method, operation = self.operations[operation_id]
        places = {parameter["name"]: parameter["in"] for parameter in operation["parameters"]}
        path = path.format(**{name: given[name] for name in given if places[name] == "path"})
        query = {name: given[name] for name in given if places[name] == "query"}
        answer = self._send(method, f"{path}?{urlencode(query)}", operation, body, files)
        assert str(answer.status_code) in operation["responses"], answer.content
        return answer.json() if answer.content else None

    def _send(self, method: str, path: str, operation: Any, body: Any, files: Any) -> Any:
        content = operation.get("requestBody", {}).get("content", {})
        if "multipart/form-data" in content:
            return self.client.post(path, files)
        if "application/json" in content:
            return getattr(self.client, method)(path, body, content_type="application/json")
        return getattr(self.client, method)(path)

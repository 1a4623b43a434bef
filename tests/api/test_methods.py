"""A method that an address does not have is refused with the body of every other refusal."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("put", "brokers", "GET, POST"),
        ("options", "brokers", "GET, POST"),
        ("delete", "imports/7", "GET"),
        ("get", "imports/7/undo", "POST"),
    ],
)
def test_another_method_is_refused_with_a_typed_error(administrator, method, path, allowed):
    answer = getattr(administrator.client, method)(f"/api/v1/{path}")
    assert (answer.status_code, answer["Allow"]) == (405, allowed)
    assert answer["Content-Type"].startswith("application/json")
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("BadInput", "method_not_allowed", "")
    assert error["message"] == (f"{method.upper()} was asked of /api/v1/{path}: expected {allowed}")


def test_writing_needs_no_token_of_a_form_where_a_key_is_shown(administrator):
    answer = administrator.post("brokers", {"name": "Another"})
    assert answer.status_code == 201

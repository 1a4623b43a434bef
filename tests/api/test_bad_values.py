"""Whatever is sent, no operation breaks: each refusal is a typed error with a sentence."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.marked import MarkedBooks
from tests.routes import operations
from tests.test_isolation import BODIES
from tradershub.api import api

pytestmark = pytest.mark.django_db

OPERATIONS = operations()
SCHEMAS = api.get_openapi_schema()["components"]["schemas"]
ODD_TEXT = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "",
            " ",
            "\x00",
            "null",
            "NaN",
            "-1",
            "1e400",
            "9" * 30,
            "0.0000000001",
            "EURUSD",
            "x" * 5000,
        ]
        + ["2024-02-30", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "٣", "=1+1", "\u202e"]
    ),
)
ODD_NUMBER = st.sampled_from([0, -1, 1, 2**31, 2**63, 2**200, 0.1, -0.0, 1e308, True])
ODD = st.one_of(
    st.none(),
    ODD_TEXT,
    ODD_NUMBER,
    st.lists(ODD_TEXT, max_size=2),
    st.just({}),
    st.just({"a": [1]}),
)


@st.composite
def calls(draw: Any) -> tuple[Any, dict[str, Any], dict[str, str], int]:
    """An operation, a body with some fields spoilt, odd filters, and the id in its path."""
    op = draw(st.sampled_from(OPERATIONS))
    schema = body_schema(op)
    names = [*schema, "unheard_of"]
    spoilt = draw(st.dictionaries(st.sampled_from(names), ODD, max_size=3))
    queries = [p["name"] for p in op.document["parameters"] if p["in"] == "query"]
    query = {}
    if queries:
        query = draw(st.dictionaries(st.sampled_from(queries), ODD_TEXT, max_size=2))
    return op, spoilt, query, draw(st.sampled_from([1, 1, 1, 0, 2**40, 2**70]))


def body_schema(op: Any) -> dict[str, Any]:
    content = op.document.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    if "$ref" not in schema:
        return {}
    return SCHEMAS[schema["$ref"].rsplit("/", 1)[1]]["properties"]


@pytest.fixture
def books(administrator):
    return MarkedBooks(administrator.user)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
@given(call=calls())
def test_nothing_that_is_sent_breaks_an_operation(administrator, books, call):
    op, spoilt, query, number = call
    if op.id == "upload_statements" or "/api-keys" in op.path:
        return
    path = op.path
    for name in [p["name"] for p in op.document["parameters"] if p["in"] == "path"]:
        path = path.replace(f"{{{name}}}", str(number))
    valid = {k: 1 if k.endswith("_id") else v for k, v in BODIES.get(op.id, {}).items()}
    administrator.client.raise_request_exception = False
    answer = administrator.client.generic(
        op.method.upper(),
        f"{path}?{urlencode(query, errors='surrogatepass')}",
        json.dumps({**valid, **spoilt}),
        content_type="application/json",
    )
    assert answer.status_code < 500, (op.id, spoilt, query, answer.content[:300])
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert error["type"] and error["code"] and len(error["message"]) > 5


def test_no_operation_takes_a_field_that_it_does_not_know(administrator, books):
    """B23: nobody makes himself an administrator by writing so."""
    takes_json = [op for op in OPERATIONS if body_schema(op) and "/api-keys" not in op.path]
    taken = []
    for op in takes_json:
        valid = {k: 1 if k.endswith("_id") else v for k, v in BODIES.get(op.id, {}).items()}
        answer = administrator.client.generic(
            op.method.upper(),
            re.sub(r"\{\w+\}", "1", op.path),
            json.dumps({**valid, "is_superuser": True}),
            content_type="application/json",
        )
        if answer.status_code != 422 or "is_superuser" not in answer.json()["error"]["message"]:
            taken.append((op.id, answer.status_code, answer.content[:200]))
    assert len(takes_json) > 30
    assert taken == []

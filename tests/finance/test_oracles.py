"""Worked examples from documents and from independent code, each compared leaf by leaf.

TRADERSHUB_ORACLES names another file of the same form; otherwise our copy is run.
"""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from tests.finance.adapters import books, margins, results, risks, trade

ORACLES = Path(os.environ.get("TRADERSHUB_ORACLES") or Path(__file__).with_name("oracles.json"))
CASES = json.loads(ORACLES.read_text(encoding="utf-8"), parse_float=Decimal)

NOT_YET_DUE = {
    "simulation", "ruin", "shock", "bias", "anomaly", "health_score", "broker_whatif", "var",
    "correlation", "risk_limits", "kelly", "optimal_f",
}  # fmt: skip

TOPICS = trade.TOPICS | margins.TOPICS | books.TOPICS | risks.TOPICS | results.TOPICS


def differences(expected, found, *, tolerance, path="expected"):
    """Every leaf of `expected` that `found` lacks or misses by more than the tolerance."""
    if isinstance(expected, dict):
        if not isinstance(found, dict) or not expected.keys() <= found.keys():
            return [f"{path}: expected {sorted(expected)}, found {found}"]
        pairs = [(f"{path}.{key}", value, found[key]) for key, value in expected.items()]
    elif isinstance(expected, list):
        if not isinstance(found, list) or len(expected) != len(found):
            return [f"{path}: expected {expected}, found {found}"]
        pairs = [(f"{path}[{n}]", value, found[n]) for n, value in enumerate(expected)]
    elif is_equal(expected, found, tolerance=tolerance):
        return []
    else:
        return [f"{path}: expected {expected}, found {found}"]
    nested = (differences(one, other, tolerance=tolerance, path=at) for at, one, other in pairs)
    return [line for lines in nested for line in lines]


def is_equal(expected, found, *, tolerance):
    wanted, got = as_number(expected), as_number(found)
    if wanted is None or got is None:
        return type(expected) is type(found) and expected == found
    return abs(wanted - got) <= tolerance


def as_number(leaf):
    if isinstance(leaf, bool) or leaf is None:
        return None
    try:
        number = Decimal(str(leaf))
    except ArithmeticError:
        return None
    return number if number.is_finite() else None


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case["topic"] not in NOT_YET_DUE],
    ids=lambda case: case["id"],
)
def test_oracle(case):
    found = TOPICS[case["topic"]](case["inputs"])
    tolerance = Decimal(str(case["tolerance"]))
    assert differences(case["expected"], found, tolerance=tolerance) == []


def test_every_topic_is_due_or_named():
    assert {case["topic"] for case in CASES} <= TOPICS.keys() | NOT_YET_DUE
    assert TOPICS.keys().isdisjoint(NOT_YET_DUE)


def test_cases_are_there():
    assert [case for case in CASES if case["topic"] in TOPICS]


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("1.00", Decimal("1.01")),
        (None, Decimal(0)),
        ("0", None),
        (True, 1),
        ({"a": "1"}, {"b": "1"}),
        (["1", "2"], ["1"]),
        ("good", "average"),
    ],
)
def test_a_wrong_leaf_is_seen(expected, found):
    assert differences(expected, found, tolerance=Decimal("0.001"))

"""What the gate allows, reserves, takes back, and refuses when it cannot tell."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import transaction

from risk import gate, kill_switch
from risk.kinds import Kind, Scope, Unit
from risk.models import Hold, Limit, Reservation, RiskEvent, Usage
from risk.rules import RULES, Rule
from tests.risk.orders import AT, Desk, d

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return Desk()


def asked(order):
    with transaction.atomic():
        return gate.authorise(order)


def code_of(order):
    verdict = asked(order)
    return verdict.refusal.code if verdict.refusal else ""


def counter(limit):
    return Usage.objects.get(limit=limit)


def test_an_order_within_all_limits_is_reserved(desk):
    limit = desk.limit(Kind.SYMBOL_LOTS, 5, Unit.LOTS)
    order = desk.order(lots=d(2))
    verdict = asked(order)
    assert verdict.passed, verdict.refusal
    assert {check.rule for check in verdict.checks} >= {"kill_switch", "margin", "symbol_lots"}
    assert counter(limit).reserved == 2
    assert Reservation.objects.get(client_order_id=order.client_order_id).lots == 2

"""The paper platform keeps every promise of an adapter, in both modes."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from tests.brokers.adapter_contract import AdapterContract
from tests.brokers.venues import NUMBER, Bench, Clock

pytestmark = pytest.mark.django_db


class PaperContract(AdapterContract):
    number = NUMBER
    currency = "USD"
    symbol = "EURUSD"
    bid, ask, step = D("1.10000"), D("1.10010"), D("0.00010")
    lots, half, too_small = D("0.2"), D("0.1"), D("0.001")
    mode = "hedging"

    @pytest.fixture
    def bench(self, db, monkeypatch):
        return Bench(Clock(monkeypatch), mode=self.mode)


class TestHedging(PaperContract):
    pass


class TestNetting(PaperContract):
    mode = "netting"


class TestKeptInTheProcess(PaperContract):
    """The same with venues that stay in the process."""

    @pytest.fixture
    def bench(self, db, monkeypatch, venues_stay):
        return Bench(Clock(monkeypatch))

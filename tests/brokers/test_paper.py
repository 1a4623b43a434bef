"""The paper platform keeps every promise of an adapter, in both modes."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from tests.brokers.adapter_contract import AdapterContract
from tests.brokers.venues import NUMBER, Bench, Clock


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


@pytest.mark.django_db(transaction=True)
class TestKeptInTheProcess(PaperContract):
    """The same with venues that stay in the process, as only what is committed does."""

    @pytest.fixture
    def bench(self, transactional_db, monkeypatch):
        return Bench(Clock(monkeypatch))

"""The terms that the example's brokers trade under, as values: what a broker's contract page would say."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradershub.example.market import CONTRACTS, Contract
from tradershub.example.records import Account
from tradershub.example.story import DOLLARS, EUROS, HARBOUR_EUROS, YEN

ACCOUNTS = (DOLLARS, EUROS, HARBOUR_EUROS, YEN)
METATRADER_5 = (DOLLARS, EUROS)
CALL_LEVEL, STOP_OUT_LEVEL = Decimal(100), Decimal(50)


@dataclass(frozen=True, slots=True)
class SymbolSpec:
    """One symbol's contract.

    commission: money of the account a lot and side, or a deal (`per_deal`). swap_*: points a lot and
    night, negative when the trader pays. margin_rate: of the whole value; None where the account's
    leverage decides.
    """

    contract_size: int
    digits: int
    tick_size: Decimal
    swap_long: Decimal
    swap_short: Decimal
    commission: Decimal
    per_deal: bool
    margin_rate: Decimal | None


def symbol_specs(account: Account) -> dict[str, SymbolSpec]:
    """The contract of each symbol by the broker's spelling in small letters, as MT4 prints it."""
    named = account.symbols.items()
    return {spelled.lower(): _spec(CONTRACTS[name], account) for name, spelled in named}


def _spec(contract: Contract, account: Account) -> SymbolSpec:
    by_deal = contract.size == 1 and account in METATRADER_5
    return SymbolSpec(
        contract_size=contract.size,
        digits=contract.digits,
        tick_size=contract.point,
        swap_long=contract.swap_long,
        swap_short=contract.swap_short,
        commission=account.index_fee if by_deal else account.commission,
        per_deal=by_deal,
        margin_rate=Decimal(1) / contract.leverage if contract.leverage else None,
    )

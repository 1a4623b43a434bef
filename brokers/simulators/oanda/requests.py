"""Order requests as OANDA reads them: what is asked, or the reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.simulators.oanda.books import Books, client_id
from brokers.simulators.oanda.instruments import Instrument
from brokers.simulators.oanda.wire import Plain, moment, number, price, stamp, units
from tradershub.finance.decimals import round_to_step
from tradershub.finance.sides import DIRECTION, OPPOSITE, Side
from tradershub.finance.venue.market import Market
from tradershub.finance.venue.matching import dealing_price
from tradershub.finance.venue.orders import Duration, Kind, OrderRequest, Trigger

DURATIONS = {
    "GTC": Duration.GTC,
    "GTD": Duration.GTD,
    "GFD": Duration.DAY,
    "IOC": Duration.IOC,
    "FOK": Duration.FOK,
}
RESTING = frozenset({"GTC", "GTD", "GFD"})
ANY = frozenset(DURATIONS)
ENTRIES: Mapping[str, frozenset[str]] = {
    "MARKET": frozenset({"FOK", "IOC"}),
    "LIMIT": ANY,
    "STOP": ANY,
    "MARKET_IF_TOUCHED": RESTING,
}
KINDS = {
    "MARKET": Kind.MARKET,
    "LIMIT": Kind.LIMIT,
    "STOP": Kind.STOP,
    "TAKE_PROFIT": Kind.LIMIT,
    "STOP_LOSS": Kind.STOP,
    "TRAILING_STOP_LOSS": Kind.TRAILING_STOP,
}
DEPENDENTS = ("TAKE_PROFIT", "STOP_LOSS", "TRAILING_STOP_LOSS")
ON_FILL = {
    "takeProfitOnFill": "TAKE_PROFIT",
    "stopLossOnFill": "STOP_LOSS",
    "trailingStopLossOnFill": "TRAILING_STOP_LOSS",
}
TRIGGERS = {
    "DEFAULT": Trigger.DEFAULT,
    "INVERSE": Trigger.INVERSE,
    "BID": Trigger.BID,
    "ASK": Trigger.ASK,
    "MID": Trigger.MID,
}
OBJECTS = frozenset({*ON_FILL, "clientExtensions", "tradeClientExtensions"})
FILLS = frozenset({"DEFAULT", "OPEN_ONLY", "REDUCE_FIRST", "REDUCE_ONLY"})
LONGEST_ID = 128


class Malformed(ValueError):
    """The request cannot be read; nothing is recorded. message: as OANDA says it."""


class Refused(Exception):
    """The order is rejected and the rejection recorded."""

    def __init__(self, reason: str, facts: Plain | None = None, *, status: int = 400) -> None:
        super().__init__(reason)
        self.reason, self.facts, self.status = reason, facts or {}, status


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """type: as OANDA names the order. request: for the venue. facts: of its transaction."""

    type: str
    request: OrderRequest
    facts: Plain
    on_fill: dict[str, Plain] = field(default_factory=dict)
    reason: str = "CLIENT_ORDER"

    @property
    def transaction(self) -> str:
        return f"{self.type}_ORDER"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads order bodies against what is known now."""

    books: Books
    market: Market
    instruments: Mapping[str, Instrument]
    now: datetime
    replacing: str = ""

    def order(self, body: Any) -> Draft:
        """The order a body asks for. Raises Malformed, Refused."""
        asked = shaped(body.get("order") if isinstance(body, dict) else None)
        kind = asked.get("type", "MARKET")
        if kind in ENTRIES:
            return self._entry(kind, asked)
        if kind in DEPENDENTS:
            return self._dependent_on(kind, asked)
        raise Malformed("Invalid value specified for 'order.type'")

    # -- Entries -------------------------------------------------------------------------------
    def _entry(self, kind: str, asked: Plain) -> Draft:
        instrument = self._instrument(asked)
        facts: Plain = {"instrument": instrument.name, "units": asked.get("units")}
        signed = self._units(asked, instrument, facts)
        side: Side = "buy" if signed > 0 else "sell"
        duration = self._duration(asked, ENTRIES[kind], "FOK" if kind == "MARKET" else "GTC", facts)
        facts["positionFill"] = fill = asked.get("positionFill", "DEFAULT")
        if fill not in FILLS:
            raise Malformed("Invalid value specified for 'order.positionFill'")
        self._extensions(asked, facts)
        level = None if kind == "MARKET" else self._price(asked, "price", instrument, facts)
        bound = (
            self._price(asked, "priceBound", instrument, facts) if asked.get("priceBound") else None
        )
        trigger = self._trigger(asked, facts) if kind != "MARKET" else Trigger.DEFAULT
        on_fill = self._on_fill(asked, instrument, facts)
        reduces, first = self._position_fill(fill, instrument, side, facts)
        request = OrderRequest(
            symbol=instrument.name,
            side=side,
            lots=abs(signed),
            kind=self._touched(level, side, instrument)
            if kind == "MARKET_IF_TOUCHED"
            else KINDS[kind],
            price=level,
            bound=bound,
            duration=duration,
            expires_at=self._until(asked, duration, facts),
            trigger=trigger,
            reduce_only=reduces,
            reduce_first=first,
            client_id=client_id(asked),
        )
        return Draft(type=kind, request=request, facts=facts, on_fill=on_fill)

    def _instrument(self, asked: Plain) -> Instrument:
        name = asked.get("instrument")
        if not name:
            raise Malformed("The request was missing required data")
        if name not in self.instruments:
            raise Malformed("Invalid value specified for 'order.instrument'")
        return self.instruments[name]

    def _units(self, asked: Plain, instrument: Instrument, facts: Plain) -> Decimal:
        if "units" not in asked:
            raise Refused("UNITS_MISSING", facts)
        signed = number(asked["units"])
        if not signed:
            raise Refused("UNITS_INVALID", facts)
        facts["units"] = units(signed)
        self.refuse_fractions(instrument.name, signed, facts)
        if abs(signed) < instrument.least:
            raise Refused("UNITS_MIMIMUM_NOT_MET", facts)
        if abs(signed) > instrument.most:
            raise Refused("UNITS_LIMIT_EXCEEDED", facts)
        return signed

    def refuse_fractions(self, name: str, signed: Decimal, facts: Plain) -> None:
        """Raises Refused for more digits than the instrument's units have."""
        step = Decimal(1).scaleb(-self.instruments[name].unit_digits)
        if round_to_step(signed, step) != signed:
            raise Refused("UNITS_PRECISION_EXCEEDED", facts)

    def _position_fill(
        self, fill: str, instrument: Instrument, side: Side, facts: Plain
    ) -> tuple[bool, bool]:
        """Whether it only reduces, whether it reduces first."""
        against = any(
            (Decimal(trade["currentUnits"]) > 0) != (side == "buy")
            for trade in self.books.open_trades(instrument.name)
        )
        if fill == "OPEN_ONLY" and against and not self.books.hedging:
            raise Refused("ORDER_FILL_POSITION_ACTION_INVALID", facts)
        first = fill == "REDUCE_FIRST" or (fill == "DEFAULT" and not self.books.hedging)
        return fill == "REDUCE_ONLY", first

    def _touched(self, level: Decimal | None, side: Side, instrument: Instrument) -> Kind:
        """A market-if-touched order fires from whichever side its price is met."""
        quote = self.market.quotes.get(instrument.name)
        if quote is None or level is None:
            return Kind.IF_TOUCHED
        worse = (level - dealing_price(side, quote)) * DIRECTION[side] > 0
        return Kind.STOP if worse else Kind.IF_TOUCHED

    def _on_fill(self, asked: Plain, instrument: Instrument, facts: Plain) -> dict[str, Plain]:
        found: dict[str, Plain] = {}
        ids = [client_id(asked)]
        for name, kind in ON_FILL.items():
            details = asked.get(name)
            if not details:
                continue
            facts[name] = details
            self._level(kind, details, instrument, dict(facts), prefix=f"{kind}_ON_FILL_")
            found[kind] = details
            ids.append(client_id(details))
        named = [one for one in ids if one]
        if len(named) != len(set(named)):
            raise Refused("ORDERS_ON_FILL_DUPLICATE_CLIENT_ORDER_IDS", facts)
        return found

    # -- Dependents ----------------------------------------------------------------------------
    def _dependent_on(self, kind: str, asked: Plain) -> Draft:
        spec = str(asked.get("tradeID") or "")
        if not spec and asked.get("clientTradeID"):
            spec = f"@{asked['clientTradeID']}"
        if not spec:
            raise Malformed("The request was missing required data")
        trade = self.books.trade(spec)
        if trade is None or trade["state"] not in ("OPEN", "CLOSE_WHEN_TRADEABLE"):
            raise Refused("TRADE_DOESNT_EXIST", {"tradeID": spec}, status=404)
        there = self.books.dependents(trade["id"]).get(kind)
        if there is not None and there["id"] != self.replacing:
            raise Refused(f"{kind}_ORDER_ALREADY_EXISTS", {"tradeID": trade["id"]})
        return self.dependent(kind, asked, trade)

    def dependent(
        self, kind: str, asked: Plain, trade: Plain, *, reason: str = "CLIENT_ORDER"
    ) -> Draft:
        """An order that closes the trade. Raises Malformed, Refused."""
        asked = shaped(asked)
        instrument = self.instruments[trade["instrument"]]
        facts: Plain = {"tradeID": trade["id"], "clientTradeID": client_id(trade)}
        held = Decimal(trade["currentUnits"])
        side: Side = "sell" if held > 0 else "buy"
        level, distance = self._level(kind, asked, instrument, facts)
        if level is None and distance is not None and kind == "STOP_LOSS":
            level = Decimal(trade["price"]) + DIRECTION[side] * distance
            facts["price"] = price(level, instrument.digits)
        duration = self._duration(asked, RESTING, "GTC", facts)
        self._extensions(asked, facts)
        request = OrderRequest(
            symbol=instrument.name,
            side=side,
            lots=abs(held),
            kind=KINDS[kind],
            price=level,
            distance=distance if kind == "TRAILING_STOP_LOSS" else None,
            duration=duration,
            expires_at=self._until(asked, duration, facts),
            trigger=self._trigger(asked, facts),
            position=self.books.venue_position[trade["id"]],
            reduce_only=True,
            client_id=client_id(asked),
        )
        return Draft(type=kind, request=request, facts=facts, reason=reason)

    def _level(
        self, kind: str, asked: Plain, instrument: Instrument, facts: Plain, *, prefix: str = ""
    ) -> tuple[Decimal | None, Decimal | None]:
        """Price and distance, of which there must be one; a trailing stop has a distance only."""
        has_price, has_distance = bool(asked.get("price")), bool(asked.get("distance"))
        if kind == "TAKE_PROFIT" and not has_price:
            raise Refused(f"{prefix}PRICE_MISSING", facts)
        if kind == "STOP_LOSS" and has_price and has_distance:
            raise Refused(f"{prefix or 'STOP_LOSS_ORDER_'}PRICE_AND_DISTANCE_BOTH_SPECIFIED", facts)
        if kind == "STOP_LOSS" and not has_price and not has_distance:
            raise Refused(f"{prefix or 'STOP_LOSS_ORDER_'}PRICE_AND_DISTANCE_BOTH_MISSING", facts)
        if kind == "TRAILING_STOP_LOSS" and not has_distance:
            raise Refused(f"{prefix}PRICE_DISTANCE_MISSING", facts)
        level = (
            self._price(asked, "price", instrument, facts, prefix=prefix)
            if has_price and kind != "TRAILING_STOP_LOSS"
            else None
        )
        distance = (
            self._price(asked, "distance", instrument, facts, prefix=f"{prefix}PRICE_DISTANCE_")
            if has_distance and kind != "TAKE_PROFIT"
            else None
        )
        return level, distance

    # -- Parts ---------------------------------------------------------------------------------
    def _price(
        self, asked: Plain, name: str, instrument: Instrument, facts: Plain, *, prefix: str = ""
    ) -> Decimal:
        reason = prefix or ("PRICE_BOUND_" if name == "priceBound" else "")
        if asked.get(name) in (None, ""):
            raise Refused(f"{reason}PRICE_MISSING", facts)
        value = number(asked[name])
        facts[name] = asked[name]
        if value is None or value <= 0:
            raise Refused(f"{reason.removesuffix('DISTANCE_')}PRICE_INVALID", facts)
        if round_to_step(value, instrument.step) != value:
            ending = (
                "PRECISION_EXCEEDED" if reason.endswith("DISTANCE_") else "PRICE_PRECISION_EXCEEDED"
            )
            raise Refused(f"{reason}{ending}", facts)
        facts[name] = price(value, instrument.digits)
        return value

    def _duration(
        self, asked: Plain, allowed: frozenset[str], default: str, facts: Plain
    ) -> Duration:
        name = asked.get("timeInForce", default)
        facts["timeInForce"] = name
        if name not in DURATIONS:
            raise Malformed("Invalid value specified for 'order.timeInForce'")
        if name not in allowed:
            raise Refused("TIME_IN_FORCE_INVALID", facts)
        return DURATIONS[name]

    def _until(self, asked: Plain, duration: Duration, facts: Plain) -> datetime | None:
        if duration is not Duration.GTD:
            return None
        if not asked.get("gtdTime"):
            raise Refused("TIME_IN_FORCE_GTD_TIMESTAMP_MISSING", facts)
        try:
            until = moment(str(asked["gtdTime"]))
        except ValueError as unreadable:
            raise Malformed("Invalid value specified for 'order.gtdTime'") from unreadable
        facts["gtdTime"] = stamp(until)
        if until <= self.now:
            raise Refused("TIME_IN_FORCE_GTD_TIMESTAMP_IN_PAST", facts)
        return until

    def _trigger(self, asked: Plain, facts: Plain) -> Trigger:
        name = asked.get("triggerCondition", "DEFAULT")
        if name not in TRIGGERS:
            raise Malformed("Invalid value specified for 'order.triggerCondition'")
        facts["triggerCondition"] = name
        return TRIGGERS[name]

    def _extensions(self, asked: Plain, facts: Plain) -> None:
        for name, word in (("clientExtensions", "ORDER"), ("tradeClientExtensions", "TRADE")):
            given = asked.get(name)
            if not given:
                continue
            facts[name] = {
                key: str(given[key]) for key in ("id", "tag", "comment") if given.get(key)
            }
            for key, text in facts[name].items():
                if len(text) > LONGEST_ID:
                    raise Refused(f"CLIENT_{word}_{key.upper()}_INVALID", facts)
        wanted = client_id(asked)
        if wanted and any(
            client_id(one) == wanted and one["state"] == "PENDING" and one["id"] != self.replacing
            for one in self.books.orders.values()
        ):
            raise Refused("CLIENT_ORDER_ID_ALREADY_EXISTS", facts)


def shaped(asked: Any) -> Plain:
    """The object as it was sent, without nulls; objects where they belong, texts and numbers elsewhere.

    Raises Malformed.
    """
    if not isinstance(asked, dict):
        raise Malformed("The request was missing required data")
    found: Plain = {}
    for name, value in asked.items():
        if value is None:
            continue
        if isinstance(value, dict if name in OBJECTS else str | int):
            found[name] = shaped(value) if name in OBJECTS else value
            continue
        raise Malformed(f"Invalid value specified for 'order.{name}'")
    return found


def losing(draft: Draft, market: Market) -> str:
    """Why a market order's stops would leave its trade at once; "" where they would not."""
    quote = market.quotes.get(draft.request.symbol)
    if quote is None or draft.type != "MARKET":
        return ""
    side = draft.request.side
    leaving = dealing_price(OPPOSITE[side], quote)
    for kind, sign in (("STOP_LOSS", 1), ("TAKE_PROFIT", -1)):
        level = number(draft.on_fill.get(kind, {}).get("price"))
        if level is not None and (leaving - level) * DIRECTION[side] * sign <= 0:
            return f"{kind}_ON_FILL_LOSS"
    return ""

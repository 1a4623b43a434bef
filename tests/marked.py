"""A person's books in which every text that is theirs bears a mark."""

from __future__ import annotations

import uuid
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from accounts import manual
from accounts.models import (
    Account,
    AccountTerms,
    Break,
    Channel,
    DayFigures,
    Deal,
    EquitySnapshot,
    FileMapping,
    Notification,
    Position,
    StatementExtras,
    StatementFile,
    StatementImport,
    StatementLine,
)
from brokers.connecting import all_platforms
from brokers.models import (
    AdapterState,
    Connection,
    FxRate,
    Instrument,
    Quote,
    SymbolTerms,
    TokenBucket,
    VenueEvent,
    VenueSnapshot,
)
from risk.models import Blackout, KillSwitch, LastEquity, Limit, Reservation, RiskEvent
from tests.factories import make_account, make_broker, make_strategy, make_symbol, moment
from tradershub.core.api_keys import create_key
from tradershub.core.models import ApiKey, AuditEntry, Build, Preference, Submission
from tradershub.core.owned import OwnedModel
from trading.models import (
    Flattening,
    Gate,
    Lane,
    Lease,
    Mirror,
    Order,
    OrderAttempt,
    OrderCheck,
    OrderEvent,
    Route,
    Signal,
    SignalSource,
)

MARK = "zqxmark"
BATCH = uuid.UUID("7ab3b3c1-7b3c-4a0e-a97f-8acb023aa40d")
AT = moment("2024-03-04 10:00")


class MarkedBooks:
    """One row of each table, by the name under which routes ask for its id."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.rows: dict[type[Model], Model] = {}
        account = make_account(owner=owner, broker=make_broker(name="Shared"), **marked("name"))
        self.account = self.keep(account)
        self.shared()
        self.connected()
        self.booked()
        self.planned()
        self.sent()
        self.imported()
        self.bounded()
        self.personal()

    def keep(self, row: Any) -> Any:
        self.rows[type(row)] = row
        return row

    def shared(self) -> None:
        self.keep(self.account.broker)
        instrument = self.keep(Instrument.objects.get(symbol="EURUSD"))
        symbol = self.keep(make_symbol(self.account, instrument=instrument))
        terms = {"contract_size": 100000, "tick_size": "0.00001", "valid_from": "2020-01-01"}
        self.keep(SymbolTerms.objects.create(symbol=symbol, **terms))
        self.keep(Quote.objects.create(symbol=symbol, bid="1.2", ask="1.2001", at=AT, source="x"))
        rate = {"currency": "USD", "day": "2024-03-01", "rate": "1.1"}
        self.keep(FxRate.objects.get_or_create(day="2024-03-01", currency="USD", defaults=rate)[0])

    def connected(self) -> None:
        """A way to a platform, and what an adapter and a venue keep there."""
        self.keep(all_platforms()[0])
        connection = self.keep(
            Connection.objects.create(
                owner=self.owner,
                broker=self.account.broker,
                platform="manual",
                name=MARK,
                settings={"note": MARK},
                sealed=MARK,
                fault=MARK,
            )
        )
        of_it = {"connection": connection, "account": MARK}
        self.keep(AdapterState.objects.create(**of_it, key=MARK, value=MARK))
        bucket = {"connection": connection, "tokens": 1, "counted_at": AT}
        self.keep(TokenBucket.objects.create(**bucket, name=MARK))
        event = {"seq": 1, "kind": MARK, "at": AT, "payload": {"mark": MARK}}
        self.keep(VenueEvent.objects.create(**of_it, **event))
        self.keep(VenueSnapshot.objects.create(**of_it, seq=1, state={"mark": MARK}))
        self.keep(Lease.objects.create(connection=connection, holder=MARK, until=AT))
        self.keep(Mirror.objects.create(account=self.account, cursor=MARK))

    def booked(self) -> None:
        account, by = self.account, {"actor": self.owner, "comment": MARK}
        self.keep(AccountTerms.objects.create(account=account, valid_from="2020-01-01"))
        manual.deposit(account, amount="77777.77", at=AT, broker_deal_id=f"{MARK}0", **by)
        entry = {"symbol": "EURUSD", "side": "buy", "volume": "1", "price": "1.1"}
        deal = manual.trade(account, at=AT, broker_deal_id=f"{MARK}1", **entry, **by)
        self.keep(deal)
        self.keep(Position.objects.get(account=account))
        self.keep(
            manual.place_order(account, **entry, type="limit", broker_order_id=f"{MARK}2", **by)
        )
        self.keep(DayFigures.objects.filter(account=account).first())
        marks = {"at": AT, "balance": "77777.77", "equity": "77777.77", "source": "manual"}
        self.keep(EquitySnapshot.objects.create(account=account, **marks))
        self.keep(Break.objects.create(account=account, kind="total", cause=MARK))

    def planned(self) -> None:
        strategy = self.keep(make_strategy(self.owner, MARK, name=MARK, notes=MARK))
        self.keep(Route.objects.create(strategy=strategy, account=self.account))
        source = self.keep(
            SignalSource.objects.create(
                owner=self.owner, name=MARK, strategy=strategy, hashes=[MARK]
            )
        )
        sent = {"key": MARK, "body": MARK, "body_hash": MARK, "mode": "dry_run"}
        times = {"received_at": AT, "last_delivery_at": AT}
        signal = self.keep(Signal.objects.create(source=source, reason=MARK, **sent, **times))
        self.keep(Gate.objects.create(signal=signal, at=AT, name=MARK, passed=True))

    def sent(self) -> None:
        """An order at the broker, with its story."""
        account = self.account
        order = self.keep(
            Order.objects.create(
                account=account,
                symbol=make_symbol(account),
                client_order_id=MARK,
                broker_order_id=MARK,
                origin_kind="hand",
                origin_id=MARK,
                strategy=MARK,
                reason=MARK,
                side="buy",
                lots=1,
                state="working",
                lane_seq=1,
                received_at=AT,
            )
        )
        told = {"text": MARK, "at": AT}
        self.keep(OrderEvent.objects.create(order=order, seq=0, target="received", **told))
        self.keep(
            OrderCheck.objects.create(order=order, stage="decision", place=0, passed=True, **told)
        )
        self.keep(
            OrderAttempt.objects.create(
                account=account, order=order, action="place", asked={"client_id": MARK},
                outcome="done", made_at=AT, text=MARK,
            )
        )  # fmt: skip
        self.keep(Lane.objects.create(account=account, halted=True, halted_because=MARK))
        asked = {"asked_by": MARK, "words": MARK, "asked_at": AT, "next_at": AT}
        self.keep(Flattening.objects.create(account=account, **asked))

    def imported(self) -> None:
        owner, account = self.owner, self.account
        file = self.keep(
            StatementFile.objects.create(owner=owner, sha256=MARK, size=1, data=b"zqxmark")
        )
        mapping = {"name": MARK, "headings_hash": MARK, "mapping": {"a": MARK}}
        self.keep(FileMapping.objects.create(owner=owner, broker=account.broker, **mapping))
        imported = self.keep(
            StatementImport.objects.create(
                owner=owner,
                account=account,
                file=file,
                file_name=f"{MARK}.html",
                sha256=MARK,
                batch=BATCH,
                state="preview",
                preview={"file": MARK, "notes": [MARK]},
            )
        )
        self.keep(StatementLine.objects.create(statement=imported, row=1, fate="refused"))
        self.keep(StatementExtras.objects.create(statement=imported, data=b""))

    def bounded(self) -> None:
        """A limit, what an order holds of it, a refusal, a switch."""
        account, owner = self.account, self.owner
        on = {"scope": "account", "account": account, "owner": owner, "preset": MARK}
        limit = Limit.objects.create(kind="max_lots", unit="lots", value="1", **on)
        self.keep(limit)
        window = {
            "event": MARK,
            "scope": "all",
            "starts_at": AT,
            "ends_at": moment("2024-03-04 11:00"),
        }
        self.keep(Blackout.objects.create(owner=owner, **window))
        order = {"client_order_id": f"{MARK}-order", "origin": MARK, "fingerprint": MARK}
        what = {"symbol": self.rows[SymbolTerms].symbol, "side": "buy", "intent": "entry"}
        held = {"lots": "1", "ask": {}, "epoch": 1, "at": AT}
        self.keep(Reservation.objects.create(account=account, **order, **what, **held))
        self.keep(LastEquity.objects.create(account=account, result="77777.77", at=AT))
        said = {"rule": "max_lots", "code": "MAX_LOTS", "text": MARK, "kind": "refused", "at": AT}
        self.keep(RiskEvent.objects.create(account=account, limit=limit, **said))
        switch = {"scope": "source", "key": f"{owner.pk}:{MARK}", "owner_id": owner.pk}
        self.keep(KillSwitch.objects.create(engaged=True, epoch=1, reason=MARK, **switch))

    def personal(self) -> None:
        key, self.secret = create_key(owner=self.owner, name=MARK, scopes=["read"])
        self.keep(key)
        self.keep(Preference.objects.create(owner=self.owner, remembered={"note": MARK}))
        self.keep(Submission.objects.create(owner=self.owner, token=MARK, action="deposit"))
        self.keep(AuditEntry.objects.filter(owner_id=self.owner.pk).first())
        channel = Channel.objects.create(
            owner=self.owner, name=MARK, kind="telegram", sealed=MARK, fault=MARK, bot=1, chat=1,
            chat_name=MARK,
        )  # fmt: skip
        said = {"title": MARK, "text": MARK, "key": MARK, "topic": "entry", "state": "sent"}
        times = {"made_at": AT, "next_at": AT, "expires_at": AT}
        self.keep(channel)
        self.keep(Notification.objects.create(channel=channel, **said, **times))
        self.built()
        LogEntry.objects.create(
            user=self.owner,
            content_type=ContentType.objects.get_for_model(Account),
            object_id=self.account.pk,
            object_repr=MARK,
            action_flag=2,
        )

    def built(self) -> None:
        """A workbook that a worker has made."""
        question = {
            "form": "workbook", "report": "trades", "pk": None, "table": "trades", "title": MARK,
            "query": f"q={MARK}", "file": f"{MARK}.xlsx",
        }  # fmt: skip
        made = {"state": "done", "summary": {"rows": 1}, "size": len(MARK)}
        build = Build.objects.create(owner=self.owner, key=MARK, question=question, **made)
        self.keep(build).parts.create(number=0, data=MARK.encode())

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """All that is the person's, to compare before and after."""
        owned = [model for model in apps.get_models() if issubclass(model, OwnedModel)]
        found = {m.__name__: m.objects.filter(**{m.OWNER_PATH: self.owner}) for m in owned}
        found |= {
            model.__name__: model.objects.filter(owner=self.owner)
            for model in (ApiKey, Build, Preference, Submission)
        }
        return {name: list(rows.order_by("pk").values()) for name, rows in found.items()}


def marked(*names: str) -> dict[str, str]:
    return {name: MARK for name in names} | {"number": f"{MARK}-number", "notes": MARK}


__all__ = ["AT", "BATCH", "MARK", "Deal", "MarkedBooks"]

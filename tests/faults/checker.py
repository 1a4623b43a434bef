"""Did a fault run keep its promises? A program of its own that only reads.

    python -m tests.faults.checker DATABASE LEDGER HTTP_LOG

It compares three records that know nothing of each other: the hub's database by plain SQL, the broker's ledger,
the log of what was sent over HTTP. It imports nothing of the hub; what an order may do is written down here a
second time. Prints counts and findings as JSON; the status is 1 where anything was lost, doubled or guessed.

I1 an intent is at most one order at the broker. I2 each answered signal is one row, and its orders come to an end
that can be seen. I3 what the broker has under our ids is in the books. I4 fills are equal, order by order. I5 no
entry leaves after a stop. I6 limits hold, by our counters and by the ledger. I7 a lane's orders arrive in their
turn. I8 no move outside the table. I9 who is over holds nothing, who lives holds something. I11 the audit chain
is whole. I13 whose fate is unknown is in the audit log and the outbox. G a definite end is the truth.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

SCALE = 10**9  # decimals are whole numbers of this part on SQLite
OVER = {"blocked", "filled", "cancelled", "expired", "rejected", "not_sent"}
VISIBLE = {"unknown", "quarantined"}
WORKS = {"working", "partial", "cancel_pending", "replace_pending"}
NEVER_THERE = {"blocked", "not_sent", "rejected"}
ID_MARK, ID_LENGTH = "T", 22
Row = dict[str, Any]

# Which state may follow which (reliability.md 2.4), written anew from the page.
AT_BROKER = "working partial filled cancelled expired"
MOVES = {
    "": "received",
    "received": f"blocked queued not_sent {AT_BROKER} rejected",
    "queued": f"blocked not_sent sending {AT_BROKER} rejected",
    "sending": f"{AT_BROKER} rejected queued not_sent unknown",
    "unknown": f"{AT_BROKER} rejected not_sent quarantined",
    "quarantined": f"{AT_BROKER} rejected not_sent",
    "working": "partial filled cancelled expired rejected cancel_pending replace_pending",
    "partial": "filled cancelled expired rejected cancel_pending replace_pending",
    "cancel_pending": f"{AT_BROKER} rejected",
    "replace_pending": f"{AT_BROKER} rejected",
    "not_sent": f"{AT_BROKER} rejected",
    "expired": "rejected cancelled filled",
    "rejected": "cancelled filled",
    "cancelled": "filled",
}
MAY = {origin: set(targets.split()) for origin, targets in MOVES.items()}


# -- The three records -------------------------------------------------------------------------
class Books:
    """The hub's database, read in one transaction."""

    def __init__(self, address: str) -> None:
        self.is_sqlite = address.startswith("sqlite:///")
        if self.is_sqlite:
            path = address.removeprefix("sqlite:///")
            self.session: Any = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
            self.session.execute("BEGIN")
        else:
            self.session = psycopg.connect(address)
            self.session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def rows(self, table: str, names: str, more: str = "") -> list[Row]:
        columns = names.split()
        found = self.session.execute(f"SELECT {', '.join(columns)} FROM {table} {more}").fetchall()
        return [
            dict(zip((c.rpartition(".")[2] for c in columns), row, strict=True)) for row in found
        ]

    def number(self, value: Any) -> Decimal:
        return Decimal(value or 0) / SCALE if self.is_sqlite else Decimal(value or 0)

    def plain(self, value: Any) -> Any:
        """A column of JSON."""
        return json.loads(value) if isinstance(value, str) else value

    def moment(self, value: Any) -> dt.datetime:
        if isinstance(value, str):
            return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
        return value.astimezone(dt.UTC)


def lines_of(path: Path) -> list[Row]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


class Records:
    """All that is compared. orders: by client id. taken: what the broker accepted."""

    def __init__(self, address: str, ledger: Path, http: Path) -> None:
        self.books = books = Books(address)
        self.ledger, self.http = lines_of(ledger), lines_of(http)
        self.taken = [
            line for line in self.ledger if line["op"] in ("place", "close") and line["accepted"]
        ]
        self.fills: dict[str, Decimal] = defaultdict(Decimal)
        for line in self.ledger:
            if line["op"] == "fill" and line["client_id"]:
                self.fills[line["client_id"]] += Decimal(line["lots"])
        self.numbers = {
            row["id"]: row["number"] for row in books.rows("accounts_account", "id number")
        }
        names = (
            "id account_id symbol_id client_order_id broker_order_id origin_kind origin_id side lots kind"
            " filled state lane_seq reduces holds version code"
        )
        self.orders = books.rows("trading_order", names, "ORDER BY id")
        for order in self.orders:
            order["number"] = self.numbers[order["account_id"]]
            order["lots"], order["filled"] = (
                books.number(order["lots"]),
                books.number(order["filled"]),
            )
        self.by_client = {order["client_order_id"]: order for order in self.orders}
        self.attempts = books.rows(
            "trading_orderattempt", "id order_id account_id action outcome opened_at", "ORDER BY id"
        )
        self.signals = books.rows(
            "trading_signal", "id source_id key state code mode", "ORDER BY id"
        )
        self.sources = {row["id"]: row for row in books.rows("trading_signalsource", "id name uid")}


# -- Invariants --------------------------------------------------------------------------------
def one_order_an_intent(known: Records) -> Iterator[str]:
    """I1, by our id and by what the sender asked for, whose lots are its own on that account."""
    ids = Counter(line["client_id"] for line in known.taken if line["client_id"])
    for client_id, times in ids.items():
        if times > 1:
            yield f"{client_id} is at the broker {times} times"
    entries: dict[tuple[str, str, Decimal], list[int]] = defaultdict(list)
    for line in known.taken:
        if line["op"] == "place":
            entries[line["account"], line["side"], Decimal(line["lots"])].append(line["n"])
    for line in wanted(known):
        for number in line["accounts"]:
            found = entries[number, line["action"], Decimal(line["size"])]
            if len(found) > 1:
                yield f"{line['key']} is on account {number} {len(found)} times"
    rows = Counter(
        (o["origin_kind"], o["origin_id"], o["number"], o["side"], o["lots"])
        for o in known.orders
        if not o["reduces"]
    )
    for what, times in rows.items():
        if times > 1:
            yield f"{what[1]} made {times} orders on account {what[2]}"
    open_ones = Counter(
        a["order_id"] for a in known.attempts if a["outcome"] in ("open", "unknown")
    )
    yield from (f"order {pk} has {n} open requests" for pk, n in open_ones.items() if n > 1)


def wanted(known: Records) -> list[Row]:
    """Entries of a size of their own, each once however often it was sent."""
    first: dict[tuple[str, str], Row] = {}
    for line in known.http:
        if line.get("size") and not line.get("other"):
            first.setdefault((line["source"], line["key"]), line)
    return list(first.values())


def nothing_lost(known: Records) -> Iterator[str]:
    """I2."""
    rows = Counter((known.sources[s["source_id"]]["name"], s["key"]) for s in known.signals)
    told: dict[tuple[str, str], set[Any]] = defaultdict(set)
    for line in known.http:
        if line["restored"]:
            told[line["source"], line["key"]].clear()
        if line["status"] == 202:
            told[line["source"], line["key"]].add(line["id"])
    for (source, key), ids in told.items():
        if rows[source, key] != 1:
            yield f"{source} {key} was answered with 202 and has {rows[source, key]} rows"
        if len(ids) > 1:
            yield f"{source} {key} was answered with different ids: {sorted(ids)}"
    for signal in known.signals:
        if signal["state"] == "received":
            yield f"signal {signal['id']} was never run"
    legs = Counter(o["origin_id"] for o in known.orders if o["origin_kind"] == "signal")
    for signal in known.signals:
        if signal["key"].startswith("rest:"):
            continue  # its orders stem from the message that it is a rest of
        origin = f"{known.sources[signal['source_id']]['uid']}:{signal['key']}"
        if signal["state"] == "ordered" and not legs[origin] and not signal["code"]:
            yield f"signal {signal['id']} became orders, and there are none"
    for order in known.orders:
        if order["state"] not in OVER | VISIBLE | WORKS:
            yield f"order {order['id']} stands at {order['state']}"


def all_in_the_books(known: Records) -> Iterator[str]:
    """I3."""
    for line in known.taken:
        client_id = line["client_id"]
        if not (client_id.startswith(ID_MARK) and len(client_id) == ID_LENGTH):
            continue
        order = known.by_client.get(client_id)
        if order is None:
            yield f"{client_id} is at the broker and not in the books"
        elif order["number"] != line["account"]:
            yield f"{client_id} is on account {line['account']} and ours on {order['number']}"
        elif order["state"] in OVER | WORKS and (order["side"], order["lots"]) != (
            line["side"], Decimal(line["lots"]),
        ) and not order["reduces"]:  # fmt: skip
            yield f"{client_id} is of {line['side']} {line['lots']}, asked {order['side']} {order['lots']}"


def fills_are_equal(known: Records) -> Iterator[str]:
    """I4, by the deals and by what the order says of itself."""
    books, booked = known.books, defaultdict(Decimal)
    names = "client_order_id volume broker_deal_id account_id"
    deals = books.rows("accounts_deal", names, "WHERE kind = 'trade'")
    for deal in deals:
        booked[deal["client_order_id"]] += books.number(deal["volume"])
    twice = Counter((deal["account_id"], deal["broker_deal_id"]) for deal in deals)
    yield from (f"deal {key} is booked {n} times" for key, n in twice.items() if n > 1)
    for client_id, order in known.by_client.items():
        theirs = known.fills[client_id]
        if booked[client_id] != theirs or order["filled"] != theirs:
            yield (
                f"{client_id} filled {theirs} at the broker, {booked[client_id]} in the books,"
                f" {order['filled']} on the order"
            )


def nothing_after_a_stop(known: Records) -> Iterator[str]:
    """I5: by the stops in the audit log, and by the moments at which the driver knew of them."""
    books = known.books
    at = books.rows("core_auditentry", "seq at action details", "ORDER BY seq")
    stops: list[tuple[dt.datetime, dt.datetime]] = []
    since: dt.datetime | None = None
    for entry in at:
        if not entry["action"].startswith("kill_switch."):
            continue
        if books.plain(entry["details"]).get("scope") != "all":
            continue  # of one account or person: the hub's own tests look at these
        if entry["action"] == "kill_switch.engage":
            since = since or books.moment(entry["at"])
        if entry["action"] == "kill_switch.release" and since:
            stops.append((since, books.moment(entry["at"])))
            since = None
    if since:
        stops.append((since, dt.datetime.max.replace(tzinfo=dt.UTC)))
    reduces = {order["id"]: order["reduces"] for order in known.orders}
    grace = dt.timedelta(seconds=0.5)  # the entry is written a moment before its transaction ends
    for attempt in known.attempts:
        if attempt["action"] != "place" or reduces[attempt["order_id"]] or not attempt["opened_at"]:
            continue
        opened = books.moment(attempt["opened_at"])
        if any(begin + grace < opened < end for begin, end in stops):
            yield f"request {attempt['id']} was begun at {opened} while everything was stopped"


def limits_hold(known: Records) -> Iterator[str]:
    """I6: every counter against what is held, and what the broker ever had open against each limit of lots."""
    books = known.books
    holds: dict[int, Decimal] = defaultdict(Decimal)
    for usage, left in books.session.execute('SELECT usage_id, "left" FROM risk_hold').fetchall():
        holds[usage] += books.number(left)
    for row in books.rows("risk_usage", "id scope used reserved"):
        reserved = books.number(row["reserved"])
        if reserved != holds[row["id"]]:
            yield f"counter {row['scope']} reserves {reserved}, its orders hold {holds[row['id']]}"
    rows = books.rows("risk_limit", "id kind scope account_id value", "WHERE kind = 'symbol_lots'")
    most = {
        known.numbers[r["account_id"]]: books.number(r["value"]) for r in rows if r["account_id"]
    }
    held: dict[str, Decimal] = defaultdict(Decimal)
    for line in known.ledger:
        if line["op"] != "fill" or line["account"] not in most:
            continue
        held[line["account"]] += Decimal(line["lots"]) * (1 if line["entry"] == "in" else -1)
        now, allowed = held[line["account"]], most[line["account"]]
        if now > allowed:
            told = f"{now.normalize():f} lots open, allowed {allowed.normalize():f}"
            yield f"account {line['account']} had {told}"


def in_their_turn(known: Records) -> Iterator[str]:
    """I7: entries of one account and symbol."""
    last: dict[tuple[str, str], tuple[int, str]] = {}
    for line in known.taken:
        order = known.by_client.get(line["client_id"])
        if order is None or order["reduces"] or order["lane_seq"] is None:
            continue
        lane = (line["account"], line["symbol"])
        before = last.get(lane)
        if before and order["lane_seq"] < before[0]:
            yield f"{line['client_id']} of turn {order['lane_seq']} came after turn {before[0]}"
        last[lane] = (max(order["lane_seq"], before[0] if before else 0), line["client_id"])


def moves_are_known(known: Records) -> Iterator[str]:
    """I8."""
    events: dict[int, list[Row]] = defaultdict(list)
    names = "order_id seq origin target rule code"
    for event in known.books.rows("trading_orderevent", names, "ORDER BY order_id, seq"):
        events[event["order_id"]].append(event)
    for order in known.orders:
        state, seqs = "", [event["seq"] for event in events[order["id"]]]
        if seqs != list(range(len(seqs))):
            yield f"order {order['id']} has events {seqs}"
        for event in events[order["id"]]:
            origin, target = event["origin"], event["target"]
            if event["rule"] != "same":
                if origin != state:
                    yield f"order {order['id']} went from {origin}, and stood at {state}"
                if target not in MAY.get(origin, set()):
                    yield f"order {order['id']} went from {origin} to {target}"
            state = target
        if state != order["state"]:
            yield f"order {order['id']} stands at {order['state']}, its events end at {state}"


def nothing_held_in_vain(known: Records) -> Iterator[str]:
    """I9."""
    names = "client_order_id consumed over_at"
    held = {
        row["client_order_id"]
        for row in known.books.rows("risk_reservation", names)
        if row["over_at"] is None
    }
    for client_id in held:
        order = known.by_client.get(client_id)
        if order is None or order["state"] in OVER:
            state = order["state"] if order else "nowhere"
            yield f"{client_id} holds its reservation and is {state}"
    waiting = VISIBLE | {"queued", "sending", "working"}
    for order in known.orders:
        if (
            order["state"] in waiting
            and not order["filled"]
            and order["client_order_id"] not in held
        ):
            yield f"{order['client_order_id']} is {order['state']} and holds nothing"


def chain_is_whole(known: Records) -> Iterator[str]:
    """I11: each entry seals the one before it."""
    names = (
        "seq previous_hash hash at actor owner_id action target summary details request_id noted"
    )
    number, before = 0, "0" * 64
    for row in known.books.rows("core_auditentry", names, "ORDER BY seq"):
        if row["seq"] != number + 1 or row["previous_hash"] != before:
            yield f"audit entry {row['seq']} does not follow {number}"
        content = {
            "seq": row["seq"],
            "at": known.books.moment(row["at"]).isoformat(timespec="microseconds"),
            "actor": row["actor"], "owner": row["owner_id"], "action": row["action"],
            "target": row["target"], "summary": row["summary"],
            "details": known.books.plain(row["details"]), "request": row["request_id"],
        }  # fmt: skip
        if row["noted"] is not None:
            content["noted"] = row["noted"]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        if hashlib.sha256((row["previous_hash"] + text).encode("ascii")).hexdigest() != row["hash"]:
            yield f"audit entry {row['seq']} does not match its seal"
        number, before = row["seq"], row["hash"]


def persons_are_told(known: Records) -> Iterator[str]:
    """I13: an order whose fate is unknown stands in the audit log, and in the outbox of who has a channel.

    Its message may be taken back where it came to an end.
    """
    actions: dict[str, set[str]] = defaultdict(set)
    for row in known.books.rows("core_auditentry", "action target"):
        actions[row["target"]].add(row["action"])
    said = {row["key"]: row for row in known.books.rows("accounts_notification", "key state")}
    listens = bool(known.books.rows("accounts_channel", "id", "WHERE enabled"))
    moves = known.books.rows("trading_orderevent", "order_id target rule")
    doubts = {(row["order_id"], row["target"]) for row in moves if row["rule"] != "same"}
    doubts |= {(order["id"], order["state"]) for order in known.orders}
    states = {order["id"]: order["state"] for order in known.orders}
    for number, doubt in sorted(doubts):
        if doubt not in VISIBLE:
            continue
        if f"order.{doubt}" not in actions[f"trading.Order {number}"]:
            yield f"order {number} became {doubt}, which is not in the audit log"
        message = said.get(f"order:{number}:{doubt}")
        is_over = states[number] != doubt
        if listens and (message is None or (message["state"] == "dropped" and not is_over)):
            yield f"order {number} became {doubt}, and nobody is told"


def ends_are_true(known: Records) -> Iterator[str]:
    """Guessed: a definite end that the broker's own ledger contradicts, or one from unknown without evidence."""
    there = {line["client_id"] for line in known.taken if line["client_id"]}
    for order in known.orders:
        client_id, state = order["client_order_id"], order["state"]
        if state in NEVER_THERE and client_id in there:
            yield f"{client_id} is {state} in the books and is at the broker"
        if state in WORKS | {"filled", "cancelled", "expired"} and client_id not in there:
            yield f"{client_id} is {state} in the books and was never at the broker"
        if state == "filled" and known.fills[client_id] < order["lots"] and not order["reduces"]:
            yield f"{client_id} is filled in the books, at the broker {known.fills[client_id]}"


INVARIANTS = {
    "I1": one_order_an_intent,
    "I2": nothing_lost,
    "I3": all_in_the_books,
    "I4": fills_are_equal,
    "I5": nothing_after_a_stop,
    "I6": limits_hold,
    "I7": in_their_turn,
    "I8": moves_are_known,
    "I9": nothing_held_in_vain,
    "I11": chain_is_whole,
    "I13": persons_are_told,
    "G": ends_are_true,
}
LOST, DOUBLED, GUESSED = ("I2", "I3", "I4"), ("I1",), ("G",)
MOST = 20


def check(address: str, ledger: Path, http: Path) -> Row:
    known = Records(address, ledger, http)
    found = {name: list(look(known)) for name, look in INVARIANTS.items()}
    known.books.session.close()
    states = Counter(order["state"] for order in known.orders)

    def count(names: Iterable[str]) -> int:
        return sum(len(found[name]) for name in names)

    return {
        "orders": len(known.orders),
        "signals": len(known.signals),
        "at_broker": len(known.taken),
        "requests": len(known.attempts),
        "states": dict(sorted(states.items())),
        "lost": count(LOST),
        "duplicated": count(DOUBLED),
        "guessed": count(GUESSED),
        "broken": sum(map(len, found.values())),
        "looked_for": list(INVARIANTS),
        "findings": {name: sentences[:MOST] for name, sentences in found.items() if sentences},
    }


if __name__ == "__main__":
    result = check(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    print(json.dumps(result, indent=1))
    sys.exit(1 if result["broken"] else 0)

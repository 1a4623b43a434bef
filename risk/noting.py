"""What is kept and told of an order that was refused."""

from __future__ import annotations

from accounts.models import Account, Topic
from accounts.notify import Words, tell
from risk import counters
from risk.allowances import counter_scope
from risk.counters import Counter
from risk.facts import OrderFacts, Question, Verdict
from risk.models import RiskEvent

LATCHING = frozenset({"LOSS", "DRAWDOWN", "STRATEGY_LOSS", "TOO_MANY_ENTRIES"})


def note(facts: OrderFacts, verdict: Verdict, question: Question | None) -> None:
    """Keep the refusal, and latch the limits of loss that were found broken."""
    account = Account.objects.filter(pk=facts.account_id, owner=facts.owner_id).first()
    if account is None:
        return
    for check in verdict.checks:
        if not check.passed:
            RiskEvent.objects.create(
                kind=RiskEvent.Kind.REFUSED,
                account=account,
                limit_id=check.figures.get("limit_id"),
                client_order_id=facts.client_order_id,
                rule=check.rule,
                code=check.code,
                text=check.text[:300],
                figures=check.figures,
                at=facts.at,
            )
    if question is not None:
        _latch(question, verdict, account)


def _latch(question: Question, verdict: Verdict, account: Account) -> None:
    """A limit of loss that was found broken stays so until its window ends or a person lets it go on."""
    broken = {check.figures.get("limit_id"): check for check in verdict.checks if not check.passed}
    for limit in question.limits:
        check = broken.get(limit.id)
        if check is None or check.code not in LATCHING or limit.latched_at is not None:
            continue
        counter = Counter(counter_scope(limit), limit.window_key, limit.id)
        if counters.latch(counter, at=question.order.at):
            RiskEvent.objects.create(
                kind=RiskEvent.Kind.BROKEN,
                account=account,
                limit_id=limit.id,
                rule=check.rule,
                code=check.code,
                text=check.text[:300],
                figures=check.figures,
                at=question.order.at,
            )
            words = Words(
                check.text, "New entries are refused until its window ends or you let it go on."
            )
            key = f"limit:{limit.id}:{limit.window_key}:{question.order.at.timestamp():.0f}"
            tell(Topic.LIMIT, key, words, owner_id=account.owner_id)

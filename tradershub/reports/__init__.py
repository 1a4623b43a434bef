"""Pages that show: one line per page here; menu, address and export follow from it."""

from tradershub.core.registry import Registry

REPORTS = Registry(
    dashboard=("Dashboard", "tradershub.reports.dashboard.Dashboard"),
    equity=("Equity and balance", "tradershub.reports.equity.EquityCurve"),
    account=("Account", "tradershub.reports.account.AccountPage"),
    statement=("Account statement", "tradershub.reports.statement.AccountStatement"),
    positions=("Open positions", "tradershub.reports.positions.OpenPositions"),
    trades=("Closed trades", "tradershub.reports.trades.ClosedTrades"),
    latency=("Latency", "tradershub.reports.latency.Latency"),
    breaks=("Breaks", "tradershub.reports.breaks.Breaks"),
    risk=("Risk", "tradershub.reports.risk.Risk"),
    health=("Health", "tradershub.reports.health.Health"),
    audit=("Audit", "tradershub.reports.audit.AuditLog"),
)

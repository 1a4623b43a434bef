from __future__ import annotations

from typing import Any

from django.apps import AppConfig

from risk.hooks import kill_switch_engaged


class TradingConfig(AppConfig):
    name = "trading"
    verbose_name = "Trading"

    def ready(self) -> None:
        kill_switch_engaged.connect(_stop_what_waits, dispatch_uid="trading")


def _stop_what_waits(*, scope: Any, **_: Any) -> None:
    """Stopping means that nothing waits to be sent later."""
    from trading.flatten import stop_waiting  # models exist only once the apps are ready

    stop_waiting(scope)

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate


class BrokersConfig(AppConfig):
    name = "brokers"
    verbose_name = "Brokers"

    def ready(self) -> None:
        post_migrate.connect(_bring_rates_up_to_date, sender=self)


def _bring_rates_up_to_date(*, using: str, **_: Any) -> None:
    """Reference rates are there from the first start, and newer ones come with a newer package."""
    if settings.LOAD_RATES and using == "default":
        from brokers.rates import load_rates  # models exist only once the apps are ready

        load_rates()

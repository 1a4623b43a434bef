"""Bring the periodic tasks into line with tradershub/schedules.py."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from tradershub import schedules


class Command(BaseCommand):
    help = "Bring the periodic tasks into line with tradershub/schedules.py (the hub does it too)."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{schedules.sync()} periodic tasks.")

"""News blackouts as a spreadsheet: a calendar of events is imported as one table."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from import_export.fields import Field
from import_export.widgets import ForeignKeyWidget

from brokers.models import Instrument
from risk.blackouts import loosens, may_become
from risk.models import Blackout
from tradershub.core.errors import BadInput
from tradershub.core.spreadsheets import HubResource

YES, NO = "yes", "no"
OPTIONAL = ("currency", "instrument", "for_everybody")


class BlackoutResource(HubResource):
    """A row is known by its event, its beginning and what it is about; one that is over is left out."""

    instrument = Field("instrument", "instrument", widget=ForeignKeyWidget(Instrument, "symbol"))
    for_everybody = Field("for_everybody", readonly=True)

    class Meta(HubResource.Meta):
        model = Blackout
        import_id_fields = ("event", "starts_at", "scope", "currency", "instrument")
        fields = (
            "event", "starts_at", "ends_at", "scope", "currency", "instrument", "for_everybody",
        )  # fmt: skip

    def dehydrate_for_everybody(self, window: Blackout) -> str:
        return NO if window.owner_id else YES

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        super().before_import_row(row, **kwargs)
        for name in OPTIONAL:
            row.setdefault(name, "")
        self.user = kwargs["user"]
        self.owner = None if _is_for_everybody(row) else self.user

    def get_queryset(self) -> Any:
        return Blackout.objects.filter(owner=self.owner)

    def init_instance(self, row: Any = None) -> Blackout:
        return Blackout(owner=self.owner)

    def skip_row(self, instance: Blackout, original: Any, row: Any, *args: Any) -> bool:
        """Also a new one that is over: a calendar may be imported again, with what passed."""
        is_over = instance.ends_at is not None and instance.ends_at <= timezone.now()
        return bool(is_over and not instance.pk) or super().skip_row(instance, original, row, *args)

    def before_save_instance(self, instance: Blackout, row: Any, **kwargs: Any) -> None:
        stored = Blackout.objects.filter(pk=instance.pk).first()
        if stored and loosens(stored, instance, at=timezone.now()):
            raise BadInput(
                f"{stored.event} runs until {stored.ends_at:%Y-%m-%d %H:%M} UTC: shorten it by its own "
                "form, with a reason",
                param="ends_at",
            )
        may_become(instance, actor=self.user)


def _is_for_everybody(row: dict[str, Any]) -> bool:
    found = str(row["for_everybody"] or NO).strip().lower()
    if found not in (YES, NO):
        raise BadInput(f"Expected yes or no, found {found[:40]!r}", param="for_everybody")
    return found == YES

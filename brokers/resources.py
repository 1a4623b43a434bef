"""Reference tables as spreadsheets: rows are known by their names, so that they travel between hubs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from import_export.fields import Field
from import_export.widgets import ForeignKeyWidget

from brokers import services
from brokers.models import Broker, BrokerSymbol, Instrument, SymbolTerms
from tradershub.core.spreadsheets import HubResource


class SymbolWidget(ForeignKeyWidget):
    """A symbol by its own name, of the broker that the row names."""

    def get_queryset(self, value: Any, row: Any, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        return BrokerSymbol.objects.filter(broker__name=row.get("broker"))


class BrokerResource(HubResource):
    class Meta(HubResource.Meta):
        model = Broker
        import_id_fields = ("name",)
        exclude = ("id", "status", "closed_at", "earlier_zones")

    def before_save_instance(self, instance: Broker, row: Any, **kwargs: Any) -> None:
        stored = Broker.objects.filter(pk=instance.pk).first()
        self.changed = [
            name
            for name in services.CLOCK
            if stored and getattr(stored, name) != getattr(instance, name)
        ]

        if stored and "time_zone" in self.changed:
            services.check_zone_edit(stored, edit="", day=None)

    def after_save_instance(self, instance: Broker, row: Any, **kwargs: Any) -> None:
        if not kwargs.get("dry_run"):
            services.follow_clock(instance, self.changed, actor=kwargs.get("user") or "spreadsheet")


class InstrumentResource(HubResource):
    class Meta(HubResource.Meta):
        model = Instrument
        import_id_fields = ("symbol",)
        exclude = ("id",)


class SymbolResource(HubResource):
    broker = Field("broker", "broker", widget=ForeignKeyWidget(Broker, "name"))
    instrument = Field("instrument", "instrument", widget=ForeignKeyWidget(Instrument, "symbol"))

    class Meta(HubResource.Meta):
        model = BrokerSymbol
        import_id_fields = ("broker", "name")
        fields = ("broker", "name", "instrument", "mapped_by")


class TermsResource(HubResource):
    broker = Field("symbol__broker__name", "broker", readonly=True)
    symbol = Field("symbol", "symbol", widget=SymbolWidget(BrokerSymbol, "name"))

    class Meta(HubResource.Meta):
        model = SymbolTerms
        import_id_fields = ("symbol", "valid_from")
        exclude = ("id", "source")

    def before_save_instance(self, instance: SymbolTerms, row: Any, **kwargs: Any) -> None:
        instance.source = ""

"""Say which instruments the symbols of a file are, where no rule is certain."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from unfold.widgets import UnfoldAdminSelectWidget

from brokers.models import Broker, BrokerSymbol, Instrument
from brokers.services import map_symbol, suggested_instrument, symbol_for
from tradershub.desk.shown import Shown

MOST = 40


class SymbolsForm(forms.Form):
    """One choice a symbol; what is left empty stays unmapped."""

    def __init__(self, names: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = names
        instruments = [(one.pk, _label(one)) for one in Instrument.objects.all()]
        for place, name in enumerate(names):
            suggested = suggested_instrument(name)
            self.fields[f"symbol_{place}"] = forms.TypedChoiceField(
                label=name,
                choices=[("", "Leave it for later"), *instruments],
                coerce=int,
                empty_value=None,
                required=False,
                initial=suggested.pk if suggested else "",
                widget=UnfoldAdminSelectWidget,
            )

    @transaction.atomic
    def save(self, broker: Broker, *, actor: Any) -> int:
        """Map what was chosen; returns how many symbols that were."""
        chosen = {
            name: self.cleaned_data[f"symbol_{place}"] for place, name in enumerate(self.names)
        }
        instruments = Instrument.objects.in_bulk([pk for pk in chosen.values() if pk])
        for name, pk in chosen.items():
            if pk:
                map_symbol(symbol_for(broker, name), instruments[pk], actor=actor)
        return sum(1 for pk in chosen.values() if pk)


def _label(instrument: Instrument) -> str:
    return f"{instrument.symbol} · {instrument.name}" if instrument.name else instrument.symbol


def unmapped(file: Shown) -> list[str]:
    """The symbols that the preview asked about and nobody has answered since."""
    asked = file.preview.get("symbols_to_map") or []
    if not asked or not file.row.account:
        return asked
    known = BrokerSymbol.objects.filter(
        broker=file.row.account.broker_id, name__in=asked, instrument__isnull=False
    )
    answered = set(known.values_list("name", flat=True))
    return [name for name in asked if name not in answered]


def symbols_form(file: Shown, *args: Any) -> SymbolsForm | None:
    """The form for what is unmapped; None where nothing is."""
    names = unmapped(file)[:MOST]
    return SymbolsForm(names, *args) if names else None

"""The form on which a person says what the columns of an unknown table mean."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.statements.columns import Column, Mapping, Question
from accounts.statements.headings import TARGETS
from brokers.models import Broker


class ColumnsForm(forms.Form):
    """A choice a column, as suggested, and an answer a question."""

    save_for = forms.ModelChoiceField(
        label="Remember for broker",
        queryset=Broker.objects.filter(status="open"),
        required=False,
        empty_label="Only for this file",
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, suggested: dict[str, Any], *args: Any, owner: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.suggested = Mapping.from_dict(suggested)
        meanings = {column.index: column.target for column in self.suggested.columns}
        for index, heading in enumerate(self.suggested.headings):
            self.fields[f"column_{index}"] = _meaning(index, heading, meanings.get(index, ""))
        for place, question in enumerate(self.suggested.questions):
            self.fields[f"answer_{place}"] = _answer(question)
        self.order_fields([name for name in self.fields if name != "save_for"])

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if not self.errors:
            self._check_answers()
        return values

    def _check_answers(self) -> None:
        for place, question in enumerate(self.suggested.questions):
            try:
                self.suggested.answered(question.key, self.cleaned_data[f"answer_{place}"])
            except ValueError as error:
                self.add_error(f"answer_{place}", str(error))

    def mapping(self) -> dict[str, Any]:
        """The mapping as the person decided, with every question answered."""
        return self._decided(self.cleaned_data).to_dict()

    def draft(self) -> dict[str, Any]:
        """The mapping as the form stands; what is not answered, or badly, stays a question."""
        said = {name: self[name].value() or "" for name in self.fields if name != "save_for"}
        return self._decided(said).to_dict()

    def _decided(self, said: dict[str, str]) -> Mapping:
        decided = self.suggested
        for place, question in enumerate(self.suggested.questions):
            if answer := said[f"answer_{place}"]:
                with suppress(ValueError):
                    decided = decided.answered(question.key, answer)
        suggested = {column.index: column for column in self.suggested.columns}
        for index, heading in enumerate(self.suggested.headings):
            target = said[f"column_{index}"]
            if target != suggested.get(index, Column("", index, heading)).target:
                with suppress(ValueError):
                    decided = decided.with_column(index, heading, target)
        return decided


def _meaning(index: int, heading: str, suggested: str) -> forms.ChoiceField:
    choices = [("", "not used"), *((name, name.replace("_", " ")) for name in TARGETS)]
    return forms.ChoiceField(
        label=heading or f"Column {index + 1}",
        choices=choices,
        initial=suggested,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )


def _answer(question: Question) -> forms.Field:
    if not question.options:
        return forms.CharField(
            label=question.text, initial=question.suggested, widget=UnfoldAdminTextInputWidget
        )
    return forms.ChoiceField(
        label=question.text,
        choices=[("", "Please choose"), *((option, option) for option in question.options)],
        initial=question.suggested,
        widget=UnfoldAdminSelectWidget,
    )

"""Pages of a few fields in front of one service: what is refused stands beside its field, nothing typed is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget

from tradershub.core.errors import HubError
from tradershub.core.once import LONGEST, new_token, once
from tradershub.core.pages import Crumb, render_page
from tradershub.core.validators import is_plain_number


class ExactNumber(forms.DecimalField):
    """A decimal as typed, with as many digits as the books keep."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}))
        super().__init__(max_digits=24, decimal_places=9, **kwargs)

    def to_python(self, value: Any) -> Decimal | None:
        text = str(value if value is not None else "").strip()
        try:
            if not is_plain_number(text):
                raise ValidationError("digits")
            return super().to_python(text)
        except ValidationError as error:
            raise ValidationError(
                f'Expected a number such as 1234.50, found "{text[:40]}"'
            ) from error

    def prepare_value(self, value: Any) -> Any:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value


class MomentInput(forms.DateTimeInput):
    """The browser's own picker of day and time, to the second."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        style = UnfoldAdminTextInputWidget().attrs["class"]
        super().__init__(attrs={"step": 1, "class": style}, format="%Y-%m-%dT%H:%M:%S")


class MomentField(forms.DateTimeField):
    """A moment in the person's own zone."""

    widget = MomentInput

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", MomentInput())
        kwargs.setdefault("error_messages", {"invalid": "Expected a day and a time"})
        super().__init__(**kwargs)


def now_to_the_second() -> dt.datetime:
    return timezone.now().replace(microsecond=0)


class EntryForm(forms.Form):
    """Fields in front of one service. `carry_out` calls it and returns the row that it made."""

    action = ""

    token = forms.CharField(widget=forms.HiddenInput, max_length=LONGEST, required=False)

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["token"].initial = new_token

    def check_possible(self) -> None:
        """Raises HubError where it cannot be done at all now, whatever is entered."""

    def carry_out(self) -> Any:
        raise NotImplementedError

    def done(self, row: Any) -> str:
        """The sentence that is shown when it is done."""
        raise NotImplementedError

    @property
    def values(self) -> dict[str, Any]:
        """What was entered, for the service."""
        return {name: value for name, value in self.cleaned_data.items() if name != "token"}


def refuse(form: forms.BaseForm, refusal: HubError) -> None:
    """Show the refusal beside its field, where the form has it."""
    form.add_error(refusal.param if refusal.param in form.fields else None, refusal.message)


def carried_out(form: EntryForm) -> Any | None:
    """The row that a valid form made; None where it was refused, and the form says why."""
    token = form.cleaned_data["token"]
    try:
        return once(
            token, owner=form.user, action=form.action, sent=form.values, act=form.carry_out
        )
    except HubError as refusal:
        refuse(form, refusal)
    except ValidationError as refusal:
        form.add_error(None, refusal.messages)
    return None


def is_refused(check: Callable[[Any], None], row: Any) -> bool:
    """True where the check, which raises HubError, finds that it cannot be done at the row now."""
    try:
        check(row)
    except HubError:
        return True
    return False


def why_impossible(form: EntryForm) -> str:
    """The reason in a sentence; empty where it can be done."""
    try:
        form.check_possible()
    except HubError as refusal:
        return refusal.message
    return ""


def entry_page(
    request: HttpRequest,
    form: EntryForm,
    *,
    title: str,
    button: str,
    back: str,
    lead: str = "",
    is_dangerous: bool = False,
    crumbs: tuple[Crumb, ...] = (),
    tabs: tuple[tuple[str, str, bool], ...] = (),
    advice: tuple[str, ...] = (),
    then: Callable[[Any], str] | None = None,
) -> HttpResponse:
    """Show the form, or carry it out and go back; back at once, with the reason, where it cannot be done.

    button: what it will do, in words. tabs: (label, address, is this one) of entries of the same kind.
    advice: sentences beside the form. then: where to go with the row that it made, where not back.
    """
    if request.method != "POST" and (why_not := why_impossible(form)):
        messages.error(request, why_not)
        return HttpResponseRedirect(back)
    if request.method == "POST" and form.is_valid():
        row = carried_out(form)
        if row is not None:
            messages.success(request, form.done(row))
            return HttpResponseRedirect(then(row) if then else back)
    return render_page(
        request,
        "entries/entry.html",
        title=title,
        crumbs=crumbs,
        lead=lead,
        form=form,
        button=button,
        back=back,
        is_dangerous=is_dangerous,
        tabs=tabs,
        advice=advice,
    )

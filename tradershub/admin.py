"""Persons, groups, preferences and API keys in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from accounts.models import Account
from tradershub.core import second_factor
from tradershub.core.admin import HubAdmin
from tradershub.core.api_keys import READ, SCOPES, create_key, revoke_key
from tradershub.core.entries import EntryForm, entry_page
from tradershub.core.models import ApiKey, Preference
from tradershub.core.step_up import Kind, demand

admin.site.unregister(User)
admin.site.unregister(Group)


def why_kept(person: User) -> str:
    """Why a person cannot be deleted, and what to do instead; empty where they can."""
    if not Account.objects.filter(owner=person).exists():
        return ""
    return (
        f"{person} has accounts, whose books stay. To lock {person} out, take the tick from Active: "
        "who is inactive neither logs in nor uses an API key."
    )


class ResetForm(EntryForm):
    """Takes another person's second factor away."""

    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text="How you know that it is this person who asks",
    )

    def __init__(self, *args: Any, subject: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = subject
        self.action = f"second_factor.reset {subject.pk}"

    def carry_out(self) -> User:
        second_factor.reset(self.person, actor=self.user, reason=self.values["reason"])
        return self.person

    def done(self, row: User) -> str:
        return f"{row} has no second factor any more, and was logged out everywhere"


@admin.register(User)
class UserAdmin(DjangoUserAdmin, HubAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "first_name", "last_name", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "groups"]
    search_fields = ["username__istartswith", "last_name__istartswith"]
    actions = ["delete_selected"]
    actions_detail = ["reset_second_factor"]

    def refused_actions(self, row: User) -> set[str]:
        return set() if second_factor.has_one(row) else {"reset_second_factor"}

    @action(description="Reset the second factor", permissions=["reset"])
    def reset_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        person = self.row_of(request, object_id)
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        back = reverse("admin:auth_user_change", args=[person.pk])
        return entry_page(
            request,
            ResetForm(request.POST or None, user=request.user, subject=person),
            title=f"Reset the second factor of {person}?",
            button="Reset it",
            back=back,
            crumbs=((str(person), back),),
            lead="Until they set one up anew, the password alone logs them in, and all that needs a code stays shut.",
            is_dangerous=True,
        )

    def has_reset_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whose it may be is asked on the page; the theme has only the id."""
        return request.user.has_perm("auth.change_user")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        demand(request.user, Kind.PERSON)
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        demand(request.user, Kind.PERSON)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        demand(request.user, Kind.PERSON)
        super().delete_queryset(request, queryset)

    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Whoever sets a person's password can log in as that person."""
        if request.method == "POST":
            demand(request.user, Kind.PERSON)
        return super().user_change_password(request, *args, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Only a superuser makes superusers."""
        rank = [] if request.user.is_superuser else ["is_superuser"]
        return [*super().get_readonly_fields(request, obj), "last_login", "date_joined", *rank]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who could set a superuser's password or name would be one."""
        return self._is_below(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_below(request, obj) and super().has_delete_permission(request, obj)

    def delete_view(self, request: HttpRequest, object_id: str, *args: Any) -> HttpResponse:
        """The books of a person stay; back to where the person is made inactive instead."""
        person = self.get_object(request, unquote(object_id))
        if person and self.has_delete_permission(request, person) and why_kept(person):
            messages.error(request, why_kept(person))
            return redirect("admin:auth_user_change", person.pk)
        return super().delete_view(request, object_id, *args)

    @action(description="Delete the selected users", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[User]) -> Any:
        reasons = [why for person in queryset if (why := why_kept(person))]
        for why in reasons:
            messages.error(request, why)
        return None if reasons else delete_selected(self, request, queryset)

    @staticmethod
    def _is_below(request: HttpRequest, person: Any) -> bool:
        return person is None or request.user.is_superuser or not person.is_superuser


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, HubAdmin):
    search_fields = ["name__istartswith"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        demand(request.user, Kind.PERSON)
        super().save_model(request, obj, form, change)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, ...]:
        """Without its permissions: they are the group's content, and there are hundreds."""
        named, counts, *rest = super().get_deleted_objects(objs, request)
        content = Group.permissions.through._meta.verbose_name_plural
        counts = {what: n for what, n in counts.items() if what != content}
        return [one for one in named if not isinstance(one, list)], counts, *rest


class OwnRowAdmin(HubAdmin):
    """Rows that each person has of their own, an administrator too."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(owner=request.user)


@admin.register(Preference)
class PreferenceAdmin(OwnRowAdmin):
    list_display = ["owner", "base_currency", "time_zone"]
    fields = ["base_currency", "time_zone"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        exists = Preference.objects.filter(owner=request.user.pk).exists()
        return not exists and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A list of one row is that row's page."""
        own = self.get_queryset(request).first()
        if own:
            return redirect("admin:core_preference_change", own.pk)
        if self.has_add_permission(request):
            return redirect("admin:core_preference_add")
        return super().changelist_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.owner = request.user
        super().save_model(request, obj, form, change)


class ApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        initial=[READ],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scopes", "expires_at"]


@admin.register(ApiKey)
class ApiKeyAdmin(OwnRowAdmin):
    form = ApiKeyForm
    list_display = ["name", "prefix", "scopes", "expires_at", "revoked_at", "last_used_at"]
    actions = ["revoke"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        key, text = create_key(owner=request.user, **form.cleaned_data)
        obj.pk = key.pk
        obj.owner = request.user
        messages.warning(request, f"Copy the key now, it is not shown again: {text}")

    @action(description="Revoke the selected keys", permissions=["add"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        self.apply_to_each(request, queryset, revoke_key, done="revoked")

"""Pages of our own in the admin's frame: the same menu, log-in and look as the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

View = Callable[..., HttpResponse]
Crumb = tuple[str, str]


def hub_page(view: View) -> View:
    """The view behind the hub's own log-in; strangers are sent there and come back afterwards."""
    return admin.site.admin_view(view)


def render_page(
    request: HttpRequest,
    template: str,
    *,
    title: str,
    crumbs: Sequence[Crumb] = (),
    status: int = 200,
    **context: Any,
) -> TemplateResponse:
    """A page extending `base_page.html`.

    title: the question the page answers. crumbs: (label, address) of what lies above the page;
    an empty address is a group without a page.
    """
    whole = {**admin.site.each_context(request), "title": title, "crumbs": crumbs, **context}
    return TemplateResponse(request, template, whole, status=status)

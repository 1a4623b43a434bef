"""Pages of our own in the admin's frame: the same menu, log-in and look as the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

View = Callable[..., HttpResponse]
Crumb = tuple[str, str]
NOT_DONE = "You had been logged out, and nothing was done: do it again after the log-in."


def hub_page(view: View) -> View:
    """The view behind the hub's own log-in; strangers are sent there and come back afterwards.

    What they sent is not done, and they come back to the page that it was sent from: what acts may be no page.
    """
    page = admin.site.admin_view(view)

    @wraps(page)
    def ask(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and not admin.site.has_permission(request):
            messages.error(request, NOT_DONE)
            return redirect_to_login(_sent_from(request), reverse("admin:login"))
        return page(request, *args, **kwargs)

    return ask


def _sent_from(request: HttpRequest) -> str:
    address = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()})
    if not is_ours or "step_up_kept" in request.POST:
        return reverse("admin:index")
    found = urlsplit(address)
    return found._replace(scheme="", netloc="", fragment="").geturl()


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

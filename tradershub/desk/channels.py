"""A channel: its page with what was sent, opened, edited, tested, switched, connected to a chat, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import subscribing
from accounts.channels import CHANNELS
from accounts.models import Channel, Topic
from tradershub.core.audit import entries_about
from tradershub.core.entries import entry_page
from tradershub.core.errors import HubError
from tradershub.core.pages import Crumb, render_page
from tradershub.desk.channel_form import ChannelForm, DeleteChannelForm
from tradershub.desk.importing import need

VIEW, ADD, CHANGE, DELETE = (
    f"accounts.{verb}_channel" for verb in ("view", "add", "change", "delete")
)
CRUMBS = (("Channels", reverse_lazy("admin:accounts_channel_changelist")),)
SHOWN, LOGGED = 50, 20
TONES = {"sent": "good", "failed": "bad", "due": "warning", "sending": "warning"}


@require_GET
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether it works, and what was sent by it, kept up as messages leave."""
    need(request, VIEW)
    return _page(request, mine(request, pk))


def mine(request: HttpRequest, pk: int) -> Channel:
    """The person's channel. Raises Http404 for another's as for none."""
    return get_object_or_404(Channel.objects.for_user(request.user), pk=pk)


def address(channel: Channel) -> str:
    return reverse("desk:channel", args=[channel.pk])


def _page(request: HttpRequest, channel: Channel, *, code: str = "") -> HttpResponse:
    sent = list(channel.notifications.order_by("-id")[:SHOWN])
    return render_page(
        request,
        "desk/channel.html",
        title=f"Does {channel.name} reach you?",
        crumbs=CRUMBS,
        channel=channel,
        state=condition(channel),
        settings=sorted(channel.settings.items()),
        topics=[topic.label for topic in Topic if topic.value in channel.topics],
        sent=[(row, TONES.get(row.state, "")) for row in sent],
        waiting=channel.notifications.filter(state__in=("due", "sending")).count(),
        code=code,
        code_waits=_waits_for_code(channel),
        advice=subscribing.kind_of(channel).advice,
        log=entries_about(Channel, str(channel.pk), reader=request.user)[:LOGGED],
    )


def _waits_for_code(channel: Channel) -> bool:
    """Whether a code was shown that no chat has sent yet, and that holds still."""
    until = channel.code_until
    return bool(channel.code and until and until > timezone.now())


def condition(channel: Channel) -> str:
    """How it is, in a word or three."""
    if not channel.enabled:
        return "Off"
    if channel.fault:
        return "Fault"
    if channel.has_chat and channel.chat is None:
        return "No chat yet"
    return "Works" if channel.sent_at else "Not tested yet"


# -- Actions -----------------------------------------------------------------------------------
@require_GET
def choose(request: HttpRequest) -> HttpResponse:
    need(request, ADD)
    kinds = [(key, CHANNELS.label(key), CHANNELS.load(key).advice[-1]) for key in CHANNELS]
    title = "How do you want to be told?"
    return render_page(request, "desk/choose_channel.html", title=title, crumbs=CRUMBS, kinds=kinds)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, key: str) -> HttpResponse:
    need(request, ADD)
    if key not in CHANNELS:
        raise Http404("There is no such kind of channel")
    return entry_page(
        request,
        ChannelForm(request.POST or None, user=request.user, kind=key),
        title=f"Be told by {CHANNELS.label(key)}",
        button="Open the channel",
        back=reverse("desk:channel-choose"),
        crumbs=CRUMBS,
        advice=CHANNELS.load(key).advice,
        then=address,
    )


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    channel = mine(request, pk)
    need(request, CHANGE)
    return entry_page(
        request,
        ChannelForm(request.POST or None, user=request.user, kind=channel.kind, channel=channel),
        title=f"What changes in {channel.name}?",
        button="Change the channel",
        back=address(channel),
        crumbs=_crumbs(channel),
    )


@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    channel = mine(request, pk)
    need(request, DELETE)
    return entry_page(
        request,
        DeleteChannelForm(request.POST or None, user=request.user, channel=channel),
        title=f"Delete {channel}?",
        button=f"Delete {channel.name}",
        back=address(channel),
        then=lambda _: reverse("admin:accounts_channel_changelist"),
        lead="Its secrets are deleted with it, and the list of what was sent by it.",
        crumbs=_crumbs(channel),
        is_dangerous=True,
    )


@require_POST
def test(request: HttpRequest, pk: int) -> HttpResponse:
    return _done(
        request,
        pk,
        lambda channel: subscribing.send_test(channel, actor=request.user),
        "A test message is on its way",
    )


@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """on=1 sends by it, on=0 does not."""
    on = request.POST.get("on") == "1"
    return _done(
        request,
        pk,
        lambda channel: subscribing.switch_channel(channel, on=on, actor=request.user),
        f"Switched {'on' if on else 'off'}",
    )


@require_POST
def code(request: HttpRequest, pk: int) -> HttpResponse:
    """A new code, shown this once on the page itself."""
    channel = mine(request, pk)
    need(request, CHANGE)
    try:
        found = subscribing.new_code(channel, actor=request.user)
    except HubError as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(address(channel))
    return _page(request, mine(request, pk), code=found)


@require_POST
def disconnect(request: HttpRequest, pk: int) -> HttpResponse:
    return _done(
        request,
        pk,
        lambda channel: subscribing.disconnect_chat(channel, actor=request.user),
        "The chat is disconnected",
    )


def _done(request: HttpRequest, pk: int, act: Callable[[Channel], Any], words: str) -> HttpResponse:
    channel = mine(request, pk)
    need(request, CHANGE)
    try:
        act(channel)
    except HubError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, words)
    return HttpResponseRedirect(address(channel))


def _crumbs(channel: Channel) -> tuple[Crumb, ...]:
    return (*CRUMBS, (channel.name, address(channel)))

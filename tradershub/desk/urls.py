"""Addresses of the pages that act, all behind the hub's own log-in."""

from django.urls import path

from tradershub.core.pages import hub_page
from tradershub.desk import (
    connections,
    control,
    importing,
    mapping,
    orders,
    paper,
    platforms,
    positions,
    signals,
    ticket,
)

app_name = "desk"
urlpatterns = [
    path("stop", hub_page(control.stop), name="stop"),
    path("release", hub_page(control.release), name="release"),
    path("paper/", hub_page(paper.page), name="paper"),
    path("ticket/", hub_page(ticket.page), name="ticket"),
    path("ticket/now", hub_page(ticket.now), name="ticket-now"),
    path("ticket/send", hub_page(ticket.send), name="ticket-send"),
    path("orders/", hub_page(orders.index), name="orders"),
    path("orders/<int:pk>/", hub_page(orders.story), name="order"),
    path("orders/<int:pk>/change", hub_page(orders.change), name="order-change"),
    path("orders/<int:pk>/cancel", hub_page(orders.cancel), name="order-cancel"),
    path("orders/<int:pk>/settle", hub_page(orders.settle), name="order-settle"),
    path("positions/<int:pk>/", hub_page(positions.page), name="position"),
    path("positions/<int:pk>/close", hub_page(positions.close), name="position-close"),
    path("positions/<int:pk>/stops", hub_page(positions.stops), name="position-stops"),
    path(
        "positions/<int:pk>/break-even", hub_page(positions.break_even), name="position-break-even"
    ),
    path("platforms/", hub_page(platforms.index), name="platforms"),
    path("platforms/<slug:key>/", hub_page(platforms.page), name="platform"),
    path("platforms/<slug:key>/off", hub_page(platforms.switch_off), name="platform-off"),
    path("platforms/<slug:key>/on", hub_page(platforms.switch_on), name="platform-on"),
    path("connections/new/", hub_page(connections.choose), name="connection-choose"),
    path("connections/new/<slug:key>/", hub_page(connections.new), name="connection-new"),
    path("connections/<int:pk>/", hub_page(connections.page), name="connection"),
    path("connections/<int:pk>/edit", hub_page(connections.edit), name="connection-edit"),
    path("connections/<int:pk>/test", hub_page(connections.test), name="connection-test"),
    path("connections/<int:pk>/switch", hub_page(connections.switch), name="connection-switch"),
    path("connections/<int:pk>/delete", hub_page(connections.delete), name="connection-delete"),
    path("signals/<int:pk>/", hub_page(signals.story), name="signal"),
    path("signals/<int:pk>/approve", hub_page(signals.approve), name="signal-approve"),
    path("signals/<int:pk>/decline", hub_page(signals.decline), name="signal-decline"),
    path("signals/<int:pk>/again", hub_page(signals.again), name="signal-again"),
    path("signals/sources/<int:pk>/", hub_page(signals.source), name="signal-source"),
    path(
        "signals/sources/<int:pk>/secret", hub_page(signals.new_secret), name="signal-source-secret"
    ),
    path("signals/sources/<int:pk>/drop", hub_page(signals.drop_secret), name="signal-source-drop"),
    path("import/", hub_page(importing.page), name="import"),
    path("import/rows", hub_page(importing.rows), name="import-rows"),
    path("import/template.xlsx", hub_page(importing.template), name="import-template"),
    path("import/book", hub_page(importing.book_batch), name="import-book-batch"),
    path("import/undo", hub_page(importing.undo_batch), name="import-undo-batch"),
    path("import/cancel", hub_page(importing.cancel_batch), name="import-cancel-batch"),
    path("import/<int:pk>/", hub_page(importing.detail), name="import-detail"),
    path("import/<int:pk>/waiting", hub_page(importing.waiting), name="import-waiting"),
    path("import/<int:pk>/book", hub_page(importing.book), name="import-book"),
    path("import/<int:pk>/undo", hub_page(importing.undo), name="import-undo"),
    path("import/<int:pk>/cancel", hub_page(importing.cancel), name="import-cancel"),
    path("import/<int:pk>/read", hub_page(importing.read_again), name="import-read-again"),
    path("import/<int:pk>/saved-mapping", hub_page(mapping.saved), name="import-saved-mapping"),
    path("import/<int:pk>/columns", hub_page(mapping.columns), name="import-columns"),
    path("import/<int:pk>/name-again", hub_page(mapping.again), name="import-name-again"),
    path("import/<int:pk>/first-rows", hub_page(mapping.preview), name="import-first-rows"),
    path("import/<int:pk>/symbols", hub_page(importing.symbols), name="import-symbols"),
    path("import/<int:pk>/discard", hub_page(importing.discard), name="import-discard"),
    path("import/<int:pk>/forget", hub_page(importing.forget), name="import-forget"),
]

"""Addresses of the pages that act, all behind the hub's own log-in."""

from django.urls import path

from tradershub.core.pages import hub_page
from tradershub.desk import importing, mapping

app_name = "desk"
urlpatterns = [
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

"""Addresses of the pages that act, all behind the hub's own log-in."""

from django.urls import path

from tradershub.core.pages import hub_page
from tradershub.desk import importing

app_name = "desk"
urlpatterns = [
    path("import/", hub_page(importing.page), name="import"),
    path("import/rows", hub_page(importing.rows), name="import-rows"),
    path("import/template.xlsx", hub_page(importing.template), name="import-template"),
    path("import/book", hub_page(importing.book_batch), name="import-book-batch"),
    path("import/undo", hub_page(importing.undo_batch), name="import-undo-batch"),
    path("import/<int:pk>/", hub_page(importing.detail), name="import-detail"),
    path("import/<int:pk>/book", hub_page(importing.book), name="import-book"),
    path("import/<int:pk>/undo", hub_page(importing.undo), name="import-undo"),
    path("import/<int:pk>/columns", hub_page(importing.columns), name="import-columns"),
    path("import/<int:pk>/forget", hub_page(importing.forget), name="import-forget"),
]

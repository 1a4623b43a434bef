"""Addresses of the pages, all behind the hub's own log-in."""

from django.urls import path

from tradershub.core.pages import hub_page
from tradershub.reports import views

app_name = "reports"
urlpatterns = [
    path("", hub_page(views.index), name="index"),
    path("builds/<int:pk>/", hub_page(views.build), name="build"),
    path("builds/<int:pk>/waiting", hub_page(views.waiting), name="build-waiting"),
    path("builds/<int:pk>/file", hub_page(views.file), name="build-file"),
    path("builds/<int:pk>/retry", hub_page(views.retry), name="build-retry"),
    path("builds/<int:pk>/drop", hub_page(views.drop), name="build-drop"),
    path("<slug:key>/", hub_page(views.page), name="page"),
    path("<slug:key>/<slug:name>.<slug:form>", hub_page(views.table), name="table"),
    path("<slug:key>/<int:pk>/", hub_page(views.page), name="subject"),
    path(
        "<slug:key>/<int:pk>/<slug:name>.<slug:form>", hub_page(views.table), name="subject-table"
    ),
]

"""The whole address space on one screen."""

from django.contrib import admin
from django.urls import path

from tradershub.api import api

urlpatterns = [
    path("api/v1/", api.urls),
    path("", admin.site.urls),
]

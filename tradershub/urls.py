"""The whole address space on one screen."""

from django.contrib import admin
from django.urls import path

urlpatterns = [path("", admin.site.urls)]

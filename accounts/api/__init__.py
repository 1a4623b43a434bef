"""The accounts app over the API: one module a subject."""

from accounts.api.accounts import router as accounts
from accounts.api.channels import router as channels
from accounts.api.entries import router as books
from accounts.api.imports import router as imports

ROUTERS = (accounts, books, imports, channels)

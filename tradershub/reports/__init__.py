"""Pages that show: one line per page here; menu, address and export follow from it."""

from tradershub.core.registry import Registry

REPORTS = Registry()

"""Puts the apps together: settings, addresses, API, desk and report pages, and the shared floor (core, finance)."""

"""What we do: signals, orders, their execution and reconciliation, and the mirror of connected accounts.

Refuses: to send anything twice, and to call a query that failed an empty account. Imports all apps below.
"""

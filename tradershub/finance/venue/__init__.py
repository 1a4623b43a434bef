"""The matching engine: orders, executions, margin, swaps and stop-out of any number of accounts.

Owns what a broker's server does between a request and a booked deal. State changes only by events
(`events.py`), which are plain values: kept, they rebuild an account exactly. Time is an argument,
chance is a seed, and a refusal is an event with its figures. Refuses clocks, files, threads and
anything that knows a platform's wire format.
"""

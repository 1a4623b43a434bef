"""Why we trade: strategies, and later plans, journal, notes, tasks, rules.

Refuses: to send or judge an order. Imports accounts, brokers and the floor.
"""

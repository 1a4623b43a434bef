"""The maths: pure functions of Decimal and frozen values, standard library only.

Owns formulas, conventions and roundings. Refuses input and output, clocks, settings and Django;
imports nothing of the rest of the house.
"""

"""Example data: a year of one invented person's trading, as the statement files of their platforms.

Owns the simulation and the writers of MT4 and MT5 files. Shares no code with the parsers that read
such files, so that reading them back proves something; knows no Django and no database. Everything
follows from a seed and an end date.
"""

from tradershub.example.large import write_large_mt5
from tradershub.example.story import write_example

__all__ = ["write_example", "write_large_mt5"]

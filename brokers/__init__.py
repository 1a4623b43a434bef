"""Whom we talk to: brokers, instruments, their symbols and dated terms, reference rates.

Refuses: anything that belongs to a person. Imports only tradershub.core and tradershub.finance.
"""

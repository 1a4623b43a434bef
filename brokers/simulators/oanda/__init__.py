"""OANDA's v20 service from the other side: REST, both streams, and a control channel to make it misbehave.

`Simulator` runs it inside a process; `python -m brokers.simulators.oanda` runs it as one of its own.

Known not to be as the real one: fills never come in several parts at several prices; a client trade id
in use is noticed when an order is placed, not when a resting one fills; guaranteed stops, dividends,
order and position books, monthly candles and smoothing are missing; prices move on weekends, too.
"""

from brokers.simulators.oanda.broker import Broker
from brokers.simulators.oanda.exchange import EXAMPLES, AccountTerms
from brokers.simulators.oanda.simulator import Simulator

__all__ = ["EXAMPLES", "AccountTerms", "Broker", "Simulator"]

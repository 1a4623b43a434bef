"""How much is allowed: limits, what is used and reserved of them, the kill switch, the verdict on each order.

Reads accounts and brokers below it. Knows no orders: trading hands down what it wants as `OrderFacts` and is
told by the signal of `hooks` when everything must stop. Refuses whatever it cannot judge.
"""

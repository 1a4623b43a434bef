"""What is ours: accounts, deals, positions, the broker's orders, statements, tie-out, day figures.

Refuses: opinions about why a trade was made. Imports brokers and the floor.
"""

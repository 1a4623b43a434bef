"""How fast the hub is, against yardsticks measured in the same run (`make bench`).

Each benchmark answers Measures: ours, the yardstick, what the budget allows. Nothing here fails a build: the
figures of a shared machine are for reading.
"""

"""From an oracle case to a call of ours: one function a topic, in its own words only.

Each takes the case's inputs and answers with every leaf that such a case may expect.
"""

"""The same platforms from the other side, on loopback: servers that speak a protocol, and misbehave on request.

They share no code with the adapters they test, and know no database and no framework.
"""

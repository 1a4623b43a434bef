"""The same platforms from the other side, on loopback: they share no code with the adapters they test."""

"""How one talks to each platform. An adapter knows messages, settings and its session, never a database."""

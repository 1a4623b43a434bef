"""Pages that act: they take what a person gives, call one service, and show what came of it."""

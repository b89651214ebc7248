"""The parts of signing in that need no network."""

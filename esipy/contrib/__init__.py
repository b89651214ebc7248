"""esipy within other frameworks."""

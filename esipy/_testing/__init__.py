"""Contract suites; the public names are in esipy/testing.py."""

"""The sandbox; the public names are in esipy/sandbox.py."""

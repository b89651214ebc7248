"""Rate limits; the public names are in esipy/limits.py."""

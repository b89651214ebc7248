"""Where responses are stored; the public names are in esipy/cache.py."""

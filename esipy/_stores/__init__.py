"""Token stores; the public names are in esipy/stores.py."""

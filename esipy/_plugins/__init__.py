"""Plugins; the public names are in esipy/plugins.py."""

"""ServiceClient; the public names are in esipy/service.py."""

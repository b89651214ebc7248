"""The release, as one string: setup.py reads it as text, the default User-Agent names it."""

__version__ = '2.0.0.dev0'

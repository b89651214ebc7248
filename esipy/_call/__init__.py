"""The life of a call: `pipeline.py` shows it from top to bottom."""

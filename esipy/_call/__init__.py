"""The life of a call: `pipeline.py` tells it from top to bottom."""

"""How fast esipy is, side by side with what it stands on: `python -m benchmarks`, or `make bench`.

`table.py` says what is measured and what the limits are. Each group of rows has a file (`loading.py`, `calling.py`,
`reading.py`, `bulk.py`) and runs in a process of its own, once without orjson and once with it (the extra `speed`).
"""

"""What a login needs of the machine that it runs on: a browser, an address that the browser can come back to, and a
terminal to paste into where it cannot. Told from top to bottom in `esipy/_login/flow.py`."""

"""`esipy.login`: signs a character in with the browser of this machine, an address of this machine to which the SSO
redirects the browser, and a terminal to paste that address into if the redirect cannot arrive. `esipy/_login/flow.py`
shows the steps."""

"""Opens the browser of the user at this machine, if there is one."""

from __future__ import annotations

import contextlib
import os
import sys
import threading


def is_there() -> bool:
    """Return whether a browser would open where the user of this program can see it.

    It would not over ssh, and not in a notebook, whose kernel may run on another machine. Without a display a text
    browser would occupy the terminal. A program or a test that has replaced `webbrowser.open` has a browser of its own.
    """
    import webbrowser

    if os.environ.get('BROWSER'):
        return True
    if in_notebook():
        return False
    if getattr(webbrowser.open, '__module__', None) != webbrowser.__name__:
        return True
    if 'SSH_CONNECTION' in os.environ:
        return False
    if sys.platform not in ('win32', 'darwin') and not {'DISPLAY', 'WAYLAND_DISPLAY'} & os.environ.keys():
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def in_notebook() -> bool:
    return 'ipykernel' in sys.modules


def open_page(address: str) -> None:
    """Open the address, in another thread, since some browsers block the thread that opens them until they close."""
    import webbrowser

    def run() -> None:
        with contextlib.suppress(webbrowser.Error):  # the address was printed as well
            webbrowser.open(address)

    with contextlib.suppress(RuntimeError):  # the system starts no more threads
        threading.Thread(target=run, name='esipy-browser', daemon=True).start()

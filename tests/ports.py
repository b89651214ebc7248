"""Ports for servers of tests."""

import contextlib
import secrets
import socket


def free_port() -> int:
    """Return a port that nobody uses. It is not one of those that a system chooses by itself (from 32768 on, on Linux):
    another test's socket could be given it before the server has begun to listen."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(('127.0.0.1', port))
            return port

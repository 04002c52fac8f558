"""Where the app listens: the socket, and why an address can't be had."""

from __future__ import annotations

import errno
import socket

from glasskit.errors import InputError


def bind(host: str, port: int) -> socket.socket:
    """A socket that has the address and does not listen yet.

    Raises:
        InputError: the port is taken, or the address can't be had; says why.
    """
    bound = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, UnicodeError) as error:  # a host of more than 63 letters is a UnicodeError
        if bound is not None:
            bound.close()
        raise InputError(_refusal(host, port, error)) from None
    return bound


def written(host: str) -> str:
    """A host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _refusal(host: str, port: int, error: Exception) -> str:
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else port - 1
        return (
            f"port {port} on {host} is taken; "
            f"stop what uses it or choose another with --port {other}"
        )
    return (
        f"cannot listen on {written(host)}:{port}: {getattr(error, 'strerror', None) or error}; "
        "choose an address of this machine with --host, or another --port"
    )

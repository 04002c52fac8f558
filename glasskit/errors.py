"""The one error that Glass Kit raises for bad input."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input: one line that names what is wrong and what to do.

    The command line prints the line and exits with code 2, the app shows it in a notice.
    """

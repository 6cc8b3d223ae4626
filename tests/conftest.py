"""What every test gets: the clock it asks for, and no network but this machine's own."""

from __future__ import annotations

import asyncio
import ipaddress
import sys

import pytest

from .clock import VirtualTimeLoop
from .leaks import Leaks

_forbidden: list[str] = []
"""Attempts to leave the machine since the running test began: the code under test may have swallowed the error."""


def pytest_configure(config):
    """Look for secrets in all that the tests say; `-p no:leaks` leaves it out."""
    config.pluginmanager.register(Leaks(), "leaks")


def pytest_asyncio_loop_factories(config, item):  # noqa: ARG001 - pytest passes hook arguments by name
    """Give tests marked `virtual` the virtual clock, all others the loop that users get."""
    if item.get_closest_marker("virtual"):
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}


def is_on_this_machine(host) -> bool:
    if host in {None, "", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_other_machines(event, args):
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event in {"socket.connect", "socket.sendto"} and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    if isinstance(host, bytes):
        host = host.decode()
    if not is_on_this_machine(host):
        _forbidden.append(f"{event} {host}")
        raise PermissionError(f"tests stay on this machine: {event} {host}")


sys.addaudithook(_refuse_other_machines)  # cannot be removed, and need not be: it lives as long as the test process


@pytest.fixture(autouse=True)
def no_network_outside_loopback():
    """Fail the test that tried to reach another machine, even where the code it tests took that for a mere failure."""
    _forbidden.clear()
    yield
    attempts = list(_forbidden)
    _forbidden.clear()
    assert not attempts


@pytest.fixture
def forbidden_attempts():
    """The attempts so far, for the test of this guard itself, which clears them."""
    return _forbidden

"""A GoHighLevel of our own on loopback, for tests, examples and benchmarks.

It is the second witness: built from what is known of the real service, importing nothing of the SDK, so that both
cannot be wrong together. Each rule cites its source as `facts <section> [mark]`; the marks are live (recorded
traffic), spec (OpenAPI files), docs (official prose), issue (public issue threads), blog (third-party measurement)
and guess.

    async with Sandbox(contacts=1000) as sandbox:
        sandbox.base_url, sandbox.token, sandbox.location_id

It plays agency and OAuth server too: see Sandbox, oauth.py and admin_oauth.py.

As a process: `python -m ghl_async.sandbox --contacts 1000`. As a fixture: `pytest_plugins =
["ghl_async.sandbox.plugin"]`.
"""

from __future__ import annotations

from .faults import Fault
from .limits import LimitSettings
from .options import Options
from .sandbox import Sandbox, serve

__all__ = ["Fault", "LimitSettings", "Options", "Sandbox", "serve"]

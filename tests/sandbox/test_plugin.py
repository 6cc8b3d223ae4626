"""The fixture that users get, tried in a pytest run of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_plugin_gives_a_running_sandbox(tmp_path):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["ghl_async.sandbox.plugin"]\n')
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent("""
            import aiohttp

            async def test_a_location_answers(ghl_sandbox):
                headers = {"Authorization": f"Bearer {ghl_sandbox.token}", "Version": "2021-07-28"}
                url = f"{ghl_sandbox.base_url}/locations/{ghl_sandbox.location_id}"
                async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as reply:
                    assert reply.status == 200
        """)
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", "--rootdir"]
    done = subprocess.run(
        [*command, str(tmp_path), str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

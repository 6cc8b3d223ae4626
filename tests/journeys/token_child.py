"""One process of many that share a token store: `python -m tests.journeys.token_child`, its task as JSON on stdin."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from ghl_async.auth import App, EncryptedFileStore, Key, OAuthClient, SQLiteTokenStore, StoredToken


def store_of(task):
    if task["key"]:
        return EncryptedFileStore(task["path"], key=task["key"])
    return SQLiteTokenStore(task["path"])


def killing(store, moment):
    """Die where the task says so: after the mark is there, or when the answer is, before it is saved."""
    save = store.save

    async def dying(key, tokens, /):
        is_mark = tokens.refresh_began_at is not None
        if moment == "before save" and not is_mark:
            os.kill(os.getpid(), signal.SIGKILL)
        await save(key, tokens)
        if (moment == "after mark" and is_mark) or (moment == "after save" and not is_mark):
            os.kill(os.getpid(), signal.SIGKILL)

    store.save = dying
    return store


async def main(task):
    app = App(task["client_id"], task["client_secret"], base_url=task["base_url"])
    store = killing(store_of(task), task.get("die", ""))
    async with OAuthClient(app) as oauth:
        source = StoredToken(store, Key(task["client_id"], "location", task["location_id"]), oauth)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        given = await asyncio.gather(*(source.token() for _ in range(task["tasks"])), return_exceptions=True)
    await store.close()
    names = [each if isinstance(each, str) else f"{type(each).__name__}: {each}" for each in given]
    sys.stdout.write(json.dumps(sorted(set(names))) + "\n")


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.stdin.readline())))

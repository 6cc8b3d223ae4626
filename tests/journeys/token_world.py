"""A server that gives tokens, a store that keeps one that has ended, and a clock that a test moves."""

from __future__ import annotations

import contextlib
import time

import msgspec

from ghl_async.auth import Key, MemoryStore, OAuthClient, StoredToken, Tokens
from ghl_async.errors import StoreFailed

from .authority import CLIENT_ID, LOCATION, Authority

KEY = Key(CLIENT_ID, "location", LOCATION)


class Clock:
    """Seconds since 1970, as a test wants them."""

    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now


class Watched(MemoryStore):
    """A store that tells what was done with it, and fails when it is told to."""

    def __init__(self):
        super().__init__()
        self.done = []
        self.failing = 0

    async def load(self, key, /):
        self.done.append("load")
        return await super().load(key)

    async def save(self, key, tokens, /):
        if self.failing and tokens.refresh_began_at is None:
            self.failing -= 1
            raise StoreFailed("the disk is full")
        self.done.append(f"save {'mark' if tokens.refresh_began_at else tokens.access_token}")
        await super().save(key, tokens)


def tokens(clock, *, left=-1.0, **more):
    """The pair that the authority knows, with so many seconds left."""
    kept = Tokens(access_token="secret-a-0", refresh_token="secret-r-0", expires_at=clock.now + left)
    return msgspec.structs.replace(kept, **more)


class World:
    """A server, a store with an expired token, and sources of it."""

    def __init__(self, authority):
        self.authority = authority
        self.clock = Clock()
        self.store = Watched()
        self.store._kept[KEY] = tokens(self.clock)
        self.oauth = OAuthClient(authority.app(), clock=self.clock)
        self.told = []

    def source(self, **options):
        return StoredToken(self.store, KEY, self.oauth, clock=self.clock, hooks=[self.told.append], **options)

    @property
    def kept(self):
        return self.store._kept[KEY]

    def keep(self, **options):
        self.store._kept[KEY] = tokens(self.clock, **options)


@contextlib.asynccontextmanager
async def world_of(dialect):
    async with Authority(is_v3=dialect == "v3") as authority:
        world = World(authority)
        async with world.oauth:
            yield world

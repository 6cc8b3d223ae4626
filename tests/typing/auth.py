"""Logins, tokens and agencies as users write them. Never run: the type checker alone reads this file."""

from typing import assert_type

from ghl_async import GHLClient
from ghl_async.auth import (
    PRIVATE,
    Agency,
    App,
    Authorization,
    EncryptedFileStore,
    Grant,
    InstalledLocation,
    Key,
    MemoryStore,
    OAuthClient,
    PrivateToken,
    Scope,
    SQLiteTokenStore,
    StoredToken,
    Tokens,
    TokenStore,
)
from ghl_async.errors import AuthError, InvalidGrant, LocationInactive, RefreshFailed
from ghl_async.hooks import Event, TokenRenewed, TokenTrouble

STORES: tuple[TokenStore, ...] = (MemoryStore(), EncryptedFileStore("tokens"), SQLiteTokenStore("tokens.db"))


async def a_login(store: TokenStore, redirected_url: str) -> None:
    app = App("id", "secret", redirect_uri="https://a.example/", scopes=[Scope.CONTACTS_READONLY, "another.scope"])
    begun = app.authorize_url()
    assert_type(begun, Authorization)
    async with OAuthClient(app) as oauth:
        grant = await oauth.exchange(app.redeem(redirected_url, begun.state), user_type="Location")
        assert_type(grant, Grant)
        await store.save(grant.key, grant.tokens)
        source = StoredToken(store, grant.key, oauth, margin_seconds=300.0)
        async with GHLClient(source, location_id=grant.key.owner_id) as ghl:
            await ghl.contacts.get("id")


async def an_agency(app: App, store: TokenStore) -> None:
    async with Agency(app, "company", store) as agency:
        async for location in agency.locations():
            assert_type(location, InstalledLocation)
            async with GHLClient.of(agency, location.id, deadline_seconds=30.0) as ghl:
                assert_type(ghl, GHLClient)
        source = agency.source("location")
        assert_type(source, StoredToken)
        GHLClient(source, location_id="location", connections=agency.connections, base_url=agency.base_url)


async def probe(token: str) -> None:
    assert_type(token, str)


async def a_rotation(store: TokenStore) -> None:
    source = await PrivateToken.load(store, "location", probe=probe)
    assert_type(await store.load(Key(PRIVATE, "location", "location")), Tokens | None)
    await source.rotate("new")
    GHLClient(source, location_id="location")


def told(event: Event) -> None:
    if isinstance(event, TokenTrouble):
        assert_type(event.seconds_left, float | None)
    elif isinstance(event, TokenRenewed):
        assert_type(event.how, str)


async def errors(source: StoredToken) -> None:
    try:
        await source.token()
    except (InvalidGrant, LocationInactive) as error:
        assert_type(error.key_text, str)
    except RefreshFailed as error:
        assert_type(error.was_answered, bool)
    except AuthError:
        pass

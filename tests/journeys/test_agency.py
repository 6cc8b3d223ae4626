"""Logins and agencies: the code against the first tokens, a token for each location, one pool for all of them."""

from __future__ import annotations

import asyncio

import pytest

from ghl_async import GHLClient
from ghl_async.auth import Agency, App, Key, MemoryStore, OAuthClient, StoredToken, Tokens
from ghl_async.errors import (
    CursorRepeated,
    DecodeError,
    InvalidGrant,
    LocationInactive,
    NoToken,
    RefreshFailed,
    UsageError,
    WrongLocation,
)
from ghl_async.sandbox import Sandbox

from .authority import CLIENT_ID, CODE, COMPANY, LOCATION, Authority
from .token_world import Clock

DIALECTS = ["v2", "v3"]


@pytest.fixture(params=DIALECTS)
async def authority(request):
    async with Authority(is_v3=request.param == "v3") as authority:
        yield authority


@pytest.fixture
async def agency(authority):
    """An agency whose company token is good."""
    clock, store = Clock(), MemoryStore()
    kept = Tokens(access_token="secret-a-0", refresh_token="secret-r-0", expires_at=clock.now + 90000)
    await store.save(Key(CLIENT_ID, "company", COMPANY), kept)
    async with Agency(authority.app(), COMPANY, store, clock=clock) as agency:
        agency.clock, agency.store = clock, store
        yield agency


@pytest.mark.parametrize(
    ("user_type", "key"),
    [
        ("Location", Key(CLIENT_ID, "location", LOCATION)),
        (None, Key(CLIENT_ID, "location", LOCATION)),
        ("Company", Key(CLIENT_ID, "company", COMPANY)),
    ],
)
async def test_a_code_brings_the_first_tokens_and_says_whose_they_are(authority, user_type, key):
    async with OAuthClient(authority.app()) as oauth:
        grant = await oauth.exchange(CODE, user_type=user_type)
    assert grant.key == key
    assert grant.tokens.refresh_token == "secret-r-1"
    assert "secret" not in repr(grant)


async def test_a_code_that_is_unknown_says_to_log_in_again_and_shows_nothing(authority):
    async with OAuthClient(authority.app()) as oauth:
        with pytest.raises(InvalidGrant, match=r"^the login: the refresh token or code is unknown.*log in again") as no:
            await oauth.exchange(f"{CODE}/wrong")
    assert CODE not in str(no.value)
    assert "\n" not in str(no.value)


async def test_an_answer_without_tokens_is_a_failure(authority):
    authority.faults = [(200, {"traceId": "x"})]
    async with OAuthClient(authority.app()) as oauth:
        with pytest.raises(RefreshFailed, match="holds no token"):
            await oauth.exchange(CODE)


async def test_each_location_gets_a_token_once_and_it_is_stored(authority, agency):
    places = [f"{number:020}" for number in range(5)]
    for _ in range(2):
        clients = [GHLClient.of(agency, place) for place in places]
        await asyncio.gather(*(ghl.contacts.get("A" * 20) for ghl in clients for _ in range(10)))
        for ghl in clients:
            await ghl.close()
    assert authority.counts["mint"] == 5
    assert authority.refreshes == 0
    stored = [await agency.store.load(Key(CLIENT_ID, "location", place)) for place in places]
    assert all(each.refresh_token is None and each.company_id == COMPANY for each in stored)
    assert {asked["locationId"] for asked in authority.asked} == set(places)
    assert {asked["companyId"] for asked in authority.asked} == {COMPANY}
    assert all(headers["Authorization"] == "Bearer secret-a-0" for headers in authority.headers)


async def test_the_clients_of_an_agency_share_one_pool_that_they_leave_open(agency):
    one, other = GHLClient.of(agency, "1" * 20), GHLClient.of(agency, "2" * 20)
    async with one, other:
        await asyncio.gather(one.contacts.get("A" * 20), other.contacts.get("A" * 20))
        assert one._transport._session is other._transport._session is agency._transport._session
        await one.close()
        await other.contacts.get("A" * 20)
    assert not agency.connections.session().closed


async def test_a_location_token_is_made_anew_near_its_end_and_after_a_refusal(authority, agency):
    source = agency.source(LOCATION)
    assert source is agency.source(LOCATION)
    assert await source.token() == "secret-a-1"
    agency.clock.now += 86399 - 500
    assert await source.token() == "secret-a-2"
    authority.good.discard("secret-a-2")
    async with GHLClient.of(agency, LOCATION) as ghl:
        await ghl.contacts.get("A" * 20)
    assert authority.counts["mint"] == 3
    assert source.app_id == CLIENT_ID


async def logged_in_again(authority, agency):
    """Somebody logs in for the company, perhaps with other scopes."""
    async with OAuthClient(authority.app(), clock=agency.clock) as oauth:
        grant = await oauth.exchange(CODE, user_type="Company")
    async with agency.store.lock(grant.key):
        await agency.store.save(grant.key, grant.tokens)
    return grant.tokens


async def test_after_another_login_each_location_gets_another_token_once(authority, agency):
    places = ["1" * 20, "2" * 20]
    for place in places:
        await agency.source(place).token()
    own = Tokens(access_token="secret-own", refresh_token="secret-r-9", expires_at=agency.clock.now + 9000)
    await agency.store.save(Key(CLIENT_ID, "location", LOCATION), own)
    await agency.company.token()
    company = await logged_in_again(authority, agency)
    for _ in range(3):
        async with Agency(authority.app(), COMPANY, agency.store, clock=agency.clock) as later:
            given = [await later.source(place).token() for place in places]
            assert authority.counts["mint"] == 4
            assert authority.headers[-1]["Authorization"] == f"Bearer {company.access_token}"
            assert await later.source(LOCATION).token() == own.access_token
    agency.clock.now += 86399 - 500  # the one that ran on finds the company's new tokens too, and renews those
    assert await agency.source(places[0]).token() not in given
    renewed = await agency.store.load(Key(CLIENT_ID, "company", COMPANY))
    assert renewed.access_token != company.access_token
    assert renewed.granted_at == company.granted_at
    assert authority.headers[-1]["Authorization"] == f"Bearer {renewed.access_token}"
    assert authority.counts["mint"] == 5


async def test_one_that_runs_asks_with_the_tokens_of_the_last_login(authority, agency):
    await agency.source("1" * 20).token()
    company = await logged_in_again(authority, agency)
    await agency.source("2" * 20).token()
    assert authority.headers[-1]["Authorization"] == f"Bearer {company.access_token}"
    assert authority.refreshes == 0


async def test_a_location_token_outlives_the_logout_of_its_company(authority, agency):
    token = await agency.source(LOCATION).token()
    await agency.store.delete(Key(CLIENT_ID, "company", COMPANY))
    async with Agency(authority.app(), COMPANY, agency.store, clock=agency.clock) as later:
        assert await later.source(LOCATION).token() == token


async def test_the_companys_own_token_is_renewed_by_the_same_law(authority, agency):
    agency.clock.now += 100_000
    await asyncio.gather(*(agency.source(f"{number:020}").token() for number in range(20)))
    assert authority.refreshes == 1
    assert authority.counts["mint"] == 20
    assert (await agency.store.load(Key(CLIENT_ID, "company", COMPANY))).refresh_token == "secret-r-1"


async def test_a_company_token_that_is_refused_is_renewed(authority, agency):
    authority.good.clear()
    assert await agency.source(LOCATION).token()
    assert authority.counts["mint"] == 2
    assert authority.refreshes == 1


async def test_one_paused_location_is_its_own_trouble(authority, agency):
    authority.inactive = {LOCATION}
    given = await asyncio.gather(
        *(agency.source(place).token() for place in (LOCATION, "1" * 20)), return_exceptions=True
    )
    assert isinstance(given[0], LocationInactive)
    assert f"location {LOCATION}: the account is paused" in str(given[0])
    assert isinstance(given[1], str)


async def test_without_the_companys_token_it_says_how_to_log_in(authority):
    async with Agency(authority.app(), COMPANY, MemoryStore()) as agency:
        with pytest.raises(NoToken, match=f"company {COMPANY}: .*ghl-async login --oauth"):
            await agency.source(LOCATION).token()


@pytest.mark.parametrize("size", [0, 1, 5, 6, 99, 100, 101, 250])
async def test_every_location_is_listed_once(authority, agency, size):
    authority.locations = [
        {"_id": f"{number:020}", "name": f"n{number}", "address": "a", "isInstalled": True, "new": 1}
        for number in range(size)
    ]
    found = [location async for location in agency.locations()]
    assert [location.id for location in found] == [f"{number:020}" for number in range(size)]
    if found:
        assert (found[0].name, found[0].is_installed, found[0].installed_at) == ("n0", True, None)
    assert authority.counts["installed"] <= size // 90 + 3


async def test_a_list_without_the_promised_shape_is_named(authority, agency):
    authority.locations = [{"name": "without an id"}]
    with pytest.raises(DecodeError, match=r"oauth\.installed_locations"):
        [location async for location in agency.locations()]


async def test_ids_that_are_none_are_refused_before_anything_is_sent(authority, agency):
    for wrong in ("", "a/b", "..", None):
        with pytest.raises(UsageError):
            agency.source(wrong)
        with pytest.raises(UsageError):
            Agency(authority.app(), wrong, MemoryStore())


async def test_what_was_left_opens_nothing_again(authority):
    store = MemoryStore()
    await store.save(Key(CLIENT_ID, "company", COMPANY), Tokens(access_token="secret-a-0"))
    async with Agency(authority.app(), COMPANY, store) as agency, OAuthClient(authority.app()) as oauth:
        pass
    for call in (agency.source(LOCATION).token, lambda: oauth.exchange(CODE)):
        with pytest.raises(UsageError, match="is closed: its `async with` block was left"):
            await call()
    assert not authority.counts


async def test_what_begins_while_it_closes_opens_nothing_again(authority):
    refused = []

    async def begin(call):
        with pytest.raises(UsageError, match="is closed: its `async with` block was left"):
            await call()
        refused.append(call)

    store = MemoryStore()
    await store.save(Key(CLIENT_ID, "company", COMPANY), Tokens(access_token="secret-a-0"))
    async with Agency(authority.app(), COMPANY, store) as agency, OAuthClient(authority.app()) as oauth:
        await oauth.exchange(CODE)
        await agency.source(LOCATION).token()
        for owner, call in (
            (oauth, lambda: oauth.exchange(CODE)),
            (agency, lambda: agency.source("1" * 20).token()),
        ):
            close = owner._transport.close

            async def closing(close=close, call=call):
                await begin(call)
                await close()

            owner._transport.close = closing
    assert len(refused) == 2
    assert oauth._transport is agency._transport is None


async def test_in_another_loop_it_says_to_make_another_one(authority, agency):
    async with OAuthClient(authority.app()) as oauth:
        await oauth.exchange(CODE)
        await agency.source(LOCATION).token()
        for call in (lambda: oauth.exchange(CODE), agency.source("1" * 20).token):
            with pytest.raises(UsageError, match="belongs to another event loop: make one for each loop"):
                await asyncio.to_thread(lambda call=call: asyncio.run(call()))


async def test_one_that_was_closed_goes_on_in_another_loop(authority):
    oauth = OAuthClient(authority.app())

    async def renew_many():
        try:
            kept = Tokens(access_token="secret-a-0", refresh_token="secret-r-0")
            return await asyncio.gather(*(oauth.renew(Key(CLIENT_ID, "location", LOCATION), kept) for _ in range(120)))
        finally:
            await oauth.close()

    await renew_many()  # more at once than have a place, so that some wait
    assert len(await asyncio.to_thread(lambda: asyncio.run(renew_many()))) == 120


async def test_a_pool_of_another_loop_is_refused(agency):
    await agency.source(LOCATION).token()

    def elsewhere():
        async def call():
            async with GHLClient.of(agency, LOCATION) as ghl:
                await ghl.contacts.get("A" * 20)

        asyncio.run(call())

    with pytest.raises(UsageError, match="another event loop"):
        await asyncio.to_thread(elsewhere)


async def test_a_page_token_that_comes_back_ends_the_list_with_an_error():
    async with Authority(is_v3=True) as authority:
        store = MemoryStore()
        await store.save(Key(CLIENT_ID, "company", COMPANY), Tokens(access_token="secret-a-0"))
        async with Agency(authority.app(), COMPANY, store) as agency:

            async def same(_template, _query):
                return {"items": [], "pagination": {"nextPageToken": "x"}}

            agency._read = same
            with pytest.raises(CursorRepeated):
                [location async for location in agency.locations()]


def app_of(sandbox, dialect):
    return App(
        sandbox.client_id,
        sandbox.client_secret,
        redirect_uri=sandbox.app.redirect_uris[0],
        scopes=["contacts.readonly"],
        base_url=sandbox.base_url,
        dialect=dialect,
        marketplace=sandbox.base_url,
    )


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_sandbox_takes_a_whole_life_of_one_location(dialect):
    async with Sandbox(contacts=3) as sandbox:
        app, store, clock = app_of(sandbox, dialect), MemoryStore(), Clock()
        async with OAuthClient(app, clock=clock) as oauth:
            code = sandbox.oauth.authorize(sandbox.app, location_id=sandbox.location_id)
            grant = await oauth.exchange(code)
            await store.save(grant.key, grant.tokens)
            with pytest.raises(InvalidGrant, match="log in again"):
                await oauth.exchange(code)
            source = StoredToken(store, grant.key, oauth, clock=clock)
            first = await source.token()
            clock.now += 86_000
            assert await source.token() != first
            async with GHLClient(source, location_id=sandbox.location_id, base_url=sandbox.base_url) as ghl:
                assert len([contact async for contact in ghl.contacts.iterate()]) == 3
        assert sandbox.oauth.counts["refresh_token"] == 1


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_sandbox_takes_a_whole_agency(dialect):
    async with Sandbox(contacts=3) as sandbox:
        places = [sandbox.location_id] + [sandbox.add_location(2, company_id=sandbox.company_id).id for _ in range(3)]
        app, store = app_of(sandbox, dialect), MemoryStore()
        async with OAuthClient(app) as oauth:
            code = sandbox.oauth.authorize(sandbox.app, company_id=sandbox.company_id)
            grant = await oauth.exchange(code, user_type="Company")
            await store.save(grant.key, grant.tokens)
        assert grant.key.owner == "company"
        assert set(grant.approved_locations) >= set(places)
        async with Agency(app, grant.key.owner_id, store) as agency:
            listed = [location.id async for location in agency.locations()]
            assert sorted(listed) == sorted(grant.approved_locations)
            for place in places:
                async with GHLClient.of(agency, place) as ghl:
                    assert [contact async for contact in ghl.contacts.iterate()]
            with pytest.raises(RefreshFailed, match="no token was given for it: is the app installed there"):
                await agency.source("Z" * 20).token()
            other = sandbox.add_location(1).id
            async with GHLClient(agency.source(places[0]), location_id=other, base_url=sandbox.base_url) as wrong:
                with pytest.raises(WrongLocation):
                    [contact async for contact in wrong.contacts.iterate()]
        assert sandbox.oauth.counts["location_token"] == 4

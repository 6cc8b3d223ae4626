"""What the tests of the OAuth server share: forms instead of JSON, and the two spellings."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from yarl import URL

INVALID_GRANT = "Invalid grant: refresh token is invalid"


class Desk:
    """Calls the OAuth routes of one sandbox as its first app, in v2 with forms unless told otherwise."""

    def __init__(self, api):
        self.api = api
        self.sandbox = api.sandbox
        self.app = api.sandbox.app

    def code(self, **consent):
        if "company_id" not in consent:
            consent.setdefault("location_id", self.sandbox.location_id)
        return self.sandbox.oauth.authorize(self.app, **consent)

    async def form(self, path, fields, **headers):
        """POST a form without a token; `Version` only if it is given."""
        headers = {"Authorization": None, "Version": None, "Content_Type": FORM} | headers
        return await self.send("POST", path, urlencode(fields).encode(), **headers)

    async def send(self, method, path, data, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        url = URL(self.sandbox.base_url + path, encoded=True)
        async with self.api.session.request(method, url, data=data, headers=sent, allow_redirects=False) as answer:
            raw = await answer.read()
            content = msgspec.json.decode(raw) if answer.content_type == "application/json" else raw
            return answer.status, content, answer.headers

    async def token(self, grant_type, **fields: Any):
        """Ask for a token in v2: status and content."""
        body = {"client_id": self.app.client_id, "client_secret": self.app.client_secret, "grant_type": grant_type}
        sent = {name: value for name, value in (body | fields).items() if value is not None}
        return (await self.form("/oauth/token", sent))[:2]

    async def token_v3(self, grant_type, **fields: Any):
        """Ask for a token in v3: status and content."""
        body = {"clientId": self.app.client_id, "clientSecret": self.app.client_secret, "grantType": grant_type}
        sent = {name: value for name, value in (body | fields).items() if value is not None}
        return (await self.form("/oauth/token", sent, Version="v3"))[:2]

    async def redeem(self, **consent):
        status, content = await self.token("authorization_code", code=self.code(**consent))
        assert status == 200
        return content

    async def refresh(self, refresh_token, **fields: Any):
        return await self.token("refresh_token", refresh_token=refresh_token, **fields)

    async def as_company(self, **consent):
        """Return the headers of a company's token."""
        consent.setdefault("company_id", self.sandbox.company_id)
        return {"Authorization": f"Bearer {(await self.redeem(**consent))['access_token']}"}

    async def mint(self, company, location_id, **more: Any):
        fields = {"companyId": self.sandbox.company_id, "locationId": location_id} | more
        return (await self.form("/oauth/locationToken", fields, Version="2021-07-28", **company))[:2]

    async def installed(self, company, *, v3=False, **query: Any):
        query = {"companyId": self.sandbox.company_id, "appId": self.app.app_id} | query
        path = f"/oauth/{'installed-locations' if v3 else 'installedLocations'}?{urlencode(query)}"
        reply = await self.api("GET", path, Version="v3" if v3 else "2021-07-28", **company)
        return reply.status, reply.content


FORM = "application/x-www-form-urlencoded"


def shaped_like(template, content):
    """Tell whether `content` has all of `template`."""
    return template.items() <= content.items()

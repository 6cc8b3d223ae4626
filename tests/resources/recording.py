"""A `send` that keeps the requests it is given and answers with prepared bodies: the wire's place in these tests."""

import msgspec

from ghl_async.wire.request import Reply


class Recording:
    """Answer each request with the next body or reply, or raise it if it is an error; the last one is given again."""

    def __init__(self, *bodies):
        self.bodies = [
            body if isinstance(body, bytes | Exception | Reply) else msgspec.json.encode(body) for body in bodies
        ]
        self.requests = []

    async def __call__(self, request):
        self.requests.append(request)
        body = self.bodies[min(len(self.requests), len(self.bodies)) - 1]
        if isinstance(body, Exception):
            raise body
        if isinstance(body, Reply):
            return body
        return Reply(status=200, body=body)

    @property
    def request(self):
        (request,) = self.requests
        return request

    @property
    def sent_bodies(self):
        """The bodies as they would go over the wire."""
        return [msgspec.json.decode(msgspec.json.encode(request.body)) for request in self.requests]

    @property
    def operations(self):
        """The names of the requests' operations, in order."""
        return [request.operation for request in self.requests]


TRACE = {"traceId": "00000000-0000-0000-0000-000000000000"}


class Scripted(Recording):
    """The same, with a list of answers for each operation."""

    def __init__(self, **answers):
        super().__init__()
        self.answers = {name.replace("__", "."): Recording(*bodies) for name, bodies in answers.items()}

    async def __call__(self, request):
        self.requests.append(request)
        return await self.answers[request.operation](request)

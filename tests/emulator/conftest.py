"""An emulator with a clock that stands still, and a raw HTTP client of the standard library."""

import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from attrs import frozen

from ta_cluster_async.emulator import Emulator, ManualClock, Settings

JSON = {"Content-Type": "application/json"}
ALL_USERS = {"filts": [{"tableType": "user", "columnName": "#account_id", "comparator": "notNull"}]}


@frozen
class Answer:
    """An HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A running emulator with a clock moved by hand, and requests to it by a client that is not ours."""

    def __init__(self, em: Emulator, clock: ManualClock, trust: ssl.SSLContext | None) -> None:
        self.em = em
        self.clock = clock
        self._trust = trust

    def url(self, name: str, **query: object) -> str:
        """The URL of an endpoint with token and project."""
        return f"{self.em.url}/open/{name}?{urlencode({'token': self.em.token, 'projectId': self.em.project_id} | query)}"

    def send(
        self, method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own, declared as JSON unless other headers are given."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        connection = (
            http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
            if parts.scheme == "http"
            else http.client.HTTPSConnection(parts.hostname, parts.port, timeout=10, context=self._trust)
        )
        try:
            connection.request(
                method, f"{parts.path}?{parts.query}", body, JSON if headers is None else headers
            )
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, name: str, **query: object) -> Any:
        """The envelope of a GET."""
        return self.send("GET", self.url(name, **query)).json

    def post(self, name: str, body: object = None, **query: object) -> Any:
        """The envelope of a POST with a JSON body."""
        data = None if body is None else json.dumps(body).encode()
        return self.send("POST", self.url(name, **query), data).json

    def upload(self, name: str, body: bytes, **query: object) -> Any:
        """The envelope of an upload."""
        query = {"displayName": "uploaded", "mainColumnName": "#account_id"} | query
        return self.send("POST", self.url(name, **query), body, {"Content-Type": "text/csv"}).json

    def add(self, name: str = "one", definition: object = ALL_USERS, **fields: object) -> Any:
        """The envelope of creating a condition cluster."""
        body = {"projectId": self.em.project_id, "clusterName": name, "displayName": name, "qp": definition}
        return self.post("user-cluster-add", body | fields)

    def detail(self, cluster_id: int) -> Any:
        """The data of a detail."""
        return self.get("user-cluster-detail", clusterId=cluster_id)["data"]

    def progress(self, cluster_id: int) -> int:
        """The percent of a refresh."""
        progress: int = self.get("user-cluster-refresh-progress", clusterId=cluster_id)["data"]["progress"]
        return progress

    def refresh(self, cluster_id: int) -> Any:
        """The envelope of a refresh."""
        return self.post("user-cluster-refresh", clusterId=cluster_id)


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    """Starts an emulator on a thread: `start(capacity=2, rate_limit=3)` takes arguments of `Emulator` and settings alike.

    Computations take 10 server seconds and nothing is evaluated unless the test asks for it.
    """
    with ExitStack() as stack:

        def starter(*, trust: ssl.SSLContext | None = None, **arguments: Any) -> Server:
            names = {field.name for field in Settings.__attrs_attrs__}
            settings = Settings(**{"evaluate": False} | {k: v for k, v in arguments.items() if k in names})
            clock = arguments.pop("clock", ManualClock())
            rest = {"job_seconds": 10.0} | {k: v for k, v in arguments.items() if k not in names}
            em = stack.enter_context(Emulator(settings=settings, clock=clock, **rest))
            return Server(em, clock, trust)

        yield starter


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    """An emulator with default settings but for `evaluate`, which is off."""
    return start()

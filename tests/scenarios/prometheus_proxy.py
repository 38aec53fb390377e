"""What stands between the operator and the real Prometheus: it passes everything on, unless a test wants a fault."""

import json
import threading
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import requests


class Wrong(StrEnum):
    """How an answer is spoiled."""

    ERROR = "an error"
    HTML = "a page for people"
    NAN = "not a number"
    EMPTY = "empty"
    PARTIAL = "partial"


class PrometheusProxy:
    """Use it as a context manager; `wrong` spoils every answer from now on, None none.

    asked: the newest tick that each query asked for, in Unix seconds.
    """

    def __init__(self, upstream: str) -> None:
        self.wrong: Wrong | None = None
        self.asked: list[float] = []
        self._upstream = upstream
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy._answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Nothing: the operator logs its queries."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="prometheus proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    @property
    def url(self) -> str:
        """Where the operator asks."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked += map(float, parse_qs(urlsplit(request.path).query).get("end", ()))
        wrong = self.wrong
        if wrong is Wrong.ERROR:
            _send(
                request, 500, "application/json", b'{"status":"error","errorType":"internal","error":"no space left"}'
            )
            return
        if wrong is Wrong.HTML:
            _send(request, 200, "text/html", b"<html><body>Please sign in</body></html>")
            return
        try:
            answer = requests.get(f"{self._upstream}{request.path}", timeout=10)
        except requests.RequestException:
            request.close_connection = True
            return
        body = _spoil(answer.content, wrong) if wrong is not None and answer.status_code == 200 else answer.content
        _send(request, answer.status_code, answer.headers.get("Content-Type", "application/json"), body)


def _spoil(content: bytes, wrong: Wrong) -> bytes:
    body = json.loads(content)
    if wrong is Wrong.EMPTY:
        body["data"]["result"] = []
    if wrong is Wrong.NAN:
        for series in body["data"]["result"]:
            series["values"] = [[at, "NaN"] for at, _ in series["values"]]
    if wrong is Wrong.PARTIAL:
        body["data"]["result"] = body["data"]["result"][:1]
        body["warnings"] = ["one of the stores did not answer"]
    return json.dumps(body).encode()


def _send(request: BaseHTTPRequestHandler, status: int, kind: str, body: bytes) -> None:
    try:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
    except ConnectionError:
        request.close_connection = True

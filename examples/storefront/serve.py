#!/usr/bin/env python3
"""Serve the example shop, and forward what its pages ask to a running Millrace.

    python3 examples/storefront/serve.py [--engine URL] [--listen HOST:PORT]

The shop's address is printed; --engine is http://127.0.0.1:8080 unless said otherwise, --listen 127.0.0.1:8000.
Standard library alone.  Only the calls of the list below are forwarded: a shop's visitors have no business with
profiles, alerts or the catalogue's writing side.
"""
import argparse
import http.client
import http.server
import json
import re
import sys
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = {
    "/": (HERE / "index.html", "text/html; charset=utf-8"),
    "/shop.css": (HERE / "shop.css", "text/css; charset=utf-8"),
    "/shop.mjs": (HERE / "shop.mjs", "text/javascript; charset=utf-8"),
    "/millrace-client.mjs": (HERE.parent / "clients/javascript/millrace-client.mjs", "text/javascript; charset=utf-8"),
}
ID = r"[^/?]+"
FORWARDED = [
    ("GET", rf"/v1/items(\?.*|/{ID}|/{ID}/(similar|bought-together)(\?.*)?)"),
    ("GET", r"/v1/(trending|popular|new)(\?.*)?"),
    ("POST", rf"/v1/(users/{ID}|sessions)/recommendations"),
    ("POST", r"/v1/events"),
]
BODY_BYTES_MAX = 64 * 1024
ENGINE_SECONDS_MAX = 5


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine = None  # (host, port)

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path in FILES:
            file, kind = FILES[path]
            self.answer(200, kind, file.read_bytes())
        elif path == "/shop.json":
            self.answer_json(200, {"now": self.newest_event()})
        else:
            self.forward()

    def do_POST(self):
        self.forward()

    def forward(self):
        body = self.body()
        if body is None:
            return
        if not any(method == self.command and re.fullmatch(path, self.path) for method, path in FORWARDED):
            self.answer_json(404, {"title": "Not Found", "status": 404, "detail": "the shop does not forward this"})
            return
        try:
            self.answer(*self.ask(self.command, self.path, body))
        except (OSError, http.client.HTTPException) as error:
            self.answer_json(502, {"title": "Bad Gateway", "status": 502, "detail": f"no answer from the engine: {error}"})

    def body(self):
        """What was sent; None after a refusal."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self.answer_json(413, {"title": "Content Too Large", "status": 413})
            return None
        return self.rfile.read(int(length))

    def ask(self, method, path, body=b""):
        connection = http.client.HTTPConnection(*self.engine, timeout=ENGINE_SECONDS_MAX)
        try:
            connection.request(method, path, body or None, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type", "application/json"), response.read()
        finally:
            connection.close()

    def newest_event(self):
        """The demo's shop lives in 2011; what happens here is to happen after what happened there."""
        try:
            status, _, content = self.ask("GET", "/v1/analytics/overview")
            return json.loads(content).get("newest_event") if status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            return None

    def answer_json(self, status, value):
        self.answer(status, "application/json", json.dumps(value).encode())

    def answer(self, status, kind, content):
        self.send_response(status)
        for name, value in [("Content-Type", kind), ("Content-Length", str(len(content))), ("Cache-Control", "no-store"),
                            ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a browser may leave in the middle of an answer
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="http://127.0.0.1:8080", metavar="URL")
    parser.add_argument("--listen", default="127.0.0.1:8000", metavar="HOST:PORT")
    words = parser.parse_args()
    engine = urllib.parse.urlsplit(words.engine)
    host, _, port = words.listen.rpartition(":")
    if engine.scheme != "http" or not engine.hostname or not port.isdigit():
        parser.error("--engine is an http:// address, --listen is HOST:PORT")
    Shop.engine = (engine.hostname, engine.port or 80)
    server = Server((host, int(port)), Shop)
    print(f"shop: http://{host}:{server.server_address[1]}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()

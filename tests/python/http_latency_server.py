"""Serves a folder over HTTP on a free port of the loopback interface, with latency and counted requests; prints the port.

Usage: http_latency_server.py FOLDER [--latency SECONDS] [--drop EVERY] [--no-range] [--put]. With `--drop N` the connection
breaks in the middle of every Nth answer; with `--no-range` it sends whole files whatever part is asked for, as
`python -m http.server` does; with `--put` files can be put and deleted, but not listed. `GET /__stats__` answers with the
requests since the last such call. Ends when its standard input ends.
"""

import argparse
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from counting import Requests


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        if self.path == "/__stats__":
            self.send(200, self.server.requests.take())
            return
        self.answer(with_body=True)

    def do_PUT(self):
        self.change(lambda path, body: (path.parent.mkdir(parents=True, exist_ok=True), path.write_bytes(body)))

    def do_DELETE(self):
        self.change(lambda path, _: path.unlink(missing_ok=True))

    def change(self, change):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.server.put:
            self.send(405, b"")
            return
        request = self.server.requests.begin(self.command, unquote(self.path))
        try:
            time.sleep(self.server.latency)
            change(self.server.folder / unquote(self.path).lstrip("/"), body)
            self.send(200, b"")
        finally:
            self.server.requests.end(request)

    def answer(self, with_body):
        server = self.server
        with server.lock:
            server.count += 1
            number = server.count
        request = server.requests.begin(self.command, unquote(self.path), self.headers.get("Range"))
        try:
            time.sleep(server.latency)
            path = server.folder / unquote(self.path).lstrip("/")
            if not path.is_file():
                self.send(404, b"")
                return
            body, headers, status = path.read_bytes(), {}, 200
            asked = "" if server.no_range else self.headers.get("Range", "")
            if wanted := re.fullmatch(r"bytes=(\d*)-(\d*)", asked):
                first, last = wanted.groups()
                start = int(first) if first else len(body) - int(last)
                end = int(last) + 1 if first and last else len(body)
                headers["Content-Range"] = f"bytes {start}-{min(end, len(body)) - 1}/{len(body)}"
                body, status = body[start:end], 206
            broken = with_body and server.drop and number % server.drop == 0
            self.send(status, body, headers, with_body, broken)
        finally:
            server.requests.end(request)

    def send(self, status, body, headers=None, with_body=True, broken=False):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if broken:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)
        elif with_body:
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--drop", type=int, default=0)
    parser.add_argument("--no-range", action="store_true")
    parser.add_argument("--put", action="store_true")
    args = parser.parse_args()
    server = Server(("127.0.0.1", 0), Handler)
    server.folder, server.latency, server.drop = args.folder, args.latency, args.drop
    server.no_range, server.put = args.no_range, args.put
    server.lock, server.count, server.requests = threading.Lock(), 0, Requests()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()

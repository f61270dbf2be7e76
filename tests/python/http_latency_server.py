"""Serves a folder over HTTP on a free port of the loopback interface, with latency and counted requests; prints the port.

Usage: http_latency_server.py FOLDER [--latency SECONDS] [--bandwidth BYTES] [--drop EVERY] [--no-range] [--put]. With
`--bandwidth` all connections together send at most so many bytes a second; with `--drop N` the connection breaks in the middle of
every Nth answer; with `--no-range` it sends whole files whatever part is asked for, as `python -m http.server` does; with `--put`
files can be put and deleted, but not listed. `GET /__stats__` answers with the requests since the last such call. Ends when its
standard input ends.
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

# How many bytes are sent at a time where the bandwidth is limited.
PIECE = 1 << 16

# How far, in seconds, the link is ahead of what writes to it: it goes on sending what it holds where that is late.
HELD = 0.02


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
            size, headers, status = path.stat().st_size, {}, 200
            start, end = 0, size
            asked = "" if server.no_range else self.headers.get("Range", "")
            if wanted := re.fullmatch(r"bytes=(\d*)-(\d*)", asked):
                first, last = wanted.groups()
                start = int(first) if first else max(size - int(last), 0)
                end = min(int(last) + 1, size) if first and last else size
                headers["Content-Range"], status = f"bytes {start}-{end - 1}/{size}", 206
            with path.open("rb") as file:
                file.seek(start)
                body = file.read(max(end - start, 0))
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
        elif with_body and self.server.bandwidth:
            for piece in range(0, len(body), PIECE):
                self.server.wait_for_link(len(body[piece : piece + PIECE]))
                self.wfile.write(body[piece : piece + PIECE])
        elif with_body:
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        pass

    def wait_for_link(self, length):
        """Until the link, which all connections share, has room for so many bytes."""
        with self.lock:
            self.free_at = max(self.free_at, time.monotonic() - HELD) + length / self.bandwidth
            wait = self.free_at - time.monotonic()
        if wait > 0:
            time.sleep(wait)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--bandwidth", type=float, default=0)
    parser.add_argument("--drop", type=int, default=0)
    parser.add_argument("--no-range", action="store_true")
    parser.add_argument("--put", action="store_true")
    args = parser.parse_args()
    server = Server(("127.0.0.1", 0), Handler)
    server.folder, server.latency, server.drop = args.folder, args.latency, args.drop
    server.bandwidth, server.free_at = args.bandwidth, 0.0
    server.no_range, server.put = args.no_range, args.put
    server.lock, server.count, server.requests = threading.Lock(), 0, Requests()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()

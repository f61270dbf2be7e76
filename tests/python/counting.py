"""A WSGI layer that counts requests, how many are under way at once, and adds latency.

`GET /__stats__` answers with the counts since the last such call, as JSON.
"""

import json
import threading
import time


class Counting:
    def __init__(self, app, latency):
        self.app = app
        self.latency = latency
        self.lock = threading.Lock()
        self.under_way = 0
        self.reset()

    def reset(self):
        self.requests = []
        self.most_at_once = 0

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/__stats__":
            with self.lock:
                stats = {"requests": self.requests, "most_at_once": self.most_at_once}
                self.reset()
            body = json.dumps(stats).encode()
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            return [body]
        with self.lock:
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
            ranged = environ.get("HTTP_RANGE", "")
            self.requests.append(" ".join(filter(None, [environ["REQUEST_METHOD"], environ["PATH_INFO"], ranged])))
        try:
            time.sleep(self.latency)
            return self.app(environ, start_response)
        finally:
            with self.lock:
                self.under_way -= 1

"""What requests a server got, how many were under way at once, and how many had to wait for each other.

`GET /__stats__` answers with `Requests.take` as JSON.
"""

import json
import threading
import time


class Requests:
    """The requests since the last call of `take`."""

    def __init__(self):
        self.lock = threading.Lock()
        self.under_way = 0
        self.reset()

    def reset(self):
        self.texts, self.times, self.most_at_once = [], [], 0

    def begin(self, *words):
        """A request came in. What is returned goes to `end`."""
        with self.lock:
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
            self.texts.append(" ".join(word for word in words if word))
            times = [time.monotonic(), None]
            self.times.append(times)
            return times

    def end(self, times):
        """A request was answered."""
        with self.lock:
            self.under_way -= 1
            times[1] = time.monotonic()

    def take(self):
        """The requests as text, the most at once, and the round trips: the most that came after one another's end."""
        with self.lock:
            done = sorted((end, begin) for begin, end in self.times if end is not None)
            round_trips, last = 0, float("-inf")
            for end, begin in done:
                if begin >= last:
                    round_trips, last = round_trips + 1, end
            stats = {"requests": self.texts, "most_at_once": self.most_at_once, "round_trips": round_trips}
            self.reset()
        return json.dumps(stats).encode()


class Counting:
    """A WSGI layer that counts requests and adds latency."""

    def __init__(self, app, latency):
        self.app, self.latency, self.requests = app, latency, Requests()

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/__stats__":
            body = self.requests.take()
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            return [body]
        request = self.requests.begin(
            environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_RANGE", "")
        )
        try:
            time.sleep(self.latency)
            return self.app(environ, start_response)
        finally:
            self.requests.end(request)

"""Speaks S3 on a free port of the loopback interface, with counted requests; prints the port.

Usage: s3_server.py BUCKET [--latency SECONDS] [--put FILE]. Needs `moto[server]`. Ends when its standard input ends.
"""

import argparse
import logging
import os
import sys
import threading

from counting import Counting
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bucket")
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--put", help="a file that is in the bucket, under its name")
    args = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = Counting(DomainDispatcherApplication(create_backend_app), args.latency)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=args.bucket)
    if args.put:
        client.upload_file(args.put, args.bucket, os.path.basename(args.put))
    app.requests.take()
    print(server.port, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()

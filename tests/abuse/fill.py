#!/usr/bin/env python3
"""Fills a running service with posts so long that ten of them make an answer of two megabytes.

    fill.py URL TOKEN
"""
import json
import sys
import urllib.request

url, token = sys.argv[1:]
for number in range(10):
    body = json.dumps({"title": f"Post {number}", "content": "lorem ipsum " * 16_000, "published": True}).encode()
    fields = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    urllib.request.urlopen(urllib.request.Request(f"{url}/api/posts", body, fields), timeout=20).read()

#!/usr/bin/env python3
"""Creates ten posts of 200 kB each, so that a list of them is a response of two megabytes.

    fill.py URL TOKEN
"""
import json
import sys
import urllib.request

url, token = sys.argv[1:]
for number in range(10):
    body = json.dumps({"title": f"Post {number}", "content": "lorem ipsum " * 16_000, "published": True}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    urllib.request.urlopen(urllib.request.Request(f"{url}/api/posts", body, headers), timeout=20).read()

"""Requests version 1 of the invoices from addresses of several countries, behind a proxy. Addresses in France are
redirected to the French invoices, all others receive the list."""
import http.client
import sys
import urllib.parse

url, token, expected_file = sys.argv[1:]
connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=20)
REDIRECT = (302, "/api/v2/invoices/fr?limit=5")
LIST = (200, None)


def get(path, **headers):
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}", **headers})
    response = connection.getresponse()
    response.read()
    return response.status, response.getheader("Location")


with open(expected_file) as lines:
    lookups = [line.split() for line in lines]
for address, country in lookups:
    expected = REDIRECT if country == "FR" else LIST
    # The client can send any X-Forwarded-For; the proxy appends the address of the client.
    for forwarded in [address, f"2.3.4.5, {address}", f"8.8.8.8, {address}"]:
        actual = get("/api/v1/invoices?limit=5", **{"X-Forwarded-For": forwarded})
        # 127.0.0.1 is the trusted proxy itself, so that the address before it counts.
        if address == "127.0.0.1":
            expected = REDIRECT if forwarded.startswith("2.") else LIST
        assert actual == expected, (forwarded, actual, expected)
    assert get("/api/v1/invoices?limit=5&geo=off", **{"X-Forwarded-For": address}) == LIST
    assert get("/api/v1/invoices", **{"Forwarded": "for=2.3.4.5", "X-Forwarded-For": address})[0] == (
        302 if country == "FR" else 200
    )
assert get("/api/v2/invoices/fr?limit=5", **{"X-Forwarded-For": "2.3.4.5"})[0] == 200
print(f"{len(lookups)} addresses have the expected redirects")

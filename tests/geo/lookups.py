"""Asks for the first generation of invoices from addresses of several countries, behind a proxy: those of France are
led to the French view, and everybody else is answered."""
import http.client
import sys
import urllib.parse

url, token, expected = sys.argv[1:]
connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=20)


def ask(path, **fields):
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}", **fields})
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.getheader("Location")


with open(expected) as lines:
    asked = [line.split() for line in lines]
for address, country in asked:
    fitting = (302, "/api/v2/invoices/fr?limit=5") if country == "FR" else (200, None)
    # What a client says of itself stands before what the proxy appends.
    for field in [address, f"2.3.4.5, {address}", f"8.8.8.8, {address}"]:
        found = ask("/api/v1/invoices?limit=5", **{"X-Forwarded-For": field})
        # Addresses that belong to nobody tell nothing; 127.0.0.1 is the proxy itself, so the hop before it counts.
        if address == "127.0.0.1":
            fitting = (302, "/api/v2/invoices/fr?limit=5") if field.startswith("2.") else (200, None)
        assert found == fitting, (field, found, fitting)
    assert ask("/api/v1/invoices?limit=5&geo=off", **{"X-Forwarded-For": address}) == (200, None)
    assert ask("/api/v1/invoices", **{"Forwarded": "for=2.3.4.5", "X-Forwarded-For": address})[0] == (
        302 if country == "FR" else 200
    )
assert ask("/api/v2/invoices/fr?limit=5", **{"X-Forwarded-For": "2.3.4.5"})[0] == 200
print(f"{len(asked)} addresses, each where it belongs")

"""Plants a secret in every secret setting and credential, sends requests to all operations, causes errors, restarts the
server, and runs commands. Then searches all output for each secret: as text, in base64, in hexadecimal digits and percent-
encoded. A credential may occur only in the response that issues it."""
import base64
import hashlib
import hmac
import http.client
import http.server
import io
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
import urllib.parse
import zlib

from service import Service, email, folder, tenon

port, database, other_database = sys.argv[5:8]
planted, outputs, received = {}, [], []


def plant(name, value=None):
    """Returns a secret with characters that encodings change."""
    planted[name] = value or f"{name.replace(' ', '-')}-{secrets.token_hex(12)}+/x="
    return planted[name]


def output(name, content, issued=()):
    """Records an output, in which the secrets `issued` are expected."""
    outputs.append((name, content if isinstance(content, bytes) else content.encode(), frozenset(issued)))


class Others(http.server.BaseHTTPRequestHandler):
    """An S3 service, an OTLP collector, an upstream, a source of rates and a webhook receiver. Half of their responses are
    errors."""
    protocol_version, objects, fails = "HTTP/1.1", {}, False

    def respond(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        kind = self.path.split("/")[1].partition("?")[0]
        # The upstream and the collector receive their credentials, and only those.
        own = {"up": "authorization", "v1": "x-collector-key"}.get(kind)
        headers = [f"{name}: {value}" for name, value in self.headers.items() if name.lower() != own]
        target = "/rates" if kind == "rates" else self.path
        received.append((kind, "\n".join([target, *headers]).encode() + b"\n" + body))
        status, content = 200, b'{"ok":true}'
        if Others.fails:
            status, content = 403, b"<Error><Code>AccessDenied</Code></Error>"
        elif kind == "images" and self.command == "PUT":
            Others.objects[self.path], content = body, b""
        elif kind == "images" and self.command in ("GET", "HEAD"):
            found = Others.objects.get(self.path)
            status, content = (404, b"") if found is None else (200, found)
        elif kind == "images":
            status, content = 204, b""
        elif kind == "rates":
            status = 500
        self.send_response(status)
        self.send_header("ETag", '"0"')
        self.send_header("Last-Modified", "Sun, 29 Nov 2026 00:00:00 GMT")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = respond

    def log_message(self, *_):
        pass


def request(service, method, path, body=None, issues=(), **headers):
    """Sends a request and records the response. `issues` names the fields and cookies with credentials."""
    connection = http.client.HTTPConnection(service.address, timeout=20)
    if isinstance(body, dict):
        headers.setdefault("Content_Type", "application/json")
        body = json.dumps(body)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    content, fields = response.read(), response.getheaders()
    connection.close()
    issued = []
    for name in issues:
        text = content.decode() if name[0] != "_" else "\n".join(value for field, value in fields if field == "set-cookie")
        match = re.search(rf'"{name}":"([^"]+)"' if name[0] != "_" else rf"{name}=([^;]+)", text)
        if not match:
            sys.exit(f"{method} {path}: the response {response.status} issues no {name}: {content}")
        issued.append(f"{name} {len(planted)}")
        plant(issued[-1], match.group(1))
    output(f"{method} {path} ({response.status})", repr(fields).encode() + content, issued)
    return response.status, content


def latest(name):
    return planted[[planted_name for planted_name in planted if planted_name.startswith(name + " ")][-1]]


def expect(result, *statuses):
    if result[0] not in statuses:
        sys.exit(f"expected {statuses}, got {result}")
    return json.loads(result[1] or b"null")


def command(*arguments, stdin="", issues=None, **environment):
    done = subprocess.run([tenon, *arguments], input=stdin, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **environment})
    issued = []
    if issues:
        issued.append(plant(issues, re.search(r"\S{30,}", done.stdout).group()) and issues)
    output(f"tenon {' '.join(arguments)}", done.stdout + done.stderr, issued)
    return done


def stripe(body, secret):
    now = int(time.time())
    return f"t={now},v1=" + hmac.new(secret.encode(), f"{now}.{body}".encode(), hashlib.sha256).hexdigest()


def image():
    """Returns the body of an upload of a PNG file with one pixel."""
    def chunk(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", (1).to_bytes(4) * 2 + b"\x08\x02\0\0\0") + \
        chunk(b"IDAT", zlib.compress(b"\0" + os.urandom(3))) + chunk(b"IEND", b"")
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    return head + png + b"\r\n--b--\r\n"


def sweep(service, credentials):
    """Sends two requests without a valid body to each operation, with each kind of credentials."""
    _, document = request(service, "GET", "/openapi.json")
    count = 0
    for path, item in json.loads(document)["paths"].items():
        for method, operation in item.items():
            # The event stream does not end, and signing out would end the session.
            if method not in ("get", "put", "post", "patch", "delete") or path in ("/api/events", "/api/auth/logout"):
                continue
            target = re.sub(r"\{\w+\}", "0199a000-0000-7000-8000-000000000001", path)
            for headers in credentials:
                for body in [None] if method in ("get", "delete") else [{}, {"unknown": 1}]:
                    request(service, method.upper(), target, body, **headers)
                    count += 1
    return count


def traffic(service):
    """Uses all credentials, correctly and not."""
    sign_in = {"email": email, "password": planted["account password"]}
    expect(request(service, "POST", "/api/auth/login", {**sign_in, "cookie": True},
                   ["accessToken", "refreshToken", "__Host-session", "__Host-device"]), 200)
    admin = {"Authorization": f"Bearer {latest('accessToken')}"}
    cookie = {"Cookie": f"__Host-session={latest('__Host-session')}; __Host-device={latest('__Host-device')}"}
    used = {"refreshToken": latest("refreshToken")}
    for wrong in ("wrong password", "account password"):
        expect(request(service, "POST", "/api/auth/login", {"email": "a@acme.test", "password": planted[wrong]}), 401)
        request(service, "POST", "/api/auth/login", {"email": 1, "password": [planted[wrong]]})
        request(service, "POST", "/api/auth/login", json.dumps({"password": planted[wrong]})[:-1], Content_Type="application/json")
    key = {"name": "Key", "scopes": ["posts:read", "posts:write", "media:write"]}
    created = expect(request(service, "POST", "/api/api-keys", key, ["key"], **admin), 201)
    expect(request(service, "POST", f"/api/api-keys/{created['id']}/rotate", None, ["key"], **admin), 200)
    api_key = {"Authorization": f"Bearer {latest('key')}"}
    expect(request(service, "GET", "/api/posts?limit=1", **api_key), 200)
    for path in ("/api/me", "/api/users", "/api/posts"):
        # Malformed, changed and misplaced credentials.
        for wrong in (latest("accessToken")[:-2], latest("key")[:-2], latest("__Host-session"), planted["metrics token"]):
            request(service, "GET", path, Authorization=f"Bearer {wrong}")
        basic = base64.b64encode(f"{email}:{planted['account password']}".encode()).decode()
        request(service, "GET", path, Authorization=f"Basic {basic}")
        request(service, "GET", path, Cookie=f"__Host-session={latest('__Host-session')[:-2]}")
        request(service, "POST", path, {}, Cookie=cookie["Cookie"], Origin="https://evil.test")
    user = {"email": f"{secrets.token_hex(4)}@acme.test", "name": "Ada", "password": planted["user password"], "role": "reader"}
    created = expect(request(service, "POST", "/api/users", user, **admin, Idempotency_Key=secrets.token_hex(8)), 201)
    expect(request(service, "POST", "/api/users", user, **admin), 409)
    expect(request(service, "POST", "/api/users", {**user, "role": "king"}, **admin), 400)
    change = {"password": planted["new password"]}
    expect(request(service, "PATCH", f"/api/users/{created['id']}", change, **admin, Content_Type="application/merge-patch+json"), 200)
    for current in ("wrong password", "user password"):
        request(service, "PATCH", "/api/me", {**change, "currentPassword": planted[current]}, **admin,
                Content_Type="application/merge-patch+json")
    post = expect(request(service, "POST", "/api/posts", {"title": "Draft", "content": "Cut to fit."}, **admin), 201)
    expect(request(service, "POST", f"/api/posts/{post['id']}/preview", None, ["token"], **admin), 201)
    preview = latest("token")
    plant(f"signature of the preview {len(planted)}", preview.partition(".")[2])
    outputs[-1] = (*outputs[-1][:2], outputs[-1][2] | {list(planted)[-1]})
    expect(request(service, "GET", f"/api/posts/{post['id']}?preview={preview}"), 200)
    request(service, "GET", f"/api/posts/{post['id']}?preview={preview[:-1]}")
    request(service, "GET", f"/api/posts/{post['id']}?preview={preview}&unknown=1")
    endpoint = {"url": f"http://127.0.0.1:{others.server_address[1]}/hook", "events": ["posts"]}
    endpoint = expect(request(service, "POST", "/api/webhook-endpoints", endpoint, ["secret"], **admin), 201)
    path = f"/api/webhook-endpoints/{endpoint['id']}"
    for _ in range(2):
        request(service, "POST", f"{path}/test", None, **admin)
        expect(request(service, "POST", f"{path}/rotate-secret", None, ["secret"], **admin), 200)
    event = json.dumps({"id": f"evt_{secrets.token_hex(8)}", "object": "event", "type": "invoice.paid", "data": {"object": {}}})
    for secret in ("Stripe secret", "old Stripe secret", "wrong password"):
        request(service, "POST", "/api/webhooks/stripe", event, Stripe_Signature=stripe(event, planted[secret]),
                Content_Type="application/json")
    request(service, "POST", "/api/webhooks/github", "{}", X_GitHub_Event="push", X_GitHub_Delivery=secrets.token_hex(8),
            X_Hub_Signature_256="sha256=" + hmac.new(planted["GitHub secret"].encode(), b"{}", hashlib.sha256).hexdigest())
    upload = {"Content_Type": "multipart/form-data; boundary=b", **admin}
    status, _ = request(service, "POST", "/api/upload", image(), **upload)
    if status != 201 and not Others.fails:
        sys.exit(f"expected 201 for an upload, got {status}: {_}")
    request(service, "GET", "/api/upstreams", **admin)
    status, _ = request(service, "GET", "/api/upstreams/stock/items", **admin)
    if status != 200 and not Others.fails:
        sys.exit(f"expected 200 of the upstream, got {status}: {_}")
    for token in ("metrics token", "wrong password"):
        request(service, "GET", "/metrics", Authorization=f"Bearer {planted[token]}")
    request(service, "GET", "/metrics")
    count = sweep(service, [{}, admin, api_key, cookie])
    expect(request(service, "POST", "/api/auth/refresh", used, ["accessToken", "refreshToken"]), 200)
    request(service, "GET", "/api/audit?limit=50", Authorization=f"Bearer {latest('accessToken')}")
    request(service, "GET", "/api/webhook-events", Authorization=f"Bearer {latest('accessToken')}")
    request(service, "GET", f"{path}/deliveries", Authorization=f"Bearer {latest('accessToken')}")
    next_token = {"refreshToken": latest("refreshToken")}
    expect(request(service, "POST", "/api/auth/refresh", next_token, ["accessToken", "refreshToken"]), 200)
    # The reuse of a token ends the session.
    request(service, "POST", "/api/auth/refresh", used)
    request(service, "POST", "/api/auth/refresh", {"refreshToken": used["refreshToken"][:-1]})
    return count


def patterns(secret):
    """Returns the encodings of a secret. In base64 it may begin at any of three offsets."""
    raw, found = secret.encode(), {secret.encode()}
    for offset, start in ((0, 0), (1, 2), (2, 3)):
        core = base64.b64encode(bytes(offset) + raw)[start:(len(raw) + offset) * 8 // 6]
        found |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    quoted, all_quoted = urllib.parse.quote(secret, safe=""), "".join(f"%{byte:02X}" for byte in raw)
    for text in (quoted, quoted.lower() if quoted != secret else quoted, all_quoted, all_quoted.lower(), raw.hex(), raw.hex().upper(),
                 json.dumps(secret)[1:-1], secret.replace("/", "\\/")):
        found.add(text.encode())
    return found


others = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Others)
threading.Thread(target=others.serve_forever, daemon=True).start()
os.makedirs(folder)
url = f"http://127.0.0.1:{others.server_address[1]}"
database_password = plant("database password")
database_url = f"postgres://tenon:{urllib.parse.quote(database_password, safe='')}@127.0.0.1:{port}/{{}}"
audit, base = os.path.join(folder, "audit.jsonl"), {
    "TENON_DATABASE_URL": database_url.format(database),
    "TENON_SECRET_KEY": plant("secret key", base64.b64encode(secrets.token_bytes(32)).decode()),
    "TENON_S3_SECRET_KEY": plant("S3 secret"), "TENON_METRICS_TOKEN": plant("metrics token"),
    "TENON_WEBHOOKS_STRIPE_SECRETS": f"{plant('old Stripe secret')},{plant('Stripe secret')}",
    "TENON_WEBHOOKS_GITHUB_SECRETS": plant("GitHub secret"),
    "TENON_OTLP_HEADERS": json.dumps({"x-collector-key": plant("collector key")}),
    "TENON_RATES_URL": f"{url}/rates?key={plant('rates key', 'rates-' + secrets.token_hex(12))}",
    "TENON_UPSTREAMS": json.dumps({"stock": {"url": f"{url}/up", "authorization": f"Bearer {plant('upstream key')}"}}),
}
for name in ("account password", "user password", "new password", "wrong password"):
    plant(name)
os.environ.update(base, TENON_LOG="trace", TENON_LOG_SQL="all", TENON_METRICS="on", TENON_OTLP_ENDPOINT=url,
                  TENON_S3_ENDPOINT=url, TENON_S3_BUCKET="images", TENON_S3_ACCESS_KEY="AKIAPLANTED", TENON_AUDIT_OUTPUT=audit,
                  TENON_ALLOW_PRIVATE_NETWORKS="on", TENON_UPSTREAMS_ALLOW_PRIVATE_NETWORKS="on", TENON_RATE_LIMITS="off",
                  TENON_DATA_DIR=folder, TENON_BACKUP_SCHEDULE="5m", TENON_REGISTRATION="on")
done = command("user", "create", "--email", email, "--name", "Ada", "--role", "admin", "--password-stdin",
               stdin=planted["account password"])
if done.returncode:
    sys.exit(done.stderr)
requests, log = 0, io.StringIO()
for log_format, fails in (("text", False), ("json", False), ("text", True)):
    os.environ["TENON_LOG_FORMAT"], Others.fails = log_format, fails
    with Service(log=log) as service:
        requests += traffic(service)
        # Traces are exported, and deliveries sent, in the background.
        time.sleep(6)
Others.fails = False
output("the log", log.getvalue())
with open(audit, "rb") as entries:
    output("the output of the audit log", entries.read())
dump = subprocess.run(["pg_dump", "--inserts", f"postgres://tenon@127.0.0.1:{port}/{database}"], capture_output=True, check=True)
output("the database", dump.stdout)
for kind, content in received:
    output(f"a request to {kind}", content)

archive = os.path.join(folder, "backup.tar")
for arguments in (["config"], ["doctor"], ["backup", archive, "--media", "list"], ["audit", "verify"], ["migrate", "status"],
                  ["rates", "fetch"], ["health"], ["secret-key", "--help"],
                  ["restore", archive, "--database-url", database_url.format(other_database)]):
    command(*arguments)
command("api-key", "create", "--name", "Key", "--scopes", "posts:read", issues="key of the command")
invalid = {
    "TENON_DATABASE_URL": [f"postgrex://tenon:{plant('invalid database password')}@127.0.0.1/x",
                           database_url.format("x").replace(port, "1"), database_url.format("absent")],
    "TENON_SECRET_KEY": [plant("short secret key")], "TENON_METRICS_TOKEN": [plant("short token", "s3cr3t-t0ken")],
    "TENON_WEBHOOKS_STRIPE_SECRETS": [plant("short webhook secret", "whsec_q1w2e3")],
    "TENON_OTLP_HEADERS": [plant("collector headers"), json.dumps({"bad name": plant("header value")})],
    "TENON_RATES_URL": [f"ftp://a.test/?key={plant('ftp key')}", f"https://user:{plant('URL password', 'pw-' + secrets.token_hex(8))}@"],
    "TENON_UPSTREAMS": [json.dumps({"stock": {"url": url, "authorization": plant("invalid authorization") + "\n"}}),
                        plant("invalid upstreams")],
    "TENON_S3_SECRET_KEY": [plant("S3 secret without a bucket")],
}
for name, values in invalid.items():
    for value in values:
        for arguments in (["config"], ["serve", "--listen", "127.0.0.1:0"], ["doctor"]):
            if arguments[0] == "serve" and name == "TENON_S3_SECRET_KEY":
                # A valid setting.
                continue
            command(*arguments, **{name: value})
# Errors of a TOML parser quote the line.
settings = os.path.join(folder, "invalid.toml")
for text in ('metrics_token = "{}" unexpected', 'metrics_token = ["{}"]', 's3_secret_key = "{}', 'otlp_headers = "{}"',
             'webhooks_stripe_secrets = [["{}"]]', '[upstreams.stock]\nauthorization = {{ value = "{}" }}', 'secret_key = {{ "{}" }}'):
    with open(settings, "w", encoding="utf-8") as file:
        file.write(text.format(plant(f"secret in the file {len(planted)}")))
    os.chmod(settings, 0o600)
    for arguments in (["config"], ["serve", "--listen", "127.0.0.1:0"], ["doctor"]):
        if command(*arguments, TENON_CONFIG=settings, **{name: "" for name in base}).returncode == 0:
            sys.exit(f"tenon {arguments[0]} accepts {text}")

hits, searched = [], sum(len(content) for _, content, _ in outputs)
for name, secret in planted.items():
    forms = patterns(secret)
    for where, content, issued in outputs:
        # A credential that a later response issues again would be found in the first one.
        if name not in issued and (found := [form for form in forms if form in content]):
            hits.append(f"{name} in {where}: {found[0].decode()}")
counts = {"requests to " + kind: sum(seen == kind for seen, _ in received) for kind in ("images", "v1", "hook", "up", "rates")}
if not all(counts.values()):
    sys.exit(f"the server did not use all services: {counts}")
# The search finds a secret where it is expected.
expected = {name for _, content, issued in outputs for name in issued if planted[name].encode() in content}
missing = {name for _, _, issued in outputs for name in issued} - expected
if missing:
    sys.exit(f"the search does not find {missing} in the response that issues it")
print(f"{len(planted)} secrets, {requests} requests to all operations, {len(outputs)} outputs with {searched / 2 ** 20:.0f} MiB, "
      f"{len(hits)} occurrences of a secret; {counts}")
if hits:
    sys.exit("\n".join(hits[:20]))

"""The service as a process that can be struck down: `TENON FOLDER EMAIL PASSWORD …` are the arguments of each test."""
import http.client
import json
import re
import signal
import subprocess
import sys

tenon, folder, email, password = sys.argv[1:5]


class Service:
    """Runs within a `with`, and is killed at its end."""

    def __init__(self, listen="127.0.0.1:0"):
        self.listen = listen

    def __enter__(self):
        command = [tenon, "serve", "--listen", self.listen, "--data-dir", folder]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            found = re.match(r"listening on http://(.*)", line)
            if found:
                self.address = found.group(1)
                return self
        sys.exit("the service did not start")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def ask(self, method, path, body=None, **fields):
        connection = http.client.HTTPConnection(self.address, timeout=20)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def token(self):
        body = json.dumps({"email": email, "password": password})
        status, answer = self.ask("POST", "/api/auth/login", body, Content_Type="application/json")
        return json.loads(answer)["accessToken"]

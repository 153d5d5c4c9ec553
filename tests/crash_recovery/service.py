"""Runs the server as a process. The arguments of each test start with `TENON FOLDER EMAIL PASSWORD`."""
import http.client
import json
import re
import signal
import subprocess
import sys
import threading

tenon, folder, email, password = sys.argv[1:5]


class Service:
    """A context manager that starts the server and ends it with SIGKILL."""

    def __init__(self, listen="127.0.0.1:0", log=None):
        """`log` is a text file, to which the log of the server is copied."""
        self.listen, self.log = listen, log

    def __enter__(self):
        command = [tenon, "serve", "--listen", self.listen, "--data-dir", folder]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            self.copy(line)
            match = re.search(r"listening on http://([^\s\"]+)", line)
            if match:
                self.address = match.group(1)
                # A full pipe would block the log.
                self.reader = threading.Thread(target=self.copy_log, daemon=True)
                self.reader.start()
                return self
        sys.exit("the server did not start")

    def copy(self, line):
        if self.log:
            self.log.write(line)
            self.log.flush()

    def copy_log(self):
        for line in self.process.stderr:
            self.copy(line)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join()
        self.process.stderr.close()

    def request(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.address, timeout=20)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        result = response.status, response.read()
        connection.close()
        return result

    def token(self):
        body = json.dumps({"email": email, "password": password})
        _, response = self.request("POST", "/api/auth/login", body, Content_Type="application/json")
        return json.loads(response)["accessToken"]

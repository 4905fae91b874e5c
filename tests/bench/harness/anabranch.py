"""Anabranch under measurement: `ana up` as a user starts it, with the limits of AWS lifted."""
import contextlib
import http.client
import json
import pathlib
import re
import shlex
import time
import urllib.parse
import urllib.request

from .processes import Failed, free_port, run, stat
from .servers import KinesisServer, get

HEALTHY_MAX_S = 120
TARGET_PREFIX = "Kinesis_20131202."
# Accepted where authentication is off, and needed by nobody: the form that clients without credentials send.
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0"
# What a run with signatures is signed with.
CREDENTIALS = ("benchaccesskey", "benchsecretkeybenchsecretkeybenchsecret0")


class Lacking(Failed):
    """This build of ours cannot be measured so."""


class Program:
    """The binary, and what it can be told: a bench of an older build lacks some flags."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.known = {}

    def help(self, *words):
        if words not in self.known:
            try:
                self.known[words] = run([self.path, *words, "--help"])
            except Failed:
                self.known[words] = ""
        return self.known[words]

    def ensure_has(self, words, arguments):
        """That it knows a command and the flags among the arguments."""
        told = self.help(*words)
        flags = {it for it in map(str, arguments) if it.startswith("--")}
        lacking = sorted(flag for flag in flags if not re.search(rf"(?<![\w-]){flag}(?![\w-])", told))
        if not told or lacking:
            raise Lacking(f"this ana has no `{' '.join(words)}`" + (f" with {', '.join(lacking)}" if told else ""))

    def version(self):
        return run([self.path, "--version"]).split()[-1]


class Anabranch(KinesisServer):
    name, label = "ana", "**Anabranch**, three nodes"
    acknowledgement = "a majority has it, `fdatasync`ed"
    replicas = 3
    fill = 1_000_000

    def __init__(self, program, flags=(), nodes=3):
        super().__init__()
        self.program = program
        self.flags = list(flags)
        self.nodes = nodes

    def install(self):
        return self.program.version()

    def start(self, folder, logs):
        self.up(folder, logs)
        self.wait_healthy(HEALTHY_MAX_S)

    def up(self, folder, logs):
        self.port = free_port()
        flags = ["--limits", "off", *self.flags]
        self.spawn([self.program.path, "up", *flags, "--data-dir", folder, "--port", self.port], logs / "ana-up.log")

    def is_healthy(self):
        """What `ana status` calls healthy, asked for without the cost of a process: by a node and by the supervisor."""
        told = get(f"{self.endpoint}/_ana/status")
        if not told or told.get("health") != "healthy":
            return False
        return [it["state"] for it in self.supervised()] == ["up"] * self.nodes

    def wait_healthy(self, within_s):
        until = time.monotonic() + within_s
        while not self.is_healthy():
            self.processes[0].ensure_alive()
            if time.monotonic() > until:
                raise Failed(f"not healthy within {within_s} s: {self.supervised()}")
            time.sleep(0.005)

    def supervised(self):
        """Nodes as the supervisor knows them: id, pid, state, api."""
        told = get(f"{self.endpoint}/_ana/supervisor/status")
        return told["nodes"] if told else []

    def node_pids(self):
        return [it["pid"] for it in self.supervised() if it.get("pid")]

    def ana(self, *words, log=None, timeout_s=600):
        return run([self.program.path, "--endpoint", self.endpoint, *words], log=log, timeout_s=timeout_s)

    def pid_of(self, node):
        """The process of a node; it is one that this run has started."""
        pid = next(it["pid"] for it in self.supervised() if it["id"] == node)
        if pid not in self.pids():
            raise Failed(f"process {pid} is not one of this run")
        return pid

    def state_of(self, node):
        return next((it["state"] for it in self.supervised() if it["id"] == node), None)

    def start_node(self, node):
        """Orders it; returns when there is a process, and does not wait until it answers."""
        post(f"{self.endpoint}/_ana/supervisor/node/{node}/start", {})

    def groups(self):
        return (get(f"{self.endpoint}/_ana/status", timeout_s=30) or {"groups": []})["groups"]

    def leader_of(self, stream):
        """The node that leads the (first) group of a stream."""
        return next((it["leader"] for it in self.groups() if it.get("stream") == stream), None)


def has_gone(pid):
    return stat(pid) is None


class Caller:
    """Calls one operation after the other at one address; no retries, no pauses: what it sees is what there is."""

    def __init__(self, endpoint, timeout_s=5.0):
        self.address = urllib.parse.urlsplit(endpoint if "//" in endpoint else f"http://{endpoint}").netloc
        self.timeout_s = timeout_s
        self.connection = None

    def call(self, operation, body):
        """The answer, or None when there was none or it was an error."""
        headers = {
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET_PREFIX + operation,
            "Authorization": AUTHORIZATION, "X-Amz-Date": "20260101T000000Z",
        }
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=self.timeout_s)
            self.connection.request("POST", "/", json.dumps(body), headers)
            answer = self.connection.getresponse()
            text = answer.read()
            return json.loads(text or b"{}") if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            with contextlib.suppress(OSError):
                self.connection.close()
            self.connection = None
            return None


def post(url, body, timeout_s=30):
    """Gives an order. One that is refused is an error."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return json.load(answer)
    except OSError as error:
        raise Failed(f"POST {urllib.parse.urlsplit(url).path}: {error}") from None


def displayed_load(arguments):
    return "ana " + " ".join(shlex.quote(str(it)) for it in arguments)

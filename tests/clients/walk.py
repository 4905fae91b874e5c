"""Runs a client that is a program of its own, takes down what it says it called, and fails with its last words.

Such a program prints JSON documents, one a line: who it is (`client`), each call (`operation`, `answered`, `type`: the
content type of the answer) and each chapter it has finished.
"""
import json
import subprocess

from conftest import RECORDER

# One walk takes 20 to 60 s; a walk that hangs must not hang the suite.
SECONDS_MAX = 300
BODIES = {"application/x-amz-json-1.1": "JSON", "application/x-amz-cbor-1.1": "CBOR",
          "application/vnd.amazon.eventstream": "event stream"}


def walk(command: list[str], name: str, transport: str, environment: dict[str, str], seconds: float = SECONDS_MAX):
    """Returns everything that was told."""
    # A walk that fails half-way has still called: everything it said is taken down before anything is judged.
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds)
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert any("client" in each for each in told), f"{command[0]} did not start: {done.stderr[-4000:]}"
    take_down(told, name, transport)
    assert done.returncode == 0, f"{name}: {done.stderr[-4000:]}"
    return told


def take_down(told: list[dict], name: str, transport: str):
    who = next(each for each in told if "client" in each)
    for each in told:
        if "operation" in each:
            RECORDER.client(name, f"{who['version']} ({who['runtime']})", transport, BODIES.get(each["type"], each["type"]))
            RECORDER.call(name, each["operation"], each["answered"])


def chapters(told: list[dict]) -> list[str]:
    return [each["chapter"] for each in told if "chapter" in each]

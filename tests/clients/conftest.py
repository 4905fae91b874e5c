"""One three-zone cluster for the whole run, started the way a user starts it: `ana up`.

ANA_BIN names the program; the cluster's folder is temporary and removed at the end. If ANA_TEST_ENDPOINT is set, the
suite runs against that endpoint instead and starts nothing.
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import uuid

import boto3
import pytest
from botocore.config import Config

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ANA = os.environ.get("ANA_BIN", str(REPOSITORY / "target" / "release" / "ana"))
START_SECONDS_MAX = 60


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cluster:
    """`ana up` as a child process, and the calls a test needs on it."""

    def __init__(self, endpoint: str, process=None, log=None):
        self.endpoint, self.process, self.log = endpoint, process, log

    def ana(self, *arguments: str, check: bool = True, timeout: float = 60, **kwargs) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [ANA, *arguments], capture_output=True, timeout=timeout,
            env={**os.environ, "ANA_ENDPOINT": self.endpoint, "NO_COLOR": "1"}, **kwargs)
        if check:
            assert done.returncode == 0, f"ana {arguments}: {done.returncode}\n{done.stdout!r}\n{done.stderr!r}"
        return done

    def status(self) -> dict:
        return json.loads(self.ana("status", "-o", "json", check=False).stdout)

    def client(self, **config):
        options = {"retries": {"mode": "standard", "max_attempts": 6}, "connect_timeout": 5, "read_timeout": 30, **config}
        return boto3.client(
            "kinesis", endpoint_url=self.endpoint, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test", config=Config(**options))

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)


def start(*flags: str) -> Cluster:
    directory = tempfile.TemporaryDirectory(prefix="ana-clients-")
    port = free_port()
    log = open(pathlib.Path(directory.name) / "up.log", "wb")
    process = subprocess.Popen(
        [ANA, "up", "--port", str(port), "--data-dir", directory.name + "/data", *flags],
        stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    cluster = Cluster(f"http://127.0.0.1:{port}", process, log.name)
    cluster.directory = directory
    deadline = time.monotonic() + START_SECONDS_MAX
    while cluster.ana("status", check=False).returncode != 0:
        assert process.poll() is None, f"ana up ended: {open(log.name).read()}"
        assert time.monotonic() < deadline, f"not healthy in {START_SECONDS_MAX} s: {open(log.name).read()}"
        time.sleep(0.2)
    return cluster


@pytest.fixture(scope="session")
def cluster():
    given = os.environ.get("ANA_TEST_ENDPOINT")
    running = Cluster(given) if given else start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def kinesis(cluster):
    return cluster.client()


@pytest.fixture
def name() -> str:
    return "t-" + uuid.uuid4().hex[:12]


@pytest.fixture
def stream(kinesis, name):
    """An ACTIVE provisioned stream of two shards, removed afterwards."""
    kinesis.create_stream(StreamName=name, ShardCount=2)
    wait_active(kinesis, name)
    yield name
    try:
        kinesis.delete_stream(StreamName=name)
    except kinesis.exceptions.ResourceNotFoundException:
        pass


def wait_active(kinesis, name: str, seconds: float = 20) -> dict:
    """Waits on the service's own word; the SDK's waiter would poll every ten seconds."""
    deadline = time.monotonic() + seconds
    while True:
        summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        if summary["StreamStatus"] == "ACTIVE":
            return summary
        assert time.monotonic() < deadline, summary
        time.sleep(0.05)


def wait_gone(kinesis, name: str, seconds: float = 20):
    deadline = time.monotonic() + seconds
    while True:
        try:
            kinesis.describe_stream_summary(StreamName=name)
        except kinesis.exceptions.ResourceNotFoundException:
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def read_shard(kinesis, name: str, shard: str, iterator_type: str = "TRIM_HORIZON", want: int | None = None,
               seconds: float = 20, **kwargs):
    """Reads to the end of a closed shard, or until `want` records came. Returns (records, last answer)."""
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard, ShardIteratorType=iterator_type, **kwargs)["ShardIterator"]
    records, answer, deadline = [], None, time.monotonic() + seconds
    while iterator and (want is None or len(records) < want):
        assert time.monotonic() < deadline, f"{len(records)} records of {want}"
        try:
            answer = kinesis.get_records(ShardIterator=iterator)
        except kinesis.exceptions.ProvisionedThroughputExceededException:
            time.sleep(0.21)
            continue
        records += answer["Records"]
        iterator = answer.get("NextShardIterator")
    return records, answer

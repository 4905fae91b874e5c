"""One three-zone cluster for the whole run, started the way a user starts it: `ana up`; a second one with TLS and
signatures checked for those tests that want it.

ANA_BIN names the program; the clusters' folders are temporary and removed at the end. If ANA_TEST_ENDPOINT is set, the
suite runs against that endpoint instead of the first cluster. Every call of every client is recorded (`conformance.py`).
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

from conformance import Recorder

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ANA = os.environ.get("ANA_BIN", str(REPOSITORY / "target" / "release" / "ana"))
START_SECONDS_MAX = 60
REGION = "us-east-1"
# Known to nobody but the cluster that the run starts.
ACCESS_KEY, SECRET_KEY = "AKIACLIENTSOFTHESUITE", uuid.uuid4().hex
RECORDER = Recorder()


def pytest_configure(config):
    config.addinivalue_line("markers", "kcl: takes minutes; a stage of its own in scripts/test")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    RECORDER.test = item.nodeid


def pytest_runtest_logreport(report):
    if report.failed:
        RECORDER.failed_tests.add(report.nodeid)


def pytest_sessionfinish():
    RECORDER.write()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cluster:
    """`ana up` as a child process, and the calls a test needs on it."""

    access_key, secret_key = "test", "test"
    certificate = None  # what a client must trust, a PEM file

    def __init__(self, endpoint: str, process=None, log=None):
        self.endpoint, self.process, self.log = endpoint, process, log

    def environment(self) -> dict[str, str]:
        """The variables every AWS SDK honours, for a client that runs as a process of its own."""
        return {
            **os.environ, "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_KINESIS": self.endpoint, **({"AWS_CA_BUNDLE": self.certificate} if self.certificate else {})}

    def ana(self, *arguments: str, check: bool = True, timeout: float = 60, **kwargs) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [ANA, *arguments], capture_output=True, timeout=timeout,
            env={**self.environment(), "ANA_ENDPOINT": self.endpoint, "NO_COLOR": "1"}, **kwargs)
        if check:
            assert done.returncode == 0, f"ana {arguments}: {done.returncode}\n{done.stdout!r}\n{done.stderr!r}"
        return done

    def status(self) -> dict:
        return json.loads(self.ana("status", "-o", "json", check=False).stdout)

    def client(self, **config):
        options = {"retries": {"mode": "standard", "max_attempts": 6}, "connect_timeout": 5, "read_timeout": 30, **config}
        client = boto3.client(
            "kinesis", endpoint_url=self.endpoint, region_name=REGION, verify=self.certificate,
            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key, config=Config(**options))
        RECORDER.client("boto3", boto3.__version__, "HTTP/1.1 over TLS" if self.certificate else "HTTP/1.1", "JSON")
        client.meta.events.register("after-call.kinesis.*", record_boto3)
        return client

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)


def record_boto3(http_response, model, **_):
    RECORDER.call("boto3", model.name, http_response.status_code < 300)


def start(*flags: str, secure: bool = False) -> Cluster:
    """Starts three zones; with `secure` over TLS and with signatures checked against one pair of keys."""
    directory = tempfile.TemporaryDirectory(prefix="ana-clients-")
    folder = pathlib.Path(directory.name)
    port = free_port()
    if secure:
        (folder / "credentials.toml").write_text(
            f'[[credential]]\naccess_key = "{ACCESS_KEY}"\nsecret_key = "{SECRET_KEY}"\n')
        flags = (*flags, "--tls", "--auth", "on", "--credentials", str(folder / "credentials.toml"))
    log = open(folder / "up.log", "wb")
    process = subprocess.Popen(
        [ANA, "up", "--port", str(port), "--data-dir", str(folder / "data"), *flags],
        stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    cluster = Cluster(f"{'https' if secure else 'http'}://127.0.0.1:{port}", process, log.name)
    cluster.directory = directory
    if secure:
        cluster.access_key, cluster.secret_key = ACCESS_KEY, SECRET_KEY
        cluster.certificate = str(folder / "data" / "tls" / "ca.pem")
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
def secure_cluster():
    """Over TLS, and only for who signs with the right keys."""
    running = start(secure=True)
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
        kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
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

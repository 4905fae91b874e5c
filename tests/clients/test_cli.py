"""The AWS CLI, unmodified: every operation it has a command for. It has none for SubscribeToShard: AWS took it out."""
import importlib.metadata
import json
import subprocess
import sys
import pathlib
import time

import pytest
from botocore import xform_name
from conftest import RECORDER, wait_active

from conformance import OPERATIONS

AWS = str(pathlib.Path(sys.executable).parent / "aws")
COMMANDS = {xform_name(operation, "-"): operation for operation in OPERATIONS}


def run(cluster, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [AWS, "--endpoint-url", cluster.endpoint, "--region", "us-east-1", "--output", "json", "kinesis", *arguments],
        capture_output=True, text=True, timeout=60, env=cluster.environment())


def aws(cluster, *arguments: str):
    done = run(cluster, *arguments)
    RECORDER.client("aws-cli", importlib.metadata.version("awscli"), "HTTP/1.1", "JSON")
    RECORDER.call("aws-cli", COMMANDS[arguments[0]], done.returncode == 0)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture
def active(cluster, kinesis, name) -> str:
    aws(cluster, "create-stream", "--stream-name", name, "--shard-count", "2")
    wait_active(kinesis, name)
    yield name
    aws(cluster, "delete-stream", "--stream-name", name, "--enforce-consumer-deletion")


@pytest.fixture
def arn(cluster, active) -> str:
    summary = aws(cluster, "describe-stream-summary", "--stream-name", active)["StreamDescriptionSummary"]
    return summary["StreamARN"]


def test_streams_and_records(cluster, kinesis, active):
    assert active in aws(cluster, "list-streams")["StreamNames"]
    assert aws(cluster, "describe-stream", "--stream-name", active)["StreamDescription"]["StreamStatus"] == "ACTIVE"
    assert aws(cluster, "describe-stream-summary", "--stream-name", active)["StreamDescriptionSummary"]["OpenShardCount"] == 2
    assert aws(cluster, "describe-limits")["ShardLimit"] > 0
    put = aws(cluster, "put-record", "--stream-name", active, "--partition-key", "k", "--data", "hello")
    batch = aws(cluster, "put-records", "--stream-name", active, "--records", "Data=a,PartitionKey=k", "Data=b,PartitionKey=k")
    assert batch["FailedRecordCount"] == 0
    iterator = aws(cluster, "get-shard-iterator", "--stream-name", active, "--shard-id", put["ShardId"],
                   "--shard-iterator-type", "TRIM_HORIZON")["ShardIterator"]
    assert len(aws(cluster, "get-records", "--shard-iterator", iterator)["Records"]) == 3
    aws(cluster, "increase-stream-retention-period", "--stream-name", active, "--retention-period-hours", "48")
    wait_active(kinesis, active)
    aws(cluster, "decrease-stream-retention-period", "--stream-name", active, "--retention-period-hours", "24")
    wait_active(kinesis, active)


def test_shards(cluster, kinesis, active):
    aws(cluster, "split-shard", "--stream-name", active, "--shard-to-split", "shardId-000000000000",
        "--new-starting-hash-key", str(2**126))
    wait_active(kinesis, active)
    aws(cluster, "merge-shards", "--stream-name", active, "--shard-to-merge", "shardId-000000000002",
        "--adjacent-shard-to-merge", "shardId-000000000003")
    wait_active(kinesis, active)
    assert len(aws(cluster, "list-shards", "--stream-name", active)["Shards"]) == 5
    scaled = aws(cluster, "update-shard-count", "--stream-name", active, "--target-shard-count", "4",
                 "--scaling-type", "UNIFORM_SCALING")
    assert (scaled["CurrentShardCount"], scaled["TargetShardCount"]) == (2, 4)
    assert wait_active(kinesis, active)["OpenShardCount"] == 4


def test_tags_and_policies(cluster, active, arn):
    aws(cluster, "add-tags-to-stream", "--stream-name", active, "--tags", "a=1,b=2")
    aws(cluster, "remove-tags-from-stream", "--stream-name", active, "--tag-keys", "a")
    aws(cluster, "tag-resource", "--resource-arn", arn, "--tags", "c=3,d=4")
    aws(cluster, "untag-resource", "--resource-arn", arn, "--tag-keys", "d")
    expected = [{"Key": "b", "Value": "2"}, {"Key": "c", "Value": "3"}]
    assert aws(cluster, "list-tags-for-stream", "--stream-name", active)["Tags"] == expected
    assert aws(cluster, "list-tags-for-resource", "--resource-arn", arn)["Tags"] == expected
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": ["kinesis:GetRecords"], "Resource": arn}]})
    aws(cluster, "put-resource-policy", "--resource-arn", arn, "--policy", policy)
    assert json.loads(aws(cluster, "get-resource-policy", "--resource-arn", arn)["Policy"]) == json.loads(policy)
    aws(cluster, "delete-resource-policy", "--resource-arn", arn)


def test_switches(cluster, kinesis, active, arn):
    on = aws(cluster, "enable-enhanced-monitoring", "--stream-name", active, "--shard-level-metrics", "IncomingBytes")
    assert on["DesiredShardLevelMetrics"] == ["IncomingBytes"]
    wait_active(kinesis, active)
    off = aws(cluster, "disable-enhanced-monitoring", "--stream-name", active, "--shard-level-metrics", "ALL")
    assert off["DesiredShardLevelMetrics"] == []
    wait_active(kinesis, active)
    key = ("--stream-name", active, "--encryption-type", "KMS", "--key-id", "alias/aws/kinesis")
    aws(cluster, "start-stream-encryption", *key)
    assert wait_active(kinesis, active)["EncryptionType"] == "KMS"
    aws(cluster, "stop-stream-encryption", *key)
    assert wait_active(kinesis, active)["EncryptionType"] == "NONE"
    aws(cluster, "update-max-record-size", "--stream-arn", arn, "--max-record-size-in-ki-b", "2048")
    assert wait_active(kinesis, active)["MaxRecordSizeInKiB"] == 2048


def test_modes(cluster, kinesis, active, arn):
    assert aws(cluster, "describe-account-settings")["MinimumThroughputBillingCommitment"]["Status"]
    enabled = aws(cluster, "update-account-settings", "--minimum-throughput-billing-commitment", "Status=ENABLED")
    assert enabled["MinimumThroughputBillingCommitment"]["Status"] == "ENABLED"
    aws(cluster, "update-stream-mode", "--stream-arn", arn, "--stream-mode-details", "StreamMode=ON_DEMAND")
    wait_active(kinesis, active)
    warm = aws(cluster, "update-stream-warm-throughput", "--stream-name", active, "--warm-throughput-mi-bps", "6")
    assert warm["WarmThroughput"]["TargetMiBps"] == 6
    assert wait_active(kinesis, active)["OpenShardCount"] >= 6


def test_consumers(cluster, active, arn):
    made = aws(cluster, "register-stream-consumer", "--stream-arn", arn, "--consumer-name", "reader")["Consumer"]
    describe = ("describe-stream-consumer", "--consumer-arn", made["ConsumerARN"])
    deadline = time.monotonic() + 30
    while aws(cluster, *describe)["ConsumerDescription"]["ConsumerStatus"] != "ACTIVE":
        assert time.monotonic() < deadline
    assert len(aws(cluster, "list-stream-consumers", "--stream-arn", arn)["Consumers"]) == 1
    aws(cluster, "deregister-stream-consumer", "--consumer-arn", made["ConsumerARN"])


def test_the_cli_has_no_command_to_subscribe(cluster):
    """The one gap of its column: when a release brings the command, this fails and the column can be filled."""
    refused = run(cluster, "subscribe-to-shard", "help")
    assert refused.returncode != 0 and "invalid choice" in refused.stderr.lower()

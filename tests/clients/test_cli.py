"""The AWS CLI, unmodified, does what the README shows."""
import json
import os
import subprocess
import sys
import pathlib

from conftest import wait_active

AWS = str(pathlib.Path(sys.executable).parent / "aws")


def aws(cluster, *arguments: str):
    done = subprocess.run(
        [AWS, "--endpoint-url", cluster.endpoint, "--region", "us-east-1", "--output", "json", "kinesis", *arguments],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"})
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_every_operation(cluster, kinesis, name):
    aws(cluster, "create-stream", "--stream-name", name, "--shard-count", "2")
    wait_active(kinesis, name)
    assert name in aws(cluster, "list-streams")["StreamNames"]
    assert aws(cluster, "describe-stream", "--stream-name", name)["StreamDescription"]["StreamStatus"] == "ACTIVE"
    assert aws(cluster, "describe-stream-summary", "--stream-name", name)["StreamDescriptionSummary"]["OpenShardCount"] == 2
    assert aws(cluster, "describe-limits")["ShardLimit"] > 0
    put = aws(cluster, "put-record", "--stream-name", name, "--partition-key", "k", "--data", "hello")
    batch = aws(cluster, "put-records", "--stream-name", name, "--records", "Data=a,PartitionKey=k", "Data=b,PartitionKey=k")
    assert batch["FailedRecordCount"] == 0
    iterator = aws(cluster, "get-shard-iterator", "--stream-name", name, "--shard-id", put["ShardId"],
                   "--shard-iterator-type", "TRIM_HORIZON")["ShardIterator"]
    assert len(aws(cluster, "get-records", "--shard-iterator", iterator)["Records"]) == 3
    aws(cluster, "add-tags-to-stream", "--stream-name", name, "--tags", "a=1,b=2")
    assert len(aws(cluster, "list-tags-for-stream", "--stream-name", name)["Tags"]) == 2
    aws(cluster, "remove-tags-from-stream", "--stream-name", name, "--tag-keys", "a")
    aws(cluster, "increase-stream-retention-period", "--stream-name", name, "--retention-period-hours", "48")
    wait_active(kinesis, name)
    aws(cluster, "decrease-stream-retention-period", "--stream-name", name, "--retention-period-hours", "24")
    wait_active(kinesis, name)
    aws(cluster, "split-shard", "--stream-name", name, "--shard-to-split", "shardId-000000000000",
        "--new-starting-hash-key", str(2**126))
    wait_active(kinesis, name)
    aws(cluster, "merge-shards", "--stream-name", name, "--shard-to-merge", "shardId-000000000002",
        "--adjacent-shard-to-merge", "shardId-000000000003")
    wait_active(kinesis, name)
    assert len(aws(cluster, "list-shards", "--stream-name", name)["Shards"]) == 5
    aws(cluster, "delete-stream", "--stream-name", name)

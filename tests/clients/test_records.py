"""Putting and getting records through boto3, unmodified: routing, order, iterators, limits."""
import base64
import concurrent.futures
import datetime
import hashlib
import time

import pytest
from botocore.exceptions import ClientError
from conftest import read_shard, wait_active


def code(error) -> str:
    return error.value.response["Error"]["Code"]


def message(error) -> str:
    return error.value.response["Error"]["Message"]


def test_put_get_round_trip(kinesis, stream):
    put = kinesis.put_record(StreamName=stream, Data=b"\x00hello\xff", PartitionKey="clé")
    assert "EncryptionType" not in put
    records, answer = read_shard(kinesis, stream, put["ShardId"], want=1)
    record = records[0]
    assert (record["Data"], record["PartitionKey"], record["SequenceNumber"]) == (
        b"\x00hello\xff", "clé", put["SequenceNumber"])
    assert "EncryptionType" not in record
    age = datetime.datetime.now(datetime.timezone.utc) - record["ApproximateArrivalTimestamp"]
    assert abs(age.total_seconds()) < 30
    assert answer["MillisBehindLatest"] == 0 and "ChildShards" not in answer


def test_records_go_where_md5_says(kinesis, stream):
    shards = {s["ShardId"]: s["HashKeyRange"] for s in kinesis.list_shards(StreamName=stream)["Shards"]}
    entries = [{"Data": str(i).encode(), "PartitionKey": f"key-{i}"} for i in range(200)]
    entries[7]["ExplicitHashKey"] = "0"
    entries[8]["ExplicitHashKey"] = str(2**128 - 1)
    answer = kinesis.put_records(StreamName=stream, Records=entries)
    assert answer["FailedRecordCount"] == 0
    for entry, result in zip(entries, answer["Records"]):
        key = int(entry.get("ExplicitHashKey") or int.from_bytes(hashlib.md5(entry["PartitionKey"].encode()).digest(), "big"))
        held = shards[result["ShardId"]]
        assert int(held["StartingHashKey"]) <= key <= int(held["EndingHashKey"])
        assert "ErrorCode" not in result
    for shard in shards:
        expected = [(r["SequenceNumber"], e["Data"]) for e, r in zip(entries, answer["Records"]) if r["ShardId"] == shard]
        got, _ = read_shard(kinesis, stream, shard, want=len(expected))
        assert [(r["SequenceNumber"], r["Data"]) for r in got] == expected, "order of one request is kept in a shard"
        numbers = [int(r["SequenceNumber"]) for r in got]
        assert numbers == sorted(set(numbers))


def test_five_iterator_types(kinesis, stream):
    puts = [kinesis.put_record(StreamName=stream, Data=b"%d" % i, PartitionKey="same") for i in range(6)]
    shard = puts[0]["ShardId"]
    third = puts[2]["SequenceNumber"]
    everything, _ = read_shard(kinesis, stream, shard, want=6)
    assert [r["Data"] for r in everything] == [b"%d" % i for i in range(6)]
    at, _ = read_shard(kinesis, stream, shard, "AT_SEQUENCE_NUMBER", want=4, StartingSequenceNumber=third)
    assert at[0]["SequenceNumber"] == third
    after, _ = read_shard(kinesis, stream, shard, "AFTER_SEQUENCE_NUMBER", want=3, StartingSequenceNumber=third)
    assert after[0]["SequenceNumber"] == puts[3]["SequenceNumber"]
    time.sleep(1.1)  # the five reads a second of one shard, and boto3 sends whole seconds in timestamps
    since = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(1.1)
    kinesis.put_record(StreamName=stream, Data=b"late", PartitionKey="same")
    timed, _ = read_shard(kinesis, stream, shard, "AT_TIMESTAMP", want=1, Timestamp=since)
    assert timed[0]["Data"] == b"late"
    latest = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="LATEST")["ShardIterator"]
    kinesis.put_record(StreamName=stream, Data=b"newest", PartitionKey="same")
    answer = kinesis.get_records(ShardIterator=latest)
    assert [r["Data"] for r in answer["Records"]] == [b"newest"]
    assert answer["NextShardIterator"] != latest
    again = kinesis.get_records(ShardIterator='"' + latest + '"')
    assert [r["Data"] for r in again["Records"]] == [b"newest"], "iterators are reusable, and AWS takes them quoted"


def test_iterator_refusals(kinesis, stream):
    put = kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="k")
    other = next(s["ShardId"] for s in kinesis.list_shards(StreamName=stream)["Shards"] if s["ShardId"] != put["ShardId"])
    cases = [
        ({"ShardIteratorType": "AT_SEQUENCE_NUMBER"}, "InvalidArgumentException", "Must either specify (1)"),
        ({"ShardIteratorType": "LATEST", "StartingSequenceNumber": put["SequenceNumber"]},
         "InvalidArgumentException", "Must either specify (1)"),
        ({"ShardIteratorType": "AT_TIMESTAMP"}, "InvalidArgumentException", "Must specify timestampInMillis"),
        ({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": time.time() + 3600},
         "InvalidArgumentException", "The timestampInMillis parameter cannot be greater"),
        ({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": put["SequenceNumber"], "ShardId": other},
         "InvalidArgumentException", "Invalid StartingSequenceNumber. It encodes"),
        ({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "12345"}, None, None),
        ({"ShardIteratorType": "LATEST", "ShardId": "shardId-000000000099"},
         "ResourceNotFoundException", "Shard shardId-000000000099 in stream"),
        ({"ShardIteratorType": "LATEST", "ShardId": "nonsense"}, "ResourceNotFoundException", "Could not find shard nonsense"),
        ({"ShardIteratorType": "SOMETIMES"}, "ValidationException", "Member must satisfy enum value set"),
    ]
    for extra, expected, text in cases:
        with pytest.raises(ClientError) as error:
            kinesis.get_shard_iterator(**{"StreamName": stream, "ShardId": put["ShardId"], **extra})
        if expected:
            assert code(error) == expected and message(error).startswith(text) or text in message(error), (extra, message(error))
    for bad in ("nonsense", "AAAA", base64.b64encode(b"\0" * 80).decode()):
        with pytest.raises(kinesis.exceptions.InvalidArgumentException) as error:
            kinesis.get_records(ShardIterator=bad)
        assert message(error) == "Invalid ShardIterator."


def test_split_then_merge_keeps_lineage(kinesis, name):
    kinesis.create_stream(StreamName=name, ShardCount=1)
    wait_active(kinesis, name)
    keys = [f"k{i}" for i in range(50)]
    put = lambda tag: kinesis.put_records(
        StreamName=name, Records=[{"Data": f"{tag}-{k}".encode(), "PartitionKey": k} for k in keys])
    assert put("before")["FailedRecordCount"] == 0
    kinesis.split_shard(StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))
    with pytest.raises(kinesis.exceptions.ResourceInUseException) as error:
        kinesis.split_shard(StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))
    assert message(error) == f"Stream {name} under account 000000000000 not ACTIVE, instead in state UPDATING"
    wait_active(kinesis, name)
    assert put("between")["FailedRecordCount"] == 0
    shards = {s["ShardId"]: s for s in kinesis.list_shards(StreamName=name)["Shards"]}
    assert "EndingSequenceNumber" in shards["shardId-000000000000"]["SequenceNumberRange"]
    assert [shards[f"shardId-00000000000{i}"]["ParentShardId"] for i in (1, 2)] == ["shardId-000000000000"] * 2
    parent, end = read_shard(kinesis, name, "shardId-000000000000")
    assert len(parent) == 50 and all(r["Data"].startswith(b"before") for r in parent)
    assert sorted(c["ShardId"] for c in end["ChildShards"]) == ["shardId-000000000001", "shardId-000000000002"]
    assert all(c["ParentShards"] == ["shardId-000000000000"] for c in end["ChildShards"])
    kinesis.merge_shards(StreamName=name, ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000002")
    wait_active(kinesis, name)
    assert put("after")["FailedRecordCount"] == 0
    third = next(s for s in kinesis.list_shards(StreamName=name)["Shards"] if s["ShardId"] == "shardId-000000000003")
    assert (third["ParentShardId"], third["AdjacentParentShardId"]) == ("shardId-000000000001", "shardId-000000000002")
    total = [r["Data"].decode() for s in range(4)
             for r in read_shard(kinesis, name, f"shardId-{s:012d}", want=50 if s == 3 else None)[0]]
    assert sorted(total) == sorted(f"{t}-{k}" for t in ("before", "between", "after") for k in keys)
    latest = kinesis.get_shard_iterator(
        StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="LATEST")["ShardIterator"]
    ended = kinesis.get_records(ShardIterator=latest)
    assert ended["Records"] == [] and "NextShardIterator" not in ended and len(ended["ChildShards"]) == 2
    open_now = kinesis.list_shards(StreamName=name, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    assert [s["ShardId"] for s in open_now] == ["shardId-000000000003"]
    kinesis.delete_stream(StreamName=name)


def test_reshard_refusals(kinesis, stream):
    with pytest.raises(kinesis.exceptions.InvalidArgumentException) as error:
        kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey="1")
    assert "is not both greater than one plus the shard's StartingHashKey" in message(error)
    with pytest.raises(kinesis.exceptions.InvalidArgumentException) as error:
        kinesis.merge_shards(StreamName=stream, ShardToMerge="shardId-000000000001",
                             AdjacentShardToMerge="shardId-000000000000")
    assert "are not an adjacent pair of shards eligible for merging" in message(error)
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000077", NewStartingHashKey="17")


def test_write_limit_throttles_per_record(cluster, name):
    kinesis = cluster.client(retries={"mode": "standard", "max_attempts": 1})
    kinesis.create_stream(StreamName=name, ShardCount=1)
    wait_active(kinesis, name)
    failed = 0
    for _ in range(8):  # 4,000 records at once into a shard of 1,000 a second
        answer = kinesis.put_records(StreamName=name, Records=[{"Data": b"x", "PartitionKey": "k"}] * 500)
        assert answer["FailedRecordCount"] == sum("ErrorCode" in r for r in answer["Records"])
        for result in answer["Records"]:
            if "ErrorCode" in result:
                assert result["ErrorCode"] == "ProvisionedThroughputExceededException"
                assert result["ErrorMessage"] == (
                    f"Rate exceeded for shard shardId-000000000000 in stream {name} under account 000000000000.")
                assert "SequenceNumber" not in result
        failed += answer["FailedRecordCount"]
    assert failed > 0
    kinesis.delete_stream(StreamName=name)


def test_read_limit_refuses_the_sixth_call_of_a_second(cluster, stream):
    kinesis = cluster.client(retries={"mode": "standard", "max_attempts": 1})
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]

    def refused(_) -> bool:
        try:
            kinesis.get_records(ShardIterator=iterator)
        except kinesis.exceptions.ProvisionedThroughputExceededException as error:
            assert error.response["Error"]["Message"].startswith("Rate exceeded for shard shardId-000000000000")
            return True
        return False

    calls, started = 40, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        count = sum(pool.map(refused, range(calls)))
    seconds = time.monotonic() - started
    served = calls - count
    assert 5 <= served <= 6 + 5 * seconds, f"{served} of {calls} reads of one shard served in {seconds:.2f} s"


def test_schema_errors_are_aws_texts(cluster, stream):
    loose = cluster.client(parameter_validation=False)
    with pytest.raises(ClientError) as error:
        loose.put_record(StreamName="bad name!", Data=b"x", PartitionKey="k")
    assert code(error) == "ValidationException"
    assert message(error) == (
        "1 validation error detected: Value 'bad name!' at 'streamName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
    with pytest.raises(ClientError) as error:
        loose.put_records(StreamName=stream, Records=[{"Data": b"x", "PartitionKey": "k"}] * 501)
    assert "Member must have length less than or equal to 500" in message(error)
    with pytest.raises(ClientError) as error:
        loose.put_record(StreamName=stream, Data=b"x", PartitionKey="k" * 257)
    assert "at 'partitionKey' failed to satisfy constraint: Member must have length less than or equal to 256" in message(error)
    with pytest.raises(ClientError) as error:
        loose.put_record(StreamName=stream, Data=b"x", PartitionKey="k", ExplicitHashKey=str(2**128))
    assert code(error) == "InvalidArgumentException" and message(error).startswith("Invalid ExplicitHashKey.")
    with pytest.raises(ClientError) as error:
        loose.put_record(StreamName=stream, Data=b"x" * (1024 * 1024 + 1), PartitionKey="k")
    assert code(error) in ("ValidationException", "InvalidArgumentException")
    biggest = loose.put_record(StreamName=stream, Data=b"x" * (1024 * 1024 - 1), PartitionKey="k")
    assert biggest["SequenceNumber"]

"""Streams, tags, retention, limits, listings through boto3, unmodified."""
import datetime
import re

import pytest
from botocore.exceptions import ClientError
from conftest import wait_active, wait_gone

HASH_MAX = 2**128 - 1


def code(error) -> str:
    return error.value.response["Error"]["Code"]


def message(error) -> str:
    return error.value.response["Error"]["Message"]


def test_create_describe_delete(kinesis, name):
    answer = kinesis.create_stream(StreamName=name, ShardCount=3)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert re.fullmatch(r"[0-9a-f-]{36}", answer["ResponseMetadata"]["RequestId"])
    with pytest.raises(kinesis.exceptions.ResourceInUseException) as error:
        kinesis.create_stream(StreamName=name, ShardCount=1)
    assert message(error) == f"Stream {name} under account 000000000000 already exists."
    wait_active(kinesis, name)
    description = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert description["StreamARN"] == f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"
    assert description["RetentionPeriodHours"] == 24
    assert description["EncryptionType"] == "NONE"
    assert description["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert description["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert description["HasMoreShards"] is False
    age = datetime.datetime.now(datetime.timezone.utc) - description["StreamCreationTimestamp"]
    assert abs(age.total_seconds()) < 60
    # AWS's own ranges for three shards
    assert [(s["ShardId"], s["HashKeyRange"]["StartingHashKey"], s["HashKeyRange"]["EndingHashKey"])
            for s in description["Shards"]] == [
        ("shardId-000000000000", "0", "113427455640312821154458202477256070484"),
        ("shardId-000000000001", "113427455640312821154458202477256070485", "226854911280625642308916404954512140969"),
        ("shardId-000000000002", "226854911280625642308916404954512140970", "340282366920938463463374607431768211455")]
    for shard in description["Shards"]:
        assert re.fullmatch(r"\d{56}", shard["SequenceNumberRange"]["StartingSequenceNumber"])
        assert "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        assert "ParentShardId" not in shard
    kinesis.delete_stream(StreamName=name)
    wait_gone(kinesis, name)
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException) as error:
        kinesis.describe_stream(StreamName=name)
    assert message(error) == f"Stream {name} under account 000000000000 not found."


def test_sdk_waiter_and_recreate_under_the_same_name(kinesis, name):
    for _ in range(2):
        kinesis.create_stream(StreamName=name, ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
        kinesis.delete_stream(StreamName=name)
        kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})


def test_on_demand_stream_has_four_shards_and_refuses_resharding(kinesis, name):
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    summary = wait_active(kinesis, name)
    assert summary["OpenShardCount"] == 4
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert "StreamId" not in summary
    with pytest.raises(ClientError) as error:
        kinesis.split_shard(StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey="17")
    assert code(error) == "ValidationException"
    kinesis.delete_stream(StreamName=name)


def test_list_streams_pages_by_name(kinesis):
    names = sorted(f"list-{i}-{__import__('uuid').uuid4().hex[:6]}" for i in range(3))
    for each in names:
        kinesis.create_stream(StreamName=each, ShardCount=1)
        wait_active(kinesis, each)
    seen, more, start = [], True, "list-"
    while more:
        page = kinesis.list_streams(Limit=1, ExclusiveStartStreamName=start)
        assert len(page["StreamNames"]) <= 1
        seen += page["StreamNames"]
        more, start = page["HasMoreStreams"], (page["StreamNames"] or [start])[-1]
    assert [n for n in seen if n in names] == names
    by_paginator = [n for page in kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2})
                    for n in page["StreamNames"]]
    assert set(names) <= set(by_paginator)
    assert by_paginator == sorted(by_paginator)
    summaries = kinesis.list_streams()["StreamSummaries"]
    assert {"StreamName", "StreamARN", "StreamStatus", "StreamModeDetails", "StreamCreationTimestamp"} <= set(summaries[0])
    for each in names:
        kinesis.delete_stream(StreamName=each)


def test_by_arn(kinesis, stream):
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    assert kinesis.describe_stream(StreamARN=arn)["StreamDescription"]["StreamName"] == stream
    put = kinesis.put_record(StreamARN=arn, Data=b"x", PartitionKey="k")
    iterator = kinesis.get_shard_iterator(
        StreamARN=arn, ShardId=put["ShardId"], ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=put["SequenceNumber"])["ShardIterator"]
    assert kinesis.get_records(ShardIterator=iterator, StreamARN=arn)["Records"][0]["Data"] == b"x"


def test_retention(kinesis, stream):
    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    assert wait_active(kinesis, stream)["RetentionPeriodHours"] == 48
    with pytest.raises(kinesis.exceptions.InvalidArgumentException) as error:
        kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=25)
    assert message(error) == (f"Requested retention period (25 hours) for stream {stream} can not be shorter than existing "
                              "retention period (48 hours). Use DecreaseRetentionPeriod API.")
    with pytest.raises(kinesis.exceptions.InvalidArgumentException) as error:
        kinesis.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=23)
    assert message(error) == ("Minimum allowed retention period is 24 hours. "
                              "Requested retention period (23 hours) is too short.")
    with pytest.raises(kinesis.exceptions.InvalidArgumentException):
        kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=8761)
    kinesis.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    assert wait_active(kinesis, stream)["RetentionPeriodHours"] == 24


def test_tags(kinesis, stream):
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"b": "2", "a": "1", "c": ""})
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"a": "one"})
    tags = kinesis.list_tags_for_stream(StreamName=stream)
    assert tags["Tags"] == [{"Key": "a", "Value": "one"}, {"Key": "b", "Value": "2"}, {"Key": "c", "Value": ""}]
    assert tags["HasMoreTags"] is False
    page = kinesis.list_tags_for_stream(StreamName=stream, Limit=1, ExclusiveStartTagKey="a")
    assert page["Tags"] == [{"Key": "b", "Value": "2"}] and page["HasMoreTags"] is True
    kinesis.remove_tags_from_stream(StreamName=stream, TagKeys=["a", "nobody"])
    assert [t["Key"] for t in kinesis.list_tags_for_stream(StreamName=stream)["Tags"]] == ["b", "c"]
    with pytest.raises(kinesis.exceptions.InvalidArgumentException) as error:
        kinesis.add_tags_to_stream(StreamName=stream, Tags={"bad;key": "x"})
    assert message(error).startswith("Some tags contain invalid characters.")
    with pytest.raises(kinesis.exceptions.InvalidArgumentException):
        kinesis.add_tags_to_stream(StreamName=stream, Tags={f"k{i}": "v" for i in range(51)})


def test_describe_limits(kinesis, stream):
    limits = kinesis.describe_limits()
    assert limits["ShardLimit"] >= limits["OpenShardCount"] >= 2
    assert limits["OnDemandStreamCountLimit"] == 50


def test_list_shards_pages_and_filters(kinesis, name):
    kinesis.create_stream(StreamName=name, ShardCount=5)
    wait_active(kinesis, name)
    first = kinesis.list_shards(StreamName=name, MaxResults=2)
    second = kinesis.list_shards(NextToken=first["NextToken"], MaxResults=2)
    third = kinesis.list_shards(NextToken=second["NextToken"])
    ids = [s["ShardId"] for page in (first, second, third) for s in page["Shards"]]
    assert ids == [f"shardId-{i:012d}" for i in range(5)] and "NextToken" not in third
    after = kinesis.list_shards(StreamName=name, ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": ids[2]})
    assert [s["ShardId"] for s in after["Shards"]] == ids[3:]
    for kind in ("AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST"):
        assert len(kinesis.list_shards(StreamName=name, ShardFilter={"Type": kind})["Shards"]) == 5
    with pytest.raises(kinesis.exceptions.InvalidArgumentException) as error:
        kinesis.list_shards(StreamName=name, NextToken=first["NextToken"])
    assert message(error) == "NextToken and StreamName cannot be provided together."
    with pytest.raises(kinesis.exceptions.InvalidArgumentException) as error:
        kinesis.list_shards()
    assert message(error) == "Either NextToken or StreamName should be provided."
    kinesis.delete_stream(StreamName=name)

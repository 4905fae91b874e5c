"""Consumers of enhanced fan-out and what is pushed to them, through boto3, unmodified: over HTTP/1.1, in chunks."""
import concurrent.futures
import re
import time

import pytest
from botocore.exceptions import ClientError, EventStreamError
from conftest import wait_active

HASH_MAX = str(2**128 - 1)


def code(error) -> str:
    return error.value.response["Error"]["Code"]


def message(error) -> str:
    return error.value.response["Error"]["Message"]


@pytest.fixture
def arn(kinesis, stream) -> str:
    return kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]


def register(kinesis, arn: str, consumer: str) -> str:
    """The ARN of a consumer that is ACTIVE."""
    made = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=consumer)["Consumer"]
    deadline = time.monotonic() + 20
    while True:
        described = kinesis.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])["ConsumerDescription"]
        if described["ConsumerStatus"] == "ACTIVE":
            return made["ConsumerARN"]
        assert time.monotonic() < deadline, described
        time.sleep(0.05)


def subscribe(kinesis, consumer: str, shard: str, **position):
    """Waits out the five seconds in which a second subscription is refused, never anything else."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=shard, StartingPosition=position)["EventStream"]
        except kinesis.exceptions.ResourceInUseException:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def take(events, want: int) -> list[dict]:
    """Records of a subscription until `want` came; the subscription is then given up."""
    records = []
    for event in events:
        event = event["SubscribeToShardEvent"]
        records += event["Records"]
        assert re.fullmatch(r"\d{56}", event["ContinuationSequenceNumber"]) and event["MillisBehindLatest"] >= 0
        if len(records) >= want:
            break
    events.close()
    return records


def test_a_consumers_life(kinesis, stream, arn):
    made = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader", Tags={"team": "river"})["Consumer"]
    assert (made["ConsumerName"], made["ConsumerStatus"]) == ("reader", "CREATING")
    created = int(made["ConsumerCreationTimestamp"].timestamp())
    assert made["ConsumerARN"] == f"{arn}/consumer/reader:{created}"
    with pytest.raises(kinesis.exceptions.ResourceInUseException):
        kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")
    by_name = kinesis.describe_stream_consumer(StreamARN=arn, ConsumerName="reader")["ConsumerDescription"]
    assert by_name["ConsumerARN"] == made["ConsumerARN"] and by_name["StreamARN"] == arn
    assert kinesis.list_tags_for_resource(ResourceARN=made["ConsumerARN"])["Tags"] == [{"Key": "team", "Value": "river"}]
    register(kinesis, arn, "second")
    assert kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["ConsumerCount"] == 2
    page = kinesis.list_stream_consumers(StreamARN=arn, MaxResults=1)
    rest = kinesis.list_stream_consumers(StreamARN=arn, NextToken=page["NextToken"])
    assert sorted(each["ConsumerName"] for each in page["Consumers"] + rest["Consumers"]) == ["reader", "second"]
    with pytest.raises(kinesis.exceptions.ResourceInUseException):
        kinesis.delete_stream(StreamName=stream)
    kinesis.deregister_stream_consumer(ConsumerARN=made["ConsumerARN"])
    kinesis.deregister_stream_consumer(StreamARN=arn, ConsumerName="second")
    deadline = time.monotonic() + 20
    while kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])
    again = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]["ConsumerARN"]
    assert again != made["ConsumerARN"], "a consumer made again is another one"
    kinesis.deregister_stream_consumer(ConsumerARN=again)


def test_positions_and_pushes(kinesis, stream, arn):
    consumer = register(kinesis, arn, "reader")
    puts = [kinesis.put_record(StreamName=stream, Data=b"%d" % each, PartitionKey="k") for each in range(4)]
    shard = puts[0]["ShardId"]
    cases = [
        ({"Type": "TRIM_HORIZON"}, [b"0", b"1", b"2", b"3"]),
        ({"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": puts[2]["SequenceNumber"]}, [b"2", b"3"]),
        ({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": puts[2]["SequenceNumber"]}, [b"3"]),
    ]
    for position, expected in cases:
        records = take(subscribe(kinesis, consumer, shard, **position), len(expected))
        assert [each["Data"] for each in records] == expected, position
        assert all("EncryptionType" not in each for each in records)
    events = subscribe(kinesis, consumer, shard, Type="LATEST")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        taken = pool.submit(take, events, 1)
        put = kinesis.put_record(StreamName=stream, Data=b"now", PartitionKey="k")
        record = taken.result(timeout=20)[0]
    assert (record["Data"], record["SequenceNumber"]) == (b"now", put["SequenceNumber"])
    with pytest.raises(ClientError) as error:
        kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId="shardId-000000000099", StartingPosition={"Type": "LATEST"})
    assert code(error) == "ResourceNotFoundException"


def test_idle_shards_push_too_and_the_next_subscription_goes_on_without_a_gap(kinesis, stream, arn):
    consumer = register(kinesis, arn, "reader")
    put = kinesis.put_record(StreamName=stream, Data=b"a", PartitionKey="k")
    continuation, empty = None, 0
    events = subscribe(kinesis, consumer, put["ShardId"], Type="TRIM_HORIZON")
    for event in events:
        event = event["SubscribeToShardEvent"]
        assert continuation is None or int(event["ContinuationSequenceNumber"]) >= int(continuation)
        continuation = event["ContinuationSequenceNumber"]
        empty += not event["Records"]
        if empty == 2:
            break
    events.close()
    kinesis.put_record(StreamName=stream, Data=b"b", PartitionKey="k")
    records = take(subscribe(kinesis, consumer, put["ShardId"], Type="AFTER_SEQUENCE_NUMBER", SequenceNumber=continuation), 1)
    assert [each["Data"] for each in records] == [b"b"]


def test_one_subscription_of_a_consumer_to_a_shard(kinesis, stream, arn):
    consumer, shard = register(kinesis, arn, "reader"), "shardId-000000000000"
    first = subscribe(kinesis, consumer, shard, Type="LATEST")
    # Sooner than five seconds: refused. Sooner than one: by the rate of one call a second.
    with pytest.raises(ClientError) as error:
        kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=shard, StartingPosition={"Type": "LATEST"})
    assert code(error) in ("ResourceInUseException", "LimitExceededException")
    second = subscribe(kinesis, consumer, shard, Type="LATEST")  # takes over as soon as it may
    with pytest.raises(EventStreamError) as taken:
        for _ in first:
            pass
    assert code(taken) == "ResourceInUseException"
    other = subscribe(kinesis, consumer, "shardId-000000000001", Type="LATEST")  # another shard is another subscription
    kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    for events in (second, other):
        with pytest.raises(EventStreamError) as gone:
            for _ in events:
                pass
        assert code(gone) == "ResourceNotFoundException"


def test_the_end_of_a_shard_names_its_children(kinesis, stream, arn):
    consumer = register(kinesis, arn, "reader")
    low = kinesis.put_record(StreamName=stream, Data=b"low", PartitionKey="k", ExplicitHashKey="0")
    kinesis.split_shard(StreamName=stream, ShardToSplit=low["ShardId"], NewStartingHashKey=str(2**126))
    wait_active(kinesis, stream)
    events = [event["SubscribeToShardEvent"] for event in subscribe(kinesis, consumer, low["ShardId"], Type="TRIM_HORIZON")]
    assert [each["Data"] for event in events for each in event["Records"]] == [b"low"]
    for event in events[:-1]:
        assert "ChildShards" not in event and event["ContinuationSequenceNumber"]
    assert "ContinuationSequenceNumber" not in events[-1]
    children = events[-1]["ChildShards"]
    assert [(each["ShardId"], each["ParentShards"], each["HashKeyRange"]["StartingHashKey"]) for each in children] == [
        ("shardId-000000000002", [low["ShardId"]], "0"), ("shardId-000000000003", [low["ShardId"]], str(2**126))]
    kinesis.merge_shards(StreamName=stream, ShardToMerge="shardId-000000000002", AdjacentShardToMerge="shardId-000000000003")
    wait_active(kinesis, stream)
    for parent in ("shardId-000000000002", "shardId-000000000003"):
        last = [event["SubscribeToShardEvent"] for event in subscribe(kinesis, consumer, parent, Type="LATEST")][-1]
        assert [(each["ShardId"], each["ParentShards"]) for each in last["ChildShards"]] == [
            ("shardId-000000000004", ["shardId-000000000002", "shardId-000000000003"])]


def test_two_consumers_each_get_everything(kinesis, stream, arn):
    consumers = [register(kinesis, arn, name) for name in ("one", "two")]
    opened = [subscribe(kinesis, each, "shardId-000000000001", Type="TRIM_HORIZON") for each in consumers]
    expected = [b"%d" % each for each in range(50)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        taken = [pool.submit(take, events, len(expected)) for events in opened]
        for data in expected:
            kinesis.put_record(StreamName=stream, Data=data, PartitionKey="k", ExplicitHashKey=HASH_MAX)
        for each in taken:
            assert [record["Data"] for record in each.result(timeout=30)] == expected

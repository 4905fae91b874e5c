"""More and fewer shards: by count, by mode, by warm throughput, and on demand, through boto3, unmodified."""
import concurrent.futures
import time

import pytest
from botocore.exceptions import ClientError
from conftest import read_shard, start, wait_active

HASH_MAX = 2**128 - 1


def code(error) -> str:
    return error.value.response["Error"]["Code"]


def open_ranges(kinesis, name: str) -> list[tuple[int, int]]:
    shards = kinesis.list_shards(StreamName=name, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    return sorted((int(each["HashKeyRange"]["StartingHashKey"]), int(each["HashKeyRange"]["EndingHashKey"])) for each in shards)


def tiles(ranges: list[tuple[int, int]]) -> bool:
    starts, ends = [each[0] for each in ranges], [each[1] for each in ranges]
    return starts == [0] + [end + 1 for end in ends[:-1]] and ends[-1] == HASH_MAX


@pytest.mark.parametrize("before,after", [(2, 4), (4, 2), (4, 3), (3, 5)])
def test_update_shard_count_gives_equal_ranges_and_loses_nothing(kinesis, name, before, after):
    kinesis.create_stream(StreamName=name, ShardCount=before)
    wait_active(kinesis, name)
    put = lambda tag: kinesis.put_records(StreamName=name, Records=[
        {"Data": f"{tag}-{each}".encode(), "PartitionKey": f"k{each}"} for each in range(40)])["FailedRecordCount"]
    assert put("before") == 0
    answer = kinesis.update_shard_count(StreamName=name, TargetShardCount=after, ScalingType="UNIFORM_SCALING")
    assert (answer["StreamName"], answer["CurrentShardCount"], answer["TargetShardCount"]) == (name, before, after)
    assert put("between") == 0, "writes are delayed, not failed"
    with pytest.raises(kinesis.exceptions.ResourceInUseException):
        kinesis.update_shard_count(StreamName=name, TargetShardCount=before, ScalingType="UNIFORM_SCALING")
    wait_active(kinesis, name)
    width = 2**128 // after
    assert open_ranges(kinesis, name) == [
        (each * width, (each + 1) * width - 1 if each + 1 < after else HASH_MAX) for each in range(after)]
    assert put("after") == 0
    everything = kinesis.list_shards(StreamName=name)["Shards"]
    is_open = lambda shard: "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    seen = [record["Data"].decode() for shard in everything if not is_open(shard)
            for record in read_shard(kinesis, name, shard["ShardId"])[0]]
    waiting = 120 - len(seen)
    for shard in filter(is_open, everything):
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        seen += [record["Data"].decode() for record in kinesis.get_records(ShardIterator=iterator)["Records"]]
    assert len(seen) == len(set(seen)) == 120, f"{waiting} were waiting in open shards"
    kinesis.delete_stream(StreamName=name)


def test_update_shard_count_refusals(kinesis, stream):
    for target in (5, 100):  # more than twice the two it has
        with pytest.raises(ClientError) as error:
            kinesis.update_shard_count(StreamName=stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
        assert code(error) in ("InvalidArgumentException", "LimitExceededException"), target


def test_modes_there_and_back(kinesis, stream):
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    summary = wait_active(kinesis, stream)
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"} and summary["OpenShardCount"] >= 2
    for refused in (
            lambda: kinesis.update_shard_count(StreamName=stream, TargetShardCount=4, ScalingType="UNIFORM_SCALING"),
            lambda: kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey="17")):
        with pytest.raises(ClientError) as error:
            refused()
        assert code(error) == "ValidationException"
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
    assert wait_active(kinesis, stream)["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    with pytest.raises(kinesis.exceptions.LimitExceededException):  # two switches a day
        kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})


def test_warm_throughput(kinesis, name, stream):
    with pytest.raises(ClientError):  # a provisioned stream has none
        kinesis.update_stream_warm_throughput(StreamName=stream, WarmThroughputMiBps=6)
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    demand = name + "-demand"
    kinesis.create_stream(StreamName=demand, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    wait_active(kinesis, demand)
    answer = kinesis.update_stream_warm_throughput(StreamName=demand, WarmThroughputMiBps=7)
    assert answer["StreamName"] == demand and answer["WarmThroughput"]["TargetMiBps"] == 7
    summary = wait_active(kinesis, demand)
    assert summary["WarmThroughput"] == {"TargetMiBps": 7, "CurrentMiBps": 7}
    assert summary["OpenShardCount"] >= 7 and tiles(open_ranges(kinesis, demand))
    kinesis.delete_stream(StreamName=demand)


def test_a_stream_on_demand_grows_under_load_and_loses_nothing():
    """Seconds instead of AWS's minutes, by a setting for tests; the rules are the same."""
    cluster = start("--on-demand-seconds", "2")
    try:
        kinesis = cluster.client(retries={"mode": "standard", "max_attempts": 10})
        kinesis.create_stream(StreamName="demand", StreamModeDetails={"StreamMode": "ON_DEMAND"})
        wait_active(kinesis, "demand")
        ending, sent = time.monotonic() + 60, set()

        def produce(producer: int) -> set[str]:
            """All the load on one key's shard: 900 KB a second, over the 500 KB at which a shard is split."""
            client, acknowledged, number = cluster.client(), set(), 0
            while time.monotonic() < ending and len(open_ranges(client, "demand")) <= 4:
                entries = [{"Data": f"p{producer}-{number}-{each} ".encode().ljust(10_000, b"x"), "PartitionKey": "k",
                            "ExplicitHashKey": str(each)} for each in range(15)]
                for entry, result in zip(entries, client.put_records(StreamName="demand", Records=entries)["Records"]):
                    if "ErrorCode" not in result:
                        acknowledged.add(entry["Data"].split()[0].decode())
                number += 1
                time.sleep(0.33)
            return acknowledged

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for each in pool.map(produce, range(2)):
                sent |= each
        ranges = open_ranges(kinesis, "demand")
        assert len(ranges) > 4 and tiles(ranges), f"{len(ranges)} shards"
        wait_active(kinesis, "demand")
        printed = cluster.ana("tail", "demand", "--from", "horizon", "-n", str(len(sent)), "--format", "%v", timeout=120)
        assert {line.split()[0] for line in printed.stdout.decode().splitlines()} == sent
    finally:
        cluster.stop()

"""Records aggregated by a producer of the KPL's format: stored as they are, opened by `ana tail`."""
import collections

from conftest import read_shard
from kpl import put_aggregated

MAGIC = bytes.fromhex("f3899ac2")
KEYS, ROUNDS = 5, 20


def test_aggregated_records_pass_through_and_tail_opens_them(cluster, kinesis, stream):
    told = put_aggregated(cluster, stream, "kpl", KEYS, ROUNDS)
    assert len(told) == KEYS * ROUNDS and all(each["acknowledged"] for each in told), told
    stored = [record for shard in kinesis.list_shards(StreamName=stream)["Shards"]
              for record in read_shard(kinesis, stream, shard["ShardId"], want=len(
                  {each["sequence"] for each in told if each["shard"] == shard["ShardId"]}))[0]]
    assert {record["SequenceNumber"] for record in stored} == {each["sequence"] for each in told}
    assert len(stored) < len(told) and all(record["Data"].startswith(MAGIC) for record in stored), "aggregated, untouched"

    printed = cluster.ana("tail", stream, "--from", "horizon", "-n", str(len(told)), "--format", "%k %v").stdout.decode()
    order = collections.defaultdict(list)
    for line in printed.splitlines():
        partition_key, key, number = line.split()
        assert partition_key == key, "each user record has its own key again"
        order[key].append(int(number))
    assert order == {f"kpl-k{each}": list(range(ROUNDS)) for each in range(KEYS)}

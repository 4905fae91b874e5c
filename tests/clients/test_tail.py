"""Ten thousand PutRecords batches and a reshard later, `ana tail` prints every record once, in order per key."""
import collections
import concurrent.futures
import os

from conftest import start, wait_active

BATCHES = int(os.environ.get("ANA_TAIL_BATCHES", "10000"))
RECORDS_PER_BATCH = 10
PRODUCERS = 8


def test_tail_from_the_trim_horizon_across_a_split():
    cluster = start("--limits", "off")
    try:
        kinesis = cluster.client()
        kinesis.create_stream(StreamName="tail", ShardCount=2)
        wait_active(kinesis, "tail")

        def produce(producer: int) -> int:
            """One thread owns its keys, so the order of its puts is the order that must be kept."""
            client, sent = cluster.client(), 0
            for batch in range(BATCHES // PRODUCERS):
                entries = [{"Data": f"p{producer}-k{i} {batch}".encode(), "PartitionKey": f"p{producer}-k{i}"}
                           for i in range(RECORDS_PER_BATCH)]
                answer = client.put_records(StreamName="tail", Records=entries)
                assert answer["FailedRecordCount"] == 0, answer
                sent += RECORDS_PER_BATCH
                if producer == 0 and batch == BATCHES // PRODUCERS // 2:
                    client.split_shard(StreamName="tail", ShardToSplit="shardId-000000000000",
                                       NewStartingHashKey=str(2**126))
            return sent

        with concurrent.futures.ThreadPoolExecutor(PRODUCERS) as pool:
            sent = sum(pool.map(produce, range(PRODUCERS)))
        wait_active(kinesis, "tail")
        printed = cluster.ana("tail", "tail", "--from", "horizon", "-n", str(sent), "--format", "%v", timeout=300)
        order = collections.defaultdict(list)
        for line in printed.stdout.decode().splitlines():
            key, number = line.split()
            order[key].append(int(number))
        assert len(order) == PRODUCERS * RECORDS_PER_BATCH
        for key, numbers in order.items():
            assert numbers == list(range(BATCHES // PRODUCERS)), f"{key}: out of order, lost or twice"
    finally:
        cluster.stop()

"""What a client sees of AWS's limits per shard, and that its own retries get everything through."""
import collections
import concurrent.futures
import threading
import time

from conftest import read_shard, wait_active

RECORDS_PER_SECOND = 1000
READS_PER_SECOND = 5


class Producer:
    """Puts batches at a set rate, and puts again what was throttled, as the SDK's user guide asks."""

    def __init__(self, client, stream: str, prefix: str, batch: int):
        self.client, self.stream, self.prefix, self.batch = client, stream, prefix, batch
        self.throttled = collections.Counter()
        self.acknowledged: set[str] = set()

    def put(self, number: int):
        waiting = [f"{self.prefix}-{number}-{each}" for each in range(self.batch)]
        while waiting:
            answer = self.client.put_records(
                StreamName=self.stream, Records=[{"Data": text.encode(), "PartitionKey": text} for text in waiting])
            results = answer["Records"]
            assert answer["FailedRecordCount"] == sum("ErrorCode" in each for each in results)
            again = []
            for text, result in zip(waiting, results):
                if "ErrorCode" in result:
                    self.throttled[result["ErrorCode"], result["ErrorMessage"]] += 1
                    again.append(text)
                else:
                    self.acknowledged.add(text)
            waiting = again
            if waiting:
                time.sleep(0.1)  # the back-off of a client that was throttled


def test_a_producer_at_three_times_the_limit_loses_nothing(cluster, name):
    kinesis = cluster.client()
    kinesis.create_stream(StreamName=name, ShardCount=1)
    wait_active(kinesis, name)
    threads, batches, batch = 3, 15, 200
    total = threads * batches * batch
    producers = [Producer(cluster.client(), name, f"p{each}", batch) for each in range(threads)]
    start = time.monotonic()

    def produce(producer: Producer):
        """A third of the load: one shard's whole limit. A batch that is late does not wait for its time."""
        for number in range(batches):
            time.sleep(max(0, start + number * batch / RECORDS_PER_SECOND - time.monotonic()))
            producer.put(number)

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(produce, producers))
    seconds = time.monotonic() - start
    throttled = sum((each.throttled for each in producers), collections.Counter())
    assert list(throttled) == [(
        "ProvisionedThroughputExceededException",
        f"Rate exceeded for shard shardId-000000000000 in stream {name} under account 000000000000.")], throttled
    # What is let through is the limit's, with the burst of one second before it.
    assert total <= RECORDS_PER_SECOND * (seconds + 1.5), f"{total} records in {seconds:.1f} s"
    records, _ = read_shard(kinesis, name, "shardId-000000000000", want=total, seconds=60)
    stored = [record["Data"].decode() for record in records]
    acknowledged = set().union(*(each.acknowledged for each in producers))
    assert len(acknowledged) == total and sorted(stored) == sorted(acknowledged), "each once: throttled is not stored"
    kinesis.delete_stream(StreamName=name)


def test_a_twelfth_read_within_a_second_is_refused(cluster, stream):
    """Twelve is twice the limit of five a second and the burst of one second on top: whatever AWS's window is."""
    kinesis = cluster.client(retries={"mode": "standard", "max_attempts": 1}, max_pool_connections=12)
    shard = "shardId-000000000000"
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    together = threading.Barrier(12)

    def read(_) -> str | None:
        together.wait()
        try:
            kinesis.get_records(ShardIterator=iterator)
        except kinesis.exceptions.ProvisionedThroughputExceededException as error:
            return error.response["Error"]["Message"]
        return None

    for _ in range(5):  # a busy machine may need longer than a second for twelve calls: then it has shown nothing
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(read, range(12)))
        if time.monotonic() - start < 1:
            break
        time.sleep(2)  # the limit's own window, and its burst
    else:
        raise AssertionError("the machine was too slow to ask twelve times within a second")
    refused = [message for message in answers if message]
    served = len(answers) - len(refused)
    assert READS_PER_SECOND <= served <= 2 * READS_PER_SECOND + 1, f"{served} of 12 were served"
    for message in refused:
        assert message == f"Rate exceeded for shard {shard} in stream {stream} under account 000000000000.", message


def test_the_sdks_own_retries_get_every_read_through(cluster, stream):
    kinesis = cluster.client(retries={"mode": "standard", "max_attempts": 10})
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    start = time.monotonic()
    for _ in range(15):
        iterator = kinesis.get_records(ShardIterator=iterator)["NextShardIterator"]
    seconds = time.monotonic() - start
    assert seconds >= (15 - 1 - READS_PER_SECOND) / READS_PER_SECOND, f"fifteen reads in {seconds:.2f} s were not held back"


def test_control_calls_have_a_rate_too(cluster):
    kinesis = cluster.client(retries={"mode": "standard", "max_attempts": 1})
    refused = []
    for _ in range(12):
        try:
            kinesis.describe_limits()
        except kinesis.exceptions.LimitExceededException as error:
            refused.append(error.response["Error"]["Message"])
    assert refused and all(message.startswith("Rate exceeded") for message in refused), refused

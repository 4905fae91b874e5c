"""What enhanced monitoring switches on is seen at the nodes: `/_ana/metrics`, read as Prometheus reads it."""
import re
import urllib.request

from conftest import read_shard, wait_active

ROW = re.compile(r'^(?P<family>\w+)\{(?P<labels>[^}]*)\} (?P<value>\S+)$')


def scrape(cluster) -> dict[tuple[str, frozenset], float]:
    """Rows by family and labels, summed over the nodes."""
    total = {}
    for node in cluster.status()["nodes"]:
        answer = urllib.request.urlopen(f"http://{node['api']}/_ana/metrics", timeout=10)
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        text = answer.read().decode()
        assert text.endswith("# EOF\n")
        for line in text.splitlines():
            if row := ROW.match(line):
                labels = frozenset(re.findall(r'(\w+)="([^"]*)"', row["labels"]))
                key = (row["family"], labels)
                total[key] = total.get(key, 0) + float(row["value"])
    return total


def of(name: str, shard: str | None = None) -> frozenset:
    return frozenset({("stream_name", name)} | ({("shard_id", shard)} if shard else set()))


def test_what_is_switched_on_is_counted_and_nothing_else(cluster, kinesis, stream):
    kinesis.enable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["IncomingBytes", "OutgoingRecords"])
    wait_active(kinesis, stream)
    one = kinesis.put_record(StreamName=stream, Data=b"12345", PartitionKey="key")
    many = kinesis.put_records(StreamName=stream, Records=[{"Data": b"12345", "PartitionKey": "key"}] * 9)
    assert many["FailedRecordCount"] == 0
    shard = one["ShardId"]
    read_shard(kinesis, stream, shard, want=10)
    rows = scrape(cluster)
    assert rows["ana_stream_incoming_bytes_total", of(stream)] == 80
    assert rows["ana_stream_incoming_records_total", of(stream)] == 10
    assert rows["ana_stream_put_records_successful_records_total", of(stream)] == 9
    assert rows["ana_stream_get_records_records_total", of(stream)] == 10
    assert rows["ana_shard_incoming_bytes_total", of(stream, shard)] == 80
    assert rows["ana_shard_outgoing_records_total", of(stream, shard)] == 10
    assert ("ana_shard_incoming_records_total", of(stream, shard)) not in rows
    kinesis.disable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
    wait_active(kinesis, stream)
    assert not [family for family, labels in scrape(cluster) if ("shard_id", shard) in labels and of(stream) <= labels]


def test_each_group_is_led_by_one_node(cluster, stream):
    rows = scrape(cluster)
    led = {labels: value for (family, labels), value in rows.items() if family == "ana_replica_is_leader"}
    assert led and set(led.values()) == {1.0}


def test_errors_are_counted_by_their_names(cluster, kinesis):
    def refusals() -> float:
        labels = frozenset({("operation", "DescribeStreamSummary"), ("result", "ResourceNotFoundException")})
        return scrape(cluster).get(("ana_answers_total", labels), 0)

    before = refusals()
    try:
        kinesis.describe_stream_summary(StreamName="nobody-has-this")
    except kinesis.exceptions.ResourceNotFoundException:
        pass
    assert refusals() == before + 1

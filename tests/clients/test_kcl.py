"""The KCL 3, polling and by fan-out, two workers each, through a split, a merge and the deaths of leaders' zones.

Both modes live through the same story at the same time, on the same three zones: producers write all along, a shard is
split, the zone that leads a shard of the one stream dies and comes back, then the zone that leads a shard of the other
dies and stays dead, and two shards are merged. Then every acknowledged record must have been processed, in order.
"""
import contextlib
import subprocess
import sys
import time

import pytest

from conftest import REGION, free_port, start, wait_active
from kcl import Application, out_of_order
from kpl import put_aggregated
from walk import take_down

pytestmark = pytest.mark.kcl
MODES = ("polling", "fanout")
TRANSPORT = "HTTP/2, prior knowledge"
STEP_SECONDS_MAX = 120
# Progress is shown by this many records processed: two seconds of the producer's work.
PROGRESS_RECORDS = 200
KPL_KEYS, KPL_ROUNDS = 4, 5
QUARTERS = 2**126


@contextlib.contextmanager
def tables(folder):
    """`moto_server`: the DynamoDB and the CloudWatch that the KCL keeps its leases and metrics in."""
    port = free_port()
    with open(folder / "tables.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)],
            stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def until(what: str, applications, holds):
    deadline = time.monotonic() + STEP_SECONDS_MAX
    while not all(holds(each) for each in applications):
        for each in applications:
            each.check_alive()
        assert time.monotonic() < deadline, f"{what}: not within {STEP_SECONDS_MAX} s: " + "; ".join(
            f"{each.mode} {holds(each)}" for each in applications)
        time.sleep(0.5)


def until_progress(what: str, applications):
    """Records put from now on are processed: those of before may have been waiting."""
    before = {each.mode: set(each.producer.acknowledged) for each in applications}
    until(what, applications, lambda each: len(each.processed() - before[each.mode]) > PROGRESS_RECORDS)


def zone_leading_a_shard_of(cluster, stream: str) -> str:
    status = cluster.status()
    zones = {node["id"]: node["zone"] for node in status["nodes"]}
    leaders = [group["leader"] for group in status["groups"] if group["stream"] == stream and group["leader"]]
    assert leaders, f"nobody leads a shard of {stream}"
    return zones[leaders[0]]


def until_healthy(cluster):
    deadline = time.monotonic() + STEP_SECONDS_MAX
    while cluster.ana("status", check=False).returncode != 0:
        assert time.monotonic() < deadline, cluster.status()
        time.sleep(0.5)


def reshard(applications, act):
    for each in applications:
        act(each.kinesis, each.stream)
    for each in applications:
        wait_active(each.kinesis, each.stream, seconds=STEP_SECONDS_MAX)


def split(kinesis, stream: str):
    kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000001", NewStartingHashKey=str(3 * QUARTERS))


def merge(kinesis, stream: str):
    """An original shard with a child of the split one."""
    kinesis.merge_shards(StreamName=stream, ShardToMerge="shardId-000000000000",
                         AdjacentShardToMerge="shardId-000000000002")


def tell_the_story(cluster, applications):
    for each in applications:
        wait_active(each.kinesis, each.stream)
        for told in put_aggregated(cluster, each.stream, "kpl", KPL_KEYS, KPL_ROUNDS):
            assert told["acknowledged"], told
            each.producer.acknowledged.add(told["record"])
        each.producer.start()
    until_progress("the first records", applications)
    until("a shard for each worker", applications, lambda each: len({e["worker"] for e in each.events("started")}) == 2)

    reshard(applications, split)
    until_progress("after the split", applications)
    first, second = applications[0].stream, applications[-1].stream
    zone = zone_leading_a_shard_of(cluster, first)
    cluster.ana("zone", "kill", zone)
    until_progress(f"zone {zone} dead", applications)
    cluster.ana("zone", "start", zone, timeout=STEP_SECONDS_MAX)
    until_healthy(cluster)
    zone = zone_leading_a_shard_of(cluster, second)
    cluster.ana("zone", "kill", zone)
    until_progress(f"zone {zone} dead", applications)
    reshard(applications, merge)
    until_progress("after the merge", applications)

    for each in applications:
        each.producer.end()
    until("every acknowledged record", applications, lambda each: each.producer.acknowledged <= each.processed())
    until("the end of three parents", applications, lambda each: len(each.ended_shards()) >= 3)


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Told once for both modes; what the workers said is judged mode by mode."""
    folder = tmp_path_factory.mktemp("kcl")
    cluster = start()
    applications = []
    try:
        with tables(folder) as tables_endpoint:
            try:
                for mode in MODES:
                    applications.append(Application(mode, cluster, tables_endpoint, folder))
                tell_the_story(cluster, applications)
            finally:
                for application in applications:
                    application.producer.ending.set()
                    for worker in application.workers:
                        worker.end()
        yield {each.mode: each for each in applications}
    finally:
        cluster.stop()


@pytest.mark.parametrize("mode", MODES)
def test_every_acknowledged_record_once_at_least_and_in_order(story, mode):
    application = story[mode]
    for worker in application.workers:
        take_down(worker.told, f"kcl-{mode}", TRANSPORT)
    lost = application.producer.acknowledged - application.processed()
    assert not lost, f"{len(lost)} of {len(application.producer.acknowledged)} acknowledged records: {sorted(lost)[:5]}"
    assert not out_of_order(application.events("records"))
    kpl = {f"kpl-k{key} {number}" for key in range(KPL_KEYS) for number in range(KPL_ROUNDS)}
    assert kpl <= application.processed(), "aggregated records are opened"


@pytest.mark.parametrize("mode", MODES)
def test_each_parent_ends_once_and_before_its_children_start(story, mode):
    application = story[mode]
    split_shard, low, middle, high, merged = (f"shardId-{index:012d}" for index in (1, 0, 2, 3, 4))
    assert application.ended_shards() == [low, split_shard, middle]
    ended = {each["shard"]: each["time"] for each in application.events("ended")}
    started = {}
    for each in application.events("started"):
        started.setdefault(each["shard"], each["time"])
    assert ended[split_shard] < min(started[middle], started[high])
    assert max(ended[low], ended[middle]) < started[merged]
    assert {each["worker"] for each in application.events("records")} == {"w1", "w2"}, "both workers worked"


@pytest.mark.parametrize("mode", MODES)
def test_the_workers_used_the_calls_of_their_mode(story, mode):
    told = {each["operation"] for worker in story[mode].workers for each in worker.told if each.get("answered")}
    polling, fanout = {"GetRecords", "GetShardIterator"}, {"RegisterStreamConsumer", "SubscribeToShard"}
    assert (polling if mode == "polling" else fanout) <= told
    assert mode == "fanout" or not fanout & told

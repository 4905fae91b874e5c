"""One KCL application as the test sees it: a stream, producers, two workers, and the judgement of what they processed."""
import collections
import json
import subprocess
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

from jvm import java

WORKERS = ("w1", "w2")
KEYS = 20
# 20 keys five times a second: 100 records a second, a tenth of what one shard takes.
ROUND_SECONDS = 0.2
# The second zone may die while the first is still catching up: a put may be refused for that long, not longer.
REFUSED_SECONDS_MAX = 60


class Producer(threading.Thread):
    """Puts one record of each key a round; the next round only when every record of this one is acknowledged."""

    def __init__(self, client, stream: str):
        super().__init__(name=f"producer of {stream}", daemon=True)
        self.client, self.stream = client, stream
        self.acknowledged: set[str] = set()
        self.failure: str | None = None
        self.ending = threading.Event()

    def run(self):
        number = 0
        while not self.ending.is_set():
            waiting = [f"k{each} {number}" for each in range(KEYS)]
            deadline = time.monotonic() + REFUSED_SECONDS_MAX
            while waiting:
                if time.monotonic() > deadline:
                    self.failure = f"{self.stream}: {len(waiting)} records were refused for {REFUSED_SECONDS_MAX} s"
                    return
                waiting = self.put(waiting)
            number += 1
            self.ending.wait(ROUND_SECONDS)

    def put(self, texts: list[str]) -> list[str]:
        """Returns what has to be put again."""
        entries = [{"Data": text.encode(), "PartitionKey": text.split()[0]} for text in texts]
        try:
            results = self.client.put_records(StreamName=self.stream, Records=entries)["Records"]
        except (ClientError, BotoCoreError):
            return texts  # the SDK's own retries are used up: whether it was stored is not known
        self.acknowledged |= {text for text, result in zip(texts, results) if "SequenceNumber" in result}
        return [text for text, result in zip(texts, results) if "SequenceNumber" not in result]

    def end(self):
        self.ending.set()
        self.join(timeout=REFUSED_SECONDS_MAX + 10)
        assert not self.is_alive() and self.failure is None, self.failure


class Worker:
    """A KCL worker's process; everything it tells is kept."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log):
        self.name, self.told = name, []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment)
        self.reader = threading.Thread(target=self.listen, daemon=True)
        self.reader.start()

    def listen(self):
        for line in self.process.stdout:
            if line.startswith(b"{"):
                self.told.append(json.loads(line))

    def end(self, seconds: float = 60):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()


class Application:
    def __init__(self, mode: str, cluster, tables: str, folder):
        self.mode, self.stream = mode, f"kcl-{mode}"
        self.kinesis = cluster.client(retries={"mode": "standard", "max_attempts": 8})
        self.kinesis.create_stream(StreamName=self.stream, ShardCount=2)
        self.producer = Producer(self.kinesis, self.stream)
        self.workers = [
            Worker(name, java("KclWorker", name, self.stream, mode, cluster.endpoint, tables), cluster.environment(),
                   open(folder / f"{mode}-{name}.log", "wb"))
            for name in WORKERS]

    def events(self, kind: str) -> list[dict]:
        found = [{**each, "worker": worker.name} for worker in self.workers for each in list(worker.told)
                 if each.get("event") == kind]
        return sorted(found, key=lambda each: each["time"])

    def processed(self) -> set[str]:
        return {text for each in self.events("records") for text in each["records"]}

    def ended_shards(self) -> list[str]:
        return sorted(each["shard"] for each in self.events("ended"))

    def check_alive(self):
        for worker in self.workers:
            assert worker.process.poll() is None, f"{self.mode}: worker {worker.name} ended by itself"
        assert self.producer.failure is None, self.producer.failure


def out_of_order(events: list[dict]) -> list[str]:
    """Records that came before an earlier one of their key: `events` in the order of their times.

    A record may come again, from a worker that went on where the last checkpoint was; the first time counts. The same
    holds for a put whose first try was stored though it was answered with an error.
    """
    wrong, next_of = [], collections.defaultdict(int)
    for event in events:
        for text in event["records"]:
            key, number = text.split()
            if int(number) > next_of[key]:
                wrong.append(f"{event['worker']} {event['shard']}: {text} before {key} {next_of[key]}")
            next_of[key] = max(next_of[key], int(number) + 1)
    return wrong

"""`aiokpl`, unmodified, as a program of its own: puts user records, and tells what it called and what became of them.

    python kpl_producer.py ENDPOINT STREAM PREFIX KEYS RECORDS_PER_KEY

Runs in an environment of its own (`requirements-kpl.txt`).
"""
import asyncio
import importlib.metadata
import json
import sys

import aiokpl

SECONDS_MAX = 60


def tell(**document):
    print(json.dumps(document), flush=True)


def called(http_response, model, **_):
    tell(operation=model.name, answered=http_response.status_code < 300, type=http_response.headers["content-type"])


async def main(endpoint: str, stream: str, prefix: str, keys: int, rounds: int):
    tell(client="aiokpl", version=importlib.metadata.version("aiokpl"), runtime=f"Python {sys.version.split()[0]}")
    config = aiokpl.Config(region="us-east-1", endpoint_url=endpoint)
    async with aiokpl.Producer(config) as producer:
        # Listening only: the producer's own client, with its own events.
        producer._kinesis_client.meta.events.register("after-call.kinesis.*", called)
        sent = []
        for number in range(rounds):
            for each in range(keys):
                key = f"{prefix}-k{each}"
                outcome = await producer.put_record(stream=stream, partition_key=key, data=f"{key} {number}".encode())
                sent.append((f"{key} {number}", outcome))
        await producer.flush()
        for text, outcome in sent:
            result = await asyncio.wait_for(outcome.wait(), SECONDS_MAX)
            tell(record=text, acknowledged=result.success, shard=result.shard_id, sequence=result.sequence_number)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))

// All 39 operations through the AWS SDK for JavaScript v3, in the order a user would meet them.
//
//     AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 node operations.mjs [CHAPTER...]
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import * as sdk from "@aws-sdk/client-kinesis";
import { introduce, tell } from "./recording.mjs";

const WAIT_MS_MAX = 60_000;
const LOOK_EVERY_MS = 150;

// The default handler, which is HTTP/2 for Kinesis; over http:// with prior knowledge. Nothing is set but the retries.
const kinesis = new sdk.KinesisClient({ maxAttempts: 8 });
introduce(kinesis);

const StreamName = "js-" + randomUUID().slice(0, 12);
const call = (operation, input = {}) => kinesis.send(new sdk[operation + "Command"](input));
const text = (record) => Buffer.from(record.Data).toString();
const bytes = (string) => new TextEncoder().encode(string);

async function until(what, look) {
  const deadline = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < deadline, `${what}: not within ${WAIT_MS_MAX} ms`);
    await pause(LOOK_EVERY_MS);
  }
}

async function active() {
  return until("ACTIVE", async () => {
    const { StreamDescriptionSummary: summary } = await call("DescribeStreamSummary", { StreamName });
    return summary.StreamStatus === "ACTIVE" && summary;
  });
}

async function openShards() {
  const { Shards } = await call("ListShards", { StreamName, ShardFilter: { Type: "AT_LATEST" } });
  return Shards.sort((a, b) => (BigInt(a.HashKeyRange.StartingHashKey) < BigInt(b.HashKeyRange.StartingHashKey) ? -1 : 1));
}

async function read(ShardId, position, want) {
  const records = [];
  let { ShardIterator } = await call("GetShardIterator", { StreamName, ShardId, ...position });
  await until(`${want} records`, async () => {
    const answer = await call("GetRecords", { ShardIterator, Limit: 100 });
    records.push(...answer.Records);
    ShardIterator = answer.NextShardIterator;
    return records.length >= want;
  });
  return records;
}

// Takes events until `enough` says so; the subscription is then given up, as a client does that goes away.
async function subscribe(ConsumerARN, ShardId, StartingPosition, enough) {
  const answer = await call("SubscribeToShard", { ConsumerARN, ShardId, StartingPosition });
  const events = [];
  const timer = setTimeout(() => kinesis.destroy(), WAIT_MS_MAX);
  for await (const event of answer.EventStream) {
    assert.ok(event.SubscribeToShardEvent, JSON.stringify(event));
    events.push(event.SubscribeToShardEvent);
    if (enough(events)) break;
  }
  clearTimeout(timer);
  return events;
}

const chapters = {
  async streams() {
    await call("CreateStream", { StreamName, ShardCount: 2, Tags: { made: "js" } });
    await assert.rejects(call("CreateStream", { StreamName, ShardCount: 2 }), sdk.ResourceInUseException);
    const summary = await active();
    assert.equal(summary.OpenShardCount, 2);
    assert.ok(Math.abs(Date.now() - summary.StreamCreationTimestamp) < 60_000, "times are seconds in JSON");
    const { StreamDescription } = await call("DescribeStream", { StreamName });
    assert.equal(StreamDescription.Shards.length, 2);
    assert.ok((await call("ListStreams", { ExclusiveStartStreamName: StreamName.slice(0, -1) })).StreamNames.includes(StreamName));
    assert.ok((await call("DescribeLimits")).OpenShardCount >= 2);
  },

  async records() {
    const put = await call("PutRecord", { StreamName, PartitionKey: "clé", Data: bytes("first") });
    const many = await call("PutRecords", { StreamName, Records: ["second", "third"].map((each) => ({ PartitionKey: "clé", Data: bytes(each) })) });
    assert.equal(many.FailedRecordCount, 0);
    const records = await read(put.ShardId, { ShardIteratorType: "TRIM_HORIZON" }, 3);
    assert.deepEqual(records.map(text), ["first", "second", "third"]);
    assert.equal(records[0].SequenceNumber, put.SequenceNumber);
    assert.equal(records[0].PartitionKey, "clé");
    assert.ok(Math.abs(Date.now() - records[0].ApproximateArrivalTimestamp) < 60_000);
    const after = { ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: put.SequenceNumber };
    assert.deepEqual((await read(put.ShardId, after, 2)).map(text), ["second", "third"]);
    const since = { ShardIteratorType: "AT_TIMESTAMP", Timestamp: records[0].ApproximateArrivalTimestamp };
    assert.equal((await read(put.ShardId, since, 3)).length, 3);
    await assert.rejects(call("GetRecords", { ShardIterator: "nonsense" }), sdk.InvalidArgumentException);
  },

  async tags() {
    const { StreamARN: ResourceARN } = await active();
    await call("AddTagsToStream", { StreamName, Tags: { a: "1", b: "2" } });
    await call("RemoveTagsFromStream", { StreamName, TagKeys: ["b"] });
    await call("TagResource", { ResourceARN, Tags: { c: "3" } });
    await call("UntagResource", { ResourceARN, TagKeys: ["made"] });
    const expected = [{ Key: "a", Value: "1" }, { Key: "c", Value: "3" }];
    assert.deepEqual((await call("ListTagsForStream", { StreamName })).Tags, expected);
    assert.deepEqual((await call("ListTagsForResource", { ResourceARN })).Tags, expected);
  },

  async retention() {
    await call("IncreaseStreamRetentionPeriod", { StreamName, RetentionPeriodHours: 48 });
    assert.equal((await active()).RetentionPeriodHours, 48);
    await call("DecreaseStreamRetentionPeriod", { StreamName, RetentionPeriodHours: 24 });
    assert.equal((await active()).RetentionPeriodHours, 24);
  },

  async monitoring() {
    const wanted = ["IncomingBytes", "OutgoingBytes"];
    const on = await call("EnableEnhancedMonitoring", { StreamName, ShardLevelMetrics: wanted });
    assert.deepEqual([on.CurrentShardLevelMetrics.sort(), on.DesiredShardLevelMetrics.sort()], [[], wanted]);
    await active();
    const off = await call("DisableEnhancedMonitoring", { StreamName, ShardLevelMetrics: ["ALL"] });
    assert.deepEqual([off.CurrentShardLevelMetrics.sort(), off.DesiredShardLevelMetrics.sort()], [wanted, []]);
    await active();
  },

  async encryption() {
    const key = { StreamName, EncryptionType: "KMS", KeyId: "alias/aws/kinesis" };
    await call("StartStreamEncryption", key);
    const summary = await active();
    assert.deepEqual([summary.EncryptionType, summary.KeyId], ["KMS", "alias/aws/kinesis"]);
    await until("records marked as encrypted", async () => {
      const put = await call("PutRecord", { StreamName, PartitionKey: "k", Data: bytes("sealed") });
      return put.EncryptionType === "KMS";
    });
    await call("StopStreamEncryption", key);
    assert.equal((await active()).EncryptionType, "NONE");
  },

  async policies() {
    const { StreamARN: ResourceARN } = await active();
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Sid: "read", Effect: "Allow", Principal: { AWS: "111122223333" },
        Action: ["kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:GetRecords"], Resource: ResourceARN }],
    });
    await call("PutResourcePolicy", { ResourceARN, Policy });
    assert.deepEqual(JSON.parse((await call("GetResourcePolicy", { ResourceARN })).Policy), JSON.parse(Policy));
    await call("DeleteResourcePolicy", { ResourceARN });
    await assert.rejects(call("GetResourcePolicy", { ResourceARN }), sdk.ResourceNotFoundException);
  },

  async sizes() {
    const { StreamARN } = await active();
    await call("UpdateMaxRecordSize", { StreamARN, MaxRecordSizeInKiB: 2048 });
    assert.equal((await active()).MaxRecordSizeInKiB, 2048);
    const put = await call("PutRecord", { StreamName, PartitionKey: "k", Data: new Uint8Array(1_500_000).fill(7) });
    const at = { ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: put.SequenceNumber };
    assert.equal((await read(put.ShardId, at, 1))[0].Data.length, 1_500_000);
  },

  async consumers() {
    const { StreamARN } = await active();
    const { Consumer } = await call("RegisterStreamConsumer", { StreamARN, ConsumerName: "reader" });
    const { ConsumerARN } = Consumer;
    assert.ok(ConsumerARN.startsWith(`${StreamARN}/consumer/reader:`), ConsumerARN);
    await until("consumer ACTIVE", async () =>
      (await call("DescribeStreamConsumer", { ConsumerARN })).ConsumerDescription.ConsumerStatus === "ACTIVE");
    const { Consumers } = await call("ListStreamConsumers", { StreamARN });
    assert.deepEqual(Consumers.map((each) => each.ConsumerName), ["reader"]);

    // The last shard: the first is subscribed to by the next chapter, perhaps within the same five seconds.
    const push = (text) => call("PutRecord", { StreamName, PartitionKey: "fan-out", ExplicitHashKey: String((1n << 128n) - 1n), Data: bytes(text) });
    const put = await push("pushed 1");
    const start = { Type: "AT_SEQUENCE_NUMBER", SequenceNumber: put.SequenceNumber };
    let later;
    const seen = (events) => events.flatMap((event) => event.Records).map(text);
    const events = await subscribe(ConsumerARN, put.ShardId, start, (events) => {
      if (seen(events).length === 1) later ??= push("pushed 2");
      return seen(events).length === 2;
    });
    await later;
    assert.deepEqual(seen(events), ["pushed 1", "pushed 2"]);
    for (const event of events) assert.match(event.ContinuationSequenceNumber, /^\d+$/);
    // Within five seconds of a subscription a second one of the same consumer to the same shard is refused.
    await assert.rejects(call("SubscribeToShard", { ConsumerARN, ShardId: put.ShardId, StartingPosition: start }), sdk.ResourceInUseException);
  },

  async resharding() {
    const { StreamARN } = await active();
    const [first, second] = await openShards();
    const middle = (BigInt(first.HashKeyRange.EndingHashKey) - BigInt(first.HashKeyRange.StartingHashKey) + 1n) / 2n;
    const NewStartingHashKey = String(BigInt(first.HashKeyRange.StartingHashKey) + middle);
    await call("SplitShard", { StreamName, ShardToSplit: first.ShardId, NewStartingHashKey });
    await active();
    const [, right, neighbour] = await openShards();
    assert.equal(neighbour.ShardId, second.ShardId);
    await call("MergeShards", { StreamName, ShardToMerge: right.ShardId, AdjacentShardToMerge: neighbour.ShardId });
    await active();
    assert.equal((await openShards()).length, 2);
    const scaled = await call("UpdateShardCount", { StreamName, TargetShardCount: 4, ScalingType: "UNIFORM_SCALING" });
    assert.deepEqual([scaled.CurrentShardCount, scaled.TargetShardCount], [2, 4]);
    await active();
    const quarters = (await openShards()).map((shard) => shard.HashKeyRange.StartingHashKey);
    assert.deepEqual(quarters, [0n, 1n, 2n, 3n].map((n) => String(n << 126n)));

    // The first shard has ended: a subscription reads it to its end and names its children.
    const { Consumers } = await call("ListStreamConsumers", { StreamARN });
    const events = await subscribe(Consumers[0].ConsumerARN, first.ShardId, { Type: "TRIM_HORIZON" }, () => false);
    const last = events.at(-1);
    assert.equal(last.ContinuationSequenceNumber, undefined);
    assert.deepEqual(last.ChildShards.map((child) => child.ParentShards), [[first.ShardId], [first.ShardId]]);
    await call("DeregisterStreamConsumer", { StreamARN, ConsumerName: "reader" });
  },

  async modes() {
    const { StreamARN } = await active();
    const before = (await call("DescribeAccountSettings")).MinimumThroughputBillingCommitment;
    assert.ok(["ENABLED", "DISABLED", "ENABLED_UNTIL_EARLIEST_ALLOWED_END"].includes(before.Status), before.Status);
    const on = await call("UpdateAccountSettings", { MinimumThroughputBillingCommitment: { Status: "ENABLED" } });
    assert.equal(on.MinimumThroughputBillingCommitment.Status, "ENABLED");
    await call("UpdateStreamMode", { StreamARN, StreamModeDetails: { StreamMode: "ON_DEMAND" } });
    assert.equal((await active()).StreamModeDetails.StreamMode, "ON_DEMAND");
    const warm = await call("UpdateStreamWarmThroughput", { StreamName, WarmThroughputMiBps: 6 });
    assert.equal(warm.WarmThroughput.TargetMiBps, 6);
    const summary = await active();
    assert.equal(summary.WarmThroughput.CurrentMiBps, 6);
    assert.ok(summary.OpenShardCount >= 6, `${summary.OpenShardCount} shards for 6 MiB/s`);
  },

  async end() {
    await call("DeleteStream", { StreamName, EnforceConsumerDeletion: true });
    await until("the stream is gone", () =>
      call("DescribeStreamSummary", { StreamName }).then(() => false, (error) => error instanceof sdk.ResourceNotFoundException));
  },
};

const wanted = process.argv.slice(2);
for (const [name, chapter] of Object.entries(chapters)) {
  if (wanted.length && !wanted.includes(name)) continue;
  try {
    await chapter();
  } catch (error) {
    error.message = `${name}: ${error.message}`;
    throw error;
  }
  tell({ chapter: name });
}
kinesis.destroy();

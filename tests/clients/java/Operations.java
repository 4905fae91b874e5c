import static software.amazon.awssdk.services.kinesis.model.ShardIteratorType.AFTER_SEQUENCE_NUMBER;
import static software.amazon.awssdk.services.kinesis.model.ShardIteratorType.AT_SEQUENCE_NUMBER;
import static software.amazon.awssdk.services.kinesis.model.ShardIteratorType.AT_TIMESTAMP;
import static software.amazon.awssdk.services.kinesis.model.ShardIteratorType.TRIM_HORIZON;

import java.math.BigInteger;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.ProtocolNegotiation;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.retries.StandardRetryStrategy;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.*;
import software.amazon.awssdk.services.kinesis.model.Record;

/**
 * The 35 operations that this release of the AWS SDK for Java 2 knows, in the order a user would meet them.
 *
 * <pre>java -cp "$JARS/*:CLASSES" Operations ENDPOINT http1|h2c|tls [CHAPTER...]</pre>
 */
final class Operations {
    private static final Duration WAIT_MAX = Duration.ofSeconds(60);
    private static final long LOOK_EVERY_MS = 150;
    private static final int ATTEMPTS_MAX = 8;
    private static final String HASH_KEY_MAX = BigInteger.ONE.shiftLeft(128).subtract(BigInteger.ONE).toString();

    private final KinesisAsyncClient kinesis;
    private final String stream = "java-" + UUID.randomUUID().toString().substring(0, 12);

    private Operations(KinesisAsyncClient kinesis) {
        this.kinesis = kinesis;
    }

    public static void main(String[] arguments) throws Exception {
        List<String> wanted = Arrays.asList(arguments).subList(2, arguments.length);
        Recording.introduce("java");
        try (KinesisAsyncClient client = client(arguments[0], arguments[1])) {
            for (Map.Entry<String, Chapter> chapter : new Operations(client).chapters().entrySet()) {
                if (wanted.isEmpty() || wanted.contains(chapter.getKey())) {
                    run(chapter.getKey(), chapter.getValue());
                }
            }
        }
    }

    private static KinesisAsyncClient client(String endpoint, String transport) {
        NettyNioAsyncHttpClient.Builder http = NettyNioAsyncHttpClient.builder();
        switch (transport) {
            case "http1": http.protocol(Protocol.HTTP1_1); break;
            case "h2c": http.protocol(Protocol.HTTP2); break;
            case "tls": http.protocol(Protocol.HTTP2).protocolNegotiation(ProtocolNegotiation.ALPN); break;
            default: throw new IllegalArgumentException(transport);
        }
        return KinesisAsyncClient.builder()
            .endpointOverride(URI.create(endpoint))
            .httpClientBuilder(http)
            .overrideConfiguration(o -> o
                .retryStrategy(StandardRetryStrategy.builder().maxAttempts(ATTEMPTS_MAX).build())
                .addExecutionInterceptor(new Recording(false)))
            .build();
    }

    private interface Chapter {
        void run() throws Exception;
    }

    private static void run(String name, Chapter chapter) throws Exception {
        try {
            chapter.run();
        } catch (Throwable error) {
            throw new AssertionError("chapter " + name, error);
        }
        Recording.tell("{\"chapter\": \"" + name + "\"}");
    }

    private Map<String, Chapter> chapters() {
        Map<String, Chapter> chapters = new LinkedHashMap<>();
        chapters.put("streams", this::streams);
        chapters.put("records", this::records);
        chapters.put("tags", this::tags);
        chapters.put("retention", this::retention);
        chapters.put("monitoring", this::monitoring);
        chapters.put("encryption", this::encryption);
        chapters.put("policies", this::policies);
        chapters.put("sizes", this::sizes);
        chapters.put("consumers", this::consumers);
        chapters.put("resharding", this::resharding);
        chapters.put("modes", this::modes);
        chapters.put("end", this::end);
        return chapters;
    }

    private void streams() throws Exception {
        join(kinesis.createStream(r -> r.streamName(stream).shardCount(2).tags(Map.of("made", "java"))));
        refused(ResourceInUseException.class, kinesis.createStream(r -> r.streamName(stream).shardCount(2)));
        StreamDescriptionSummary summary = active();
        equal(2, summary.openShardCount());
        near(summary.streamCreationTimestamp());
        StreamDescription description = join(kinesis.describeStream(r -> r.streamName(stream))).streamDescription();
        equal(2, description.shards().size());
        near(description.streamCreationTimestamp());
        String before = stream.substring(0, stream.length() - 1);
        check(join(kinesis.listStreams(r -> r.exclusiveStartStreamName(before))).streamNames().contains(stream), "listed");
        check(join(kinesis.describeLimits()).openShardCount() >= 2, "limits");
    }

    private void records() throws Exception {
        PutRecordResponse put = put("clé", "first");
        PutRecordsResponse many = join(kinesis.putRecords(r -> r.streamName(stream).records(entry("second"), entry("third"))));
        equal(0, many.failedRecordCount());
        List<Record> records = read(put.shardId(), r -> r.shardIteratorType(TRIM_HORIZON), 3);
        equal(List.of("first", "second", "third"), texts(records));
        equal(put.sequenceNumber(), records.get(0).sequenceNumber());
        equal("clé", records.get(0).partitionKey());
        Instant arrival = records.get(0).approximateArrivalTimestamp();
        near(arrival);
        equal(List.of("second", "third"), texts(read(put.shardId(),
            r -> r.shardIteratorType(AFTER_SEQUENCE_NUMBER).startingSequenceNumber(put.sequenceNumber()), 2)));
        // The time goes out and comes back in the body's own format: to the millisecond, or the first record is missed.
        equal(3, read(put.shardId(), r -> r.shardIteratorType(AT_TIMESTAMP).timestamp(arrival), 3).size());
        refused(InvalidArgumentException.class, kinesis.getRecords(r -> r.shardIterator("nonsense")));
    }

    private void tags() throws Exception {
        String arn = active().streamARN();
        join(kinesis.addTagsToStream(r -> r.streamName(stream).tags(Map.of("a", "1", "b", "2"))));
        join(kinesis.removeTagsFromStream(r -> r.streamName(stream).tagKeys("b")));
        join(kinesis.tagResource(r -> r.resourceARN(arn).tags(Map.of("c", "3"))));
        join(kinesis.untagResource(r -> r.resourceARN(arn).tagKeys("made")));
        List<Tag> expected = List.of(Tag.builder().key("a").value("1").build(), Tag.builder().key("c").value("3").build());
        equal(expected, join(kinesis.listTagsForStream(r -> r.streamName(stream))).tags());
        equal(expected, join(kinesis.listTagsForResource(r -> r.resourceARN(arn))).tags());
    }

    private void retention() throws Exception {
        join(kinesis.increaseStreamRetentionPeriod(r -> r.streamName(stream).retentionPeriodHours(48)));
        equal(48, active().retentionPeriodHours());
        join(kinesis.decreaseStreamRetentionPeriod(r -> r.streamName(stream).retentionPeriodHours(24)));
        equal(24, active().retentionPeriodHours());
    }

    private void monitoring() throws Exception {
        List<String> wanted = List.of("IncomingBytes", "OutgoingBytes");
        EnableEnhancedMonitoringResponse on = join(kinesis.enableEnhancedMonitoring(
            r -> r.streamName(stream).shardLevelMetricsWithStrings(wanted)));
        equal(List.of(), on.currentShardLevelMetricsAsStrings());
        equal(wanted, sorted(on.desiredShardLevelMetricsAsStrings()));
        active();
        DisableEnhancedMonitoringResponse off = join(kinesis.disableEnhancedMonitoring(
            r -> r.streamName(stream).shardLevelMetricsWithStrings("ALL")));
        equal(wanted, sorted(off.currentShardLevelMetricsAsStrings()));
        equal(List.of(), off.desiredShardLevelMetricsAsStrings());
        active();
    }

    private void encryption() throws Exception {
        String key = "alias/aws/kinesis";
        join(kinesis.startStreamEncryption(r -> r.streamName(stream).encryptionType(EncryptionType.KMS).keyId(key)));
        StreamDescriptionSummary summary = active();
        equal(EncryptionType.KMS, summary.encryptionType());
        equal(key, summary.keyId());
        until("records marked as encrypted", () -> put("k", "sealed").encryptionType() == EncryptionType.KMS);
        join(kinesis.stopStreamEncryption(r -> r.streamName(stream).encryptionType(EncryptionType.KMS).keyId(key)));
        equal(EncryptionType.NONE, active().encryptionType());
    }

    private void policies() throws Exception {
        String arn = active().streamARN();
        String policy = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"read\",\"Effect\":\"Allow\","
            + "\"Principal\":{\"AWS\":\"111122223333\"},\"Action\":[\"kinesis:DescribeStreamSummary\",\"kinesis:ListShards\"],"
            + "\"Resource\":\"" + arn + "\"}]}";
        join(kinesis.putResourcePolicy(r -> r.resourceARN(arn).policy(policy)));
        equal(policy, join(kinesis.getResourcePolicy(r -> r.resourceARN(arn))).policy());
        join(kinesis.deleteResourcePolicy(r -> r.resourceARN(arn)));
        refused(ResourceNotFoundException.class, kinesis.getResourcePolicy(r -> r.resourceARN(arn)));
    }

    /** The largest record of a stream as it is made: 1 MiB with its key. */
    private void sizes() throws Exception {
        byte[] large = new byte[1024 * 1024 - 1];
        Arrays.fill(large, (byte) 7);
        PutRecordResponse put = join(kinesis.putRecord(
            r -> r.streamName(stream).partitionKey("k").data(SdkBytes.fromByteArray(large))));
        Record back = read(put.shardId(),
            r -> r.shardIteratorType(AT_SEQUENCE_NUMBER).startingSequenceNumber(put.sequenceNumber()), 1).get(0);
        check(Arrays.equals(large, back.data().asByteArray()), "the large record came back as it was");
    }

    private void consumers() throws Exception {
        String streamArn = active().streamARN();
        String arn = join(kinesis.registerStreamConsumer(r -> r.streamARN(streamArn).consumerName("reader"))).consumer().consumerARN();
        check(arn.startsWith(streamArn + "/consumer/reader:"), arn);
        until("consumer ACTIVE", () -> join(kinesis.describeStreamConsumer(r -> r.consumerARN(arn)))
            .consumerDescription().consumerStatus() == ConsumerStatus.ACTIVE);
        List<software.amazon.awssdk.services.kinesis.model.Consumer> listed =
            join(kinesis.listStreamConsumers(r -> r.streamARN(streamArn))).consumers();
        equal(List.of("reader"), listed.stream().map(c -> c.consumerName()).collect(Collectors.toList()));
        near(listed.get(0).consumerCreationTimestamp());

        // The last shard: the first is subscribed to by the next chapter, perhaps within the same five seconds.
        PutRecordResponse put = join(push("pushed 1"));
        StartingPosition start = StartingPosition.builder().type(AT_SEQUENCE_NUMBER).sequenceNumber(put.sequenceNumber()).build();
        List<CompletableFuture<PutRecordResponse>> later = new ArrayList<>();
        List<SubscribeToShardEvent> events = subscribe(arn, put.shardId(), start, seen -> {
            int count = pushed(seen).size();
            if (count == 1 && later.isEmpty()) {
                later.add(push("pushed 2"));
            }
            return count == 2;
        });
        equal(List.of("pushed 1", "pushed 2"), texts(pushed(events)));
        pushed(events).forEach(record -> near(record.approximateArrivalTimestamp()));
        // Within five seconds of a subscription a second one of the same consumer to the same shard is refused.
        refused(ResourceInUseException.class, kinesis.subscribeToShard(
            r -> r.consumerARN(arn).shardId(put.shardId()).startingPosition(start),
            SubscribeToShardResponseHandler.builder().subscriber(event -> { }).build()));
    }

    private void resharding() throws Exception {
        String streamArn = active().streamARN();
        Shard first = openShards().get(0);
        BigInteger middle = start(first).add(new BigInteger(first.hashKeyRange().endingHashKey())).add(BigInteger.ONE).shiftRight(1);
        join(kinesis.splitShard(r -> r.streamName(stream).shardToSplit(first.shardId()).newStartingHashKey(middle.toString())));
        active();
        List<Shard> three = openShards();
        join(kinesis.mergeShards(r -> r.streamName(stream).shardToMerge(three.get(1).shardId())
            .adjacentShardToMerge(three.get(2).shardId())));
        active();
        equal(2, openShards().size());
        UpdateShardCountResponse scaled = join(kinesis.updateShardCount(
            r -> r.streamName(stream).targetShardCount(4).scalingType(ScalingType.UNIFORM_SCALING)));
        equal(List.of(2, 4), List.of(scaled.currentShardCount(), scaled.targetShardCount()));
        active();
        List<BigInteger> quarters = openShards().stream().map(Operations::start).collect(Collectors.toList());
        equal(List.of(quarter(0), quarter(1), quarter(2), quarter(3)), quarters);

        // The first shard has ended: a subscription reads it to its end and names its children.
        String consumer = join(kinesis.listStreamConsumers(r -> r.streamARN(streamArn))).consumers().get(0).consumerARN();
        StartingPosition horizon = StartingPosition.builder().type(TRIM_HORIZON).build();
        List<SubscribeToShardEvent> events = subscribe(consumer, first.shardId(), horizon, seen -> false);
        SubscribeToShardEvent last = events.get(events.size() - 1);
        equal(null, last.continuationSequenceNumber());
        equal(List.of(List.of(first.shardId()), List.of(first.shardId())),
            last.childShards().stream().map(ChildShard::parentShards).collect(Collectors.toList()));
        join(kinesis.deregisterStreamConsumer(r -> r.streamARN(streamArn).consumerName("reader")));
    }

    private void modes() throws Exception {
        String arn = active().streamARN();
        join(kinesis.updateStreamMode(r -> r.streamARN(arn).streamModeDetails(m -> m.streamMode(StreamMode.ON_DEMAND))));
        equal(StreamMode.ON_DEMAND, active().streamModeDetails().streamMode());
        refused(ValidationException.class, kinesis.updateShardCount(
            r -> r.streamName(stream).targetShardCount(2).scalingType(ScalingType.UNIFORM_SCALING)));
    }

    private void end() throws Exception {
        join(kinesis.deleteStream(r -> r.streamName(stream).enforceConsumerDeletion(true)));
        until("the stream is gone", () -> {
            try {
                join(kinesis.describeStreamSummary(r -> r.streamName(stream)));
                return false;
            } catch (ResourceNotFoundException gone) {
                return true;
            }
        });
    }

    private StreamDescriptionSummary active() throws Exception {
        StreamDescriptionSummary[] found = new StreamDescriptionSummary[1];
        until("ACTIVE", () -> {
            found[0] = join(kinesis.describeStreamSummary(r -> r.streamName(stream))).streamDescriptionSummary();
            return found[0].streamStatus() == StreamStatus.ACTIVE;
        });
        return found[0];
    }

    private List<Shard> openShards() throws Exception {
        List<Shard> shards = new ArrayList<>(join(kinesis.listShards(
            r -> r.streamName(stream).shardFilter(f -> f.type(ShardFilterType.AT_LATEST)))).shards());
        shards.sort(Comparator.comparing(Operations::start));
        return shards;
    }

    private PutRecordResponse put(String key, String text) throws Exception {
        return join(kinesis.putRecord(r -> r.streamName(stream).partitionKey(key).data(SdkBytes.fromUtf8String(text))));
    }

    private CompletableFuture<PutRecordResponse> push(String text) {
        return kinesis.putRecord(r -> r.streamName(stream).partitionKey("fan-out").explicitHashKey(HASH_KEY_MAX)
            .data(SdkBytes.fromUtf8String(text)));
    }

    private List<Record> read(String shard, Consumer<GetShardIteratorRequest.Builder> position, int want) throws Exception {
        List<Record> records = new ArrayList<>();
        String[] iterator = {join(kinesis.getShardIterator(r -> {
            r.streamName(stream).shardId(shard);
            position.accept(r);
        })).shardIterator()};
        until(want + " records", () -> {
            GetRecordsResponse answer = join(kinesis.getRecords(r -> r.shardIterator(iterator[0]).limit(100)));
            records.addAll(answer.records());
            iterator[0] = answer.nextShardIterator();
            return records.size() >= want;
        });
        return records;
    }

    /** Takes events until `enough` says so or the stream ends; the subscription is then given up. */
    private List<SubscribeToShardEvent> subscribe(
            String consumer, String shard, StartingPosition from, Predicate<List<SubscribeToShardEvent>> enough) throws Exception {
        List<SubscribeToShardEvent> events = new ArrayList<>();
        SubscribeToShardResponseHandler handler = SubscribeToShardResponseHandler.builder()
            .onEventStream(publisher -> publisher
                .filter(SubscribeToShardEvent.class)
                .subscribe(new Taker(events, enough)))
            .build();
        CompletableFuture<Void> done = kinesis.subscribeToShard(
            r -> r.consumerARN(consumer).shardId(shard).startingPosition(from), handler);
        until("events of " + shard, () -> done.isDone() || enough.test(snapshot(events)));
        if (done.isCompletedExceptionally() && !enough.test(snapshot(events))) {
            join(done);
        }
        done.cancel(true);
        return snapshot(events);
    }

    /** One event is asked for at a time; the last wanted one cancels the subscription. */
    private static final class Taker implements org.reactivestreams.Subscriber<SubscribeToShardEvent> {
        private final List<SubscribeToShardEvent> events;
        private final Predicate<List<SubscribeToShardEvent>> enough;
        private org.reactivestreams.Subscription subscription;

        Taker(List<SubscribeToShardEvent> events, Predicate<List<SubscribeToShardEvent>> enough) {
            this.events = events;
            this.enough = enough;
        }

        @Override
        public void onSubscribe(org.reactivestreams.Subscription given) {
            subscription = given;
            given.request(1);
        }

        @Override
        public void onNext(SubscribeToShardEvent event) {
            synchronized (events) {
                events.add(event);
            }
            if (enough.test(snapshot(events))) {
                subscription.cancel();
            } else {
                subscription.request(1);
            }
        }

        @Override
        public void onError(Throwable error) { }

        @Override
        public void onComplete() { }
    }

    private static <T> List<T> snapshot(List<T> list) {
        synchronized (list) {
            return List.copyOf(list);
        }
    }

    private static PutRecordsRequestEntry entry(String text) {
        return PutRecordsRequestEntry.builder().partitionKey("clé").data(SdkBytes.fromUtf8String(text)).build();
    }

    private static List<Record> pushed(List<SubscribeToShardEvent> events) {
        return events.stream().flatMap(event -> event.records().stream()).collect(Collectors.toList());
    }

    private static List<String> texts(List<Record> records) {
        return records.stream().map(record -> record.data().asUtf8String()).collect(Collectors.toList());
    }

    private static List<String> sorted(List<String> names) {
        return names.stream().sorted().collect(Collectors.toList());
    }

    private static BigInteger start(Shard shard) {
        return new BigInteger(shard.hashKeyRange().startingHashKey());
    }

    private static BigInteger quarter(long n) {
        return BigInteger.valueOf(n).shiftLeft(126);
    }

    private static <T> T join(CompletableFuture<T> future) throws Exception {
        try {
            return future.get(WAIT_MAX.toSeconds(), TimeUnit.SECONDS);
        } catch (java.util.concurrent.ExecutionException error) {
            Throwable cause = error.getCause();
            while (cause instanceof CompletionException && cause.getCause() != null) {
                cause = cause.getCause();
            }
            if (cause instanceof RuntimeException) {
                throw (RuntimeException) cause;
            }
            throw error;
        }
    }

    private static void refused(Class<? extends Exception> expected, CompletableFuture<?> future) throws Exception {
        try {
            join(future);
        } catch (KinesisException error) {
            check(expected.isInstance(error), "expected " + expected.getSimpleName() + ", came " + error);
            return;
        }
        throw new AssertionError("not refused: " + expected.getSimpleName());
    }

    private static void until(String what, Callable<Boolean> look) throws Exception {
        long deadline = System.nanoTime() + WAIT_MAX.toNanos();
        while (!look.call()) {
            check(System.nanoTime() < deadline, what + ": not within " + WAIT_MAX);
            Thread.sleep(LOOK_EVERY_MS);
        }
    }

    private static void near(Instant time) {
        check(Duration.between(time, Instant.now()).abs().toSeconds() < 60, "a time of this minute, not " + time);
    }

    private static void equal(Object expected, Object seen) {
        check(java.util.Objects.equals(expected, seen), "expected " + expected + ", seen " + seen);
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }
}

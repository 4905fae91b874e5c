import java.net.URI;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.exceptions.ThrottlingException;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.MetricsLevel;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * One worker of a KCL 3 application, unmodified: it tells every record it is given, checkpoints after each batch, and
 * stops when its standard input ends.
 *
 * <pre>java KclWorker WORKER STREAM polling|fanout KINESIS_ENDPOINT TABLES_ENDPOINT</pre>
 */
final class KclWorker {
    /** A lease of a worker that says nothing for so long is taken over; the default is 10 s. */
    private static final long FAILOVER_MS = 6_000;
    private static final long SHARD_SYNC_MS = 5_000;
    /** Workers are given leases only after they have reported once; the defaults make a test wait for a minute. */
    private static final long ASSIGN_MS = 4_000;
    private static final long REPORT_MS = 4_000;
    private static final long PARENT_POLL_MS = 2_000;

    public static void main(String[] arguments) throws Exception {
        String worker = arguments[0], stream = arguments[1], mode = arguments[2];
        URI endpoint = URI.create(arguments[3]), tables = URI.create(arguments[4]);
        Recording.introduce("kcl");

        KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(KinesisAsyncClient.builder()
            .endpointOverride(endpoint)
            .overrideConfiguration(o -> o.addExecutionInterceptor(new Recording(true))));
        DynamoDbAsyncClient dynamo = DynamoDbAsyncClient.builder()
            .endpointOverride(tables).httpClientBuilder(NettyNioAsyncHttpClient.builder()).build();
        CloudWatchAsyncClient metrics = CloudWatchAsyncClient.builder()
            .endpointOverride(tables).httpClientBuilder(NettyNioAsyncHttpClient.builder()).build();

        InitialPositionInStreamExtended horizon =
            InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        ConfigsBuilder configs = new ConfigsBuilder(new SingleStreamTracker(stream, horizon), stream + "-app",
            kinesis, dynamo, metrics, worker, Processor::new);
        LeaseManagementConfig leases = configs.leaseManagementConfig()
            .failoverTimeMillis(FAILOVER_MS).shardSyncIntervalMillis(SHARD_SYNC_MS).leaseAssignmentIntervalMillis(ASSIGN_MS);
        leases.workerUtilizationAwareAssignmentConfig().workerMetricsReporterFreqInMillis(REPORT_MS);
        Scheduler scheduler = new Scheduler(
            configs.checkpointConfig(),
            configs.coordinatorConfig().parentShardPollIntervalMillis(PARENT_POLL_MS),
            leases,
            configs.lifecycleConfig(),
            configs.metricsConfig().metricsLevel(MetricsLevel.NONE),
            configs.processorConfig(),
            configs.retrievalConfig().retrievalSpecificConfig(mode.equals("fanout")
                ? new FanOutConfig(kinesis).streamName(stream).applicationName(stream + "-app")
                : new PollingConfig(stream, kinesis)));

        Thread run = new Thread(scheduler, "scheduler");
        run.setDaemon(true);
        run.start();
        while (System.in.read() >= 0) {
            // Nothing is said to a worker but the end.
        }
        scheduler.startGracefulShutdown().get();
        Recording.tell("{\"event\": \"stopped\"}");
        System.exit(0);
    }

    /** Keeps nothing: what it was given it tells, with the time all processes of this machine share. */
    private static final class Processor implements ShardRecordProcessor {
        private static final AtomicInteger COUNT = new AtomicInteger();
        private final int instance = COUNT.incrementAndGet();
        private String shard;

        private void tell(String event, String more) {
            Recording.tell(String.format("{\"event\": \"%s\", \"shard\": \"%s\", \"instance\": %d, \"time\": %d%s}",
                event, shard, instance, System.nanoTime(), more));
        }

        @Override
        public void initialize(InitializationInput input) {
            shard = input.shardId();
            tell("started", "");
        }

        @Override
        public void processRecords(ProcessRecordsInput input) {
            if (input.records().isEmpty()) {
                return;
            }
            tell("records", ", \"records\": ["
                + input.records().stream().map(Processor::quoted).collect(Collectors.joining(", ")) + "]");
            checkpoint(() -> input.checkpointer().checkpoint());
        }

        /** Keys and data of the test are plain words: nothing in them needs an escape. */
        private static String quoted(KinesisClientRecord record) {
            byte[] data = new byte[record.data().remaining()];
            record.data().get(data);
            return "\"" + new String(data, java.nio.charset.StandardCharsets.UTF_8) + "\"";
        }

        @Override
        public void leaseLost(LeaseLostInput input) {
            tell("lost", "");
        }

        @Override
        public void shardEnded(ShardEndedInput input) {
            tell("ended", "");
            checkpoint(() -> input.checkpointer().checkpoint());
        }

        @Override
        public void shutdownRequested(ShutdownRequestedInput input) {
            checkpoint(() -> input.checkpointer().checkpoint());
        }

        private interface Checkpoint {
            void take() throws InvalidStateException, ShutdownException;
        }

        private void checkpoint(Checkpoint checkpoint) {
            try {
                checkpoint.take();
            } catch (ShutdownException gone) {
                // The lease is another worker's by now: it goes on from the last checkpoint, and repeats some records.
            } catch (ThrottlingException | InvalidStateException error) {
                throw new IllegalStateException(error);
            }
        }
    }
}

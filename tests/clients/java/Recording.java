import java.util.concurrent.ConcurrentHashMap;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.core.interceptor.SdkExecutionAttribute;
import software.amazon.awssdk.core.util.VersionInfo;

/**
 * Tells on standard output, one JSON document a line, what the SDK called and how it was answered: the Python side
 * records it. The SDK itself is not changed: this is an interceptor as any application may add one.
 */
final class Recording implements ExecutionInterceptor {
    private final boolean onlyChanges;
    private final ConcurrentHashMap<String, Boolean> told = new ConcurrentHashMap<>();

    /** With `onlyChanges` the same operation with the same outcome is told once: a consumer calls millions of times. */
    Recording(boolean onlyChanges) {
        this.onlyChanges = onlyChanges;
    }

    static synchronized void tell(String document) {
        System.out.println(document);
        System.out.flush();
    }

    static void introduce(String client) {
        tell(String.format("{\"client\": \"%s\", \"version\": \"%s\", \"runtime\": \"Java %s\"}",
            client, VersionInfo.SDK_VERSION, System.getProperty("java.version")));
    }

    @Override
    public void afterTransmission(Context.AfterTransmission context, ExecutionAttributes attributes) {
        String operation = attributes.getAttribute(SdkExecutionAttribute.OPERATION_NAME);
        boolean answered = context.httpResponse().isSuccessful();
        if (onlyChanges && told.putIfAbsent(operation + answered, true) != null) {
            return;
        }
        tell(String.format("{\"operation\": \"%s\", \"answered\": %s, \"sent\": \"%s\", \"type\": \"%s\"}", operation, answered,
            context.httpRequest().firstMatchingHeader("Content-Type").orElse(""),
            context.httpResponse().firstMatchingHeader("Content-Type").orElse("")));
    }
}

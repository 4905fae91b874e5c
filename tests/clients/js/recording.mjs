// Tells on standard output, one JSON document a line, what the SDK called and how it was answered: the Python side
// (test_js.py) records it. The SDK itself is not changed: this is a middleware as any application may add one.
import { createRequire } from "node:module";

export function tell(document) {
  process.stdout.write(JSON.stringify(document) + "\n");
}

export function introduce(client) {
  const { version } = createRequire(import.meta.url)("@aws-sdk/client-kinesis/package.json");
  const protocol = client.config.requestHandler.metadata.handlerProtocol;
  tell({ client: "js", version, protocol, runtime: `Node ${process.versions.node}` });
  client.middlewareStack.add(
    (next, context) => async (request) => {
      const result = await next(request);
      const { statusCode, headers } = result.response;
      const operation = context.commandName.replace(/Command$/, "");
      tell({ operation, answered: statusCode < 300, type: headers["content-type"] });
      return result;
    },
    { step: "deserialize", priority: "low", name: "tellWhatWasCalled" },
  );
}

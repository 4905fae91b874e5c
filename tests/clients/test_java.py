"""The AWS SDK for Java 2, unmodified: CBOR bodies, as is its default, over three transports."""
import pytest

from jvm import java, trusting
from walk import chapters, walk

CHAPTERS = ["streams", "records", "tags", "retention", "monitoring", "encryption", "policies", "sizes", "consumers",
            "resharding", "modes", "end"]
TRANSPORTS = {"http1": "HTTP/1.1", "h2c": "HTTP/2, prior knowledge", "tls": "HTTP/2 over TLS, ALPN"}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_operation(request, tmp_path, transport):
    cluster = request.getfixturevalue("secure_cluster" if transport == "tls" else "cluster")
    flags = trusting(cluster.certificate, tmp_path) if transport == "tls" else ()
    command = java("Operations", cluster.endpoint, transport, flags=flags)
    told = walk(command, f"java-{transport}", TRANSPORTS[transport], cluster.environment())
    assert chapters(told) == CHAPTERS

"""`@aws-sdk/client-kinesis` v3, unmodified: HTTP/2 for every operation, with prior knowledge and over TLS."""
import pathlib

import pytest

from walk import chapters, walk

SOURCES = pathlib.Path(__file__).parent / "js"
CHAPTERS = ["streams", "records", "tags", "retention", "monitoring", "encryption", "policies", "sizes", "consumers",
            "resharding", "modes", "end"]


@pytest.mark.parametrize("transport", ["h2c", "tls"])
def test_every_operation(request, transport):
    cluster = request.getfixturevalue("secure_cluster" if transport == "tls" else "cluster")
    environment = cluster.environment()
    if transport == "tls":
        environment["NODE_EXTRA_CA_CERTS"] = cluster.certificate
    assert (SOURCES / "node_modules").is_dir(), "run: npm ci, in tests/clients/js"
    words = {"h2c": "HTTP/2, prior knowledge", "tls": "HTTP/2 over TLS, ALPN"}[transport]
    told = walk(["node", "--no-warnings", str(SOURCES / "operations.mjs")], f"js-{transport}", words, environment)
    assert chapters(told) == CHAPTERS

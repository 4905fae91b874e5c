"""Writes the committed seeds of the target sigv4: `python3 tests/fuzz/seeds/sigv4.py`.

Signed with the standard library alone, so that seeds and verifier have no code in common. Key, region and time are the
target's own.
"""

import hashlib
import hmac
import pathlib
import urllib.parse

KEY = "AKIDPLAIN"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
DAY, TIME = "20261125", "20261125T043000Z"
SCOPE = f"{DAY}/us-east-1/kinesis/aws4_request"
BODY = '{"StreamName":"clicks","Data":"aGVsbG8=","PartitionKey":"k"}'
CORPUS = pathlib.Path(__file__).parent.parent / "corpus" / "sigv4"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def signature(method: str, path: str, query: str, headers: dict[str, str], body: str) -> tuple[str, str]:
    """The names of the signed headers and the signature over them."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    canonical = "\n".join([method, path, query, lines, names, digest(body)])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", TIME, SCOPE, digest(canonical)])
    key = ("AWS4" + SECRET).encode()
    for part in [*SCOPE.split("/"), to_sign]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return names, key.hex()


def by_header(method="POST", target="/", query="", body=BODY, authority=None, **more: str) -> str:
    headers = {"host": "127.0.0.1:4566", "x-amz-date": TIME, "content-type": "application/x-amz-json-1.1"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    if authority:
        # As the SDK for JavaScript signs over HTTP/2.
        headers[":authority"] = headers.pop("host")
    names, proof = signature(method, target, query, headers, body)
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={KEY}/{SCOPE}, SignedHeaders={names}, Signature={proof}"
    )
    headers.pop(":authority", None)
    target = (f"http://127.0.0.1:4566{target}" if authority else target) + (f"?{query}" if query else "")
    return request(method, target, headers, body)


def by_query(body="") -> str:
    parameters = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{KEY}/{SCOPE}",
        "X-Amz-Date": TIME,
        "X-Amz-Expires": "300",
        "X-Amz-SignedHeaders": "host",
    }
    query = urllib.parse.urlencode(sorted(parameters.items()), quote_via=urllib.parse.quote)
    headers = {"host": "127.0.0.1:4566"}
    _, proof = signature("POST", "/", query, headers, body)
    return request("POST", f"/?{query}&X-Amz-Signature={proof}", headers, body)


def request(method: str, target: str, headers: dict[str, str], body: str) -> str:
    lines = "".join(f"{name}: {value}\n" for name, value in headers.items())
    return f"{method} {target}\n{lines}\n{body}"


def seeds() -> dict[str, str]:
    good = by_header()
    fields = ["AWS4-HMAC-SHA256 ", "Credential=", "SignedHeaders=", "Signature=", KEY, "us-east-1", "aws4_request"]
    return {
        "header": good,
        "header_of_http2": by_header(authority=True),
        "header_with_target": by_header(x_amz_target="Kinesis_20131202.PutRecord"),
        "header_of_get": by_header(method="GET", target="/_ana/status", body=""),
        "header_with_query": by_header(query="a=1&b=%20c"),
        "header_with_spaces": by_header(x_amz_meta="  a   b  "),
        "header_with_commas": good.replace(", ", ","),
        "header_with_body_hash": by_header(x_amz_content_sha256=digest(BODY)),
        "header_of_unsigned_body": by_header(x_amz_content_sha256="UNSIGNED-PAYLOAD"),
        "header_old": good.replace(TIME, "20261125T042000Z"),
        "header_of_date": good.replace(f"x-amz-date: {TIME}", "date: Wed, 25 Nov 2026 04:30:00 GMT"),
        "header_of_nobody": good.replace(KEY, "AKIDNOBODY"),
        "header_twice": good.replace("authorization:", "authorization: a\nauthorization:"),
        "header_with_token": by_header(x_amz_security_token="FwoGZXIvYXdzEXAMPLE"),
        "query": by_query(),
        "query_with_body": by_query(BODY),
        "query_without_signature": by_query().split("&X-Amz-Signature")[0] + "\nhost: a\n\n",
        "query_and_header": by_query().replace("host:", "authorization: AWS4-HMAC-SHA256 a=b\nhost:"),
        "no_signature": request("POST", "/", {"host": "a"}, BODY),
        "basic": request("POST", "/", {"host": "a", "authorization": "Basic dXNlcjpwYXNz"}, BODY),
        "version_2": request("POST", "/", {"host": "a", "authorization": "AWS AKID:c2ln"}, BODY),
        "path": request("PUT", "/a/../b%2fc/%zz//d;e", {"host": "a"}, ""),
    } | {f"header_without_{number}": good.replace(field, "", 1) for number, field in enumerate(fields)}


def main() -> None:
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, text in seeds().items():
        (CORPUS / name).write_bytes(text.encode())


if __name__ == "__main__":
    main()

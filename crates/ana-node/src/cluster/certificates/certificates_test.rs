//! The certificates in real handshakes: what clients trust stays the same over starts, and keys stay private.

use std::os::unix::fs::PermissionsExt;

use ana_env::runtime::{Tasks, scope};
use ana_env::{Env, Stream};
use ana_gateway::{PlainHttp, Tls};
use http::Method;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::client::access::Access;
use crate::client::endpoint::Endpoint;
use crate::client::{Client, Retry};

const NOW_MS: u64 = 1_795_309_323_456;

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(scope(1, test))
}

async fn prepared(env: &Env, dir: &Path, host_name: Option<&str>) -> Certificates {
    let now_ms = env.clock.now_ms();
    let made = prepare(env.disk.as_ref(), dir, now_ms, host_name).await;
    made.expect("a writable directory")
}

#[test]
fn keys_are_private_and_the_authority_stays() {
    run(async {
        let (env, dir) = (Env::real(), tempfile::tempdir().expect("a directory"));
        let dir = dir.path().join("tls");
        let first = prepared(&env, &dir, None).await;
        let read = |name: &str| fs::read_to_string(dir.join(name)).expect("a file");
        let (ca, node) = (read("ca.pem"), read("node.pem"));
        let second = prepared(&env, &dir, None).await;
        assert_eq!(first, second);
        assert_eq!(read("ca.pem"), ca, "clients need not be told anew");
        assert_ne!(
            read("node.pem"),
            node,
            "the certificate is young at each start"
        );
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        for name in ["ca-key.pem", "node-key.pem"] {
            assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
            assert!(read(name).contains("PRIVATE KEY"));
        }
        fs::remove_file(dir.join("ca-key.pem")).expect("it was there");
        prepared(&env, &dir, None).await;
        assert_ne!(read("ca.pem"), ca, "half of an authority is none");
    });
}

/// Answers one request on each connection, over TLS or not; the gateway's own server has tests of its own.
async fn serve(env: &Env, tls: &Certificates, tasks: &Tasks) -> String {
    let (certificate, key) = (fs::read(&tls.certificate), fs::read(&tls.key));
    let (certificate, key) = (certificate.expect("a file"), key.expect("a file"));
    Tls::from_pem(&certificate, &key, PlainHttp::Refuse).expect("they belong together");
    let chain = rustls::pki_types::CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<Vec<_>, _>>()
        .expect("PEM");
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(&key).expect("PEM");
    let ring = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("known versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they belong together");
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let mut listener = env.net.listen("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr();
    tasks.spawn(async move {
        while let Ok((stream, _peer)) = listener.accept().await {
            let stream: Stream = stream;
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            let mut request = [0; 1024];
            if stream.read(&mut request).await.is_ok() && stream.write_all(answer).await.is_ok() {
                stream.shutdown().await.expect("the client listens");
            }
        }
    });
    address
}

async fn ask(env: &Env, endpoint: &str, access: Access) -> Result<u16, String> {
    let endpoint: Endpoint = endpoint.parse().expect("an endpoint");
    let client = Client::new(env.clone(), endpoint, access).with_retry(Retry::never());
    let wait_max = std::time::Duration::from_secs(20);
    let answer = client.plain(Method::GET, "/_ana/health", wait_max).await;
    answer
        .map(|answer| answer.status.as_u16())
        .map_err(|error| error.to_string())
}

#[test]
fn our_client_trusts_it_by_every_name_and_nothing_else() {
    run(async {
        let (env, dir) = (Env::real(), tempfile::tempdir().expect("a directory"));
        let ours = prepared(&env, &dir.path().join("ours"), Some("desk-7\n")).await;
        let other = prepared(&env, &dir.path().join("other"), None).await;
        let tasks = Tasks::new();
        let address = serve(&env, &ours, &tasks).await;
        let port = address.rsplit_once(':').expect("host:port").1;
        let trust = |path: &Path| {
            let pem = fs::read(path).expect("a file");
            Access::default().trusting(&pem).expect("certificates")
        };
        for host in ["localhost", "127.0.0.1"] {
            let endpoint = format!("https://{host}:{port}");
            assert_eq!(ask(&env, &endpoint, trust(&ours.ca)).await, Ok(200));
            let error = ask(&env, &endpoint, trust(&other.ca))
                .await
                .expect_err("a stranger");
            assert!(error.contains("TLS"), "{error}");
            let error = ask(&env, &endpoint, Access::default())
                .await
                .expect_err("no trust");
            assert!(error.contains("--ca FILE"), "{error}");
        }
        let error = Access::default()
            .trusting(b"nothing")
            .expect_err("no certificate");
        assert!(error.to_string().contains("no certificate"), "{error}");
    });
}

#[test]
fn a_host_name_is_taken_only_when_it_is_one() {
    let names = |host_name| {
        let params = node_params(NOW_MS, host_name).expect("good names");
        params.subject_alt_names.len()
    };
    assert_eq!(names(None), 3);
    assert_eq!(names(Some("desk-7\n")), 4);
    for same_or_none in ["localhost", "", "a b", "ü.example", "x\0y"] {
        assert_eq!(names(Some(same_or_none)), 3, "{same_or_none:?}");
    }
}

#[test]
fn a_broken_key_is_told() {
    run(async {
        let (env, dir) = (Env::real(), tempfile::tempdir().expect("a directory"));
        prepared(&env, dir.path(), None).await;
        save_private(dir.path(), "ca-key.pem", "nonsense").expect("writable");
        let made = prepare(env.disk.as_ref(), dir.path(), NOW_MS, None).await;
        assert!(matches!(made, Err(CertificateError::Crypto(_))));
    });
}

//! TLS on the clients' port: the first byte of a connection tells it from plain HTTP.
//!
//! A TLS record that begins a connection has the type `handshake`, 0x16, which begins no method of HTTP. Must stay
//! true: nothing here waits longer than [`crate::GatewayConfig`] says, and no more handshakes run at a time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ana_env::Stream;
use ana_env::time::timeout;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// The type of the record that begins every TLS connection.
const TLS_HANDSHAKE: u8 = 0x16;

/// What clients may choose from, best first. AWS SDKs for Java and Go take HTTP/2 only when it is offered here.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// How a plain request is told that this port wants TLS.
const TLS_WANTED: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 47\r\n\
    connection: close\r\n\r\n\
    This port speaks TLS only. Use https:// for it.";

/// How long a client that was told so may take to read it, and how much of its request is read meanwhile: closing
/// with unread bytes would reset the connection before the answer is seen.
const TLS_WANTED_WITHIN: Duration = Duration::from_secs(2);
const TLS_WANTED_DISCARD_BYTES: u64 = 64 * 1024;

/// A certificate and its key, ready to serve.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    plain: PlainHttp,
}

/// What becomes of connections without TLS on a port that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// They are served.
    Allow,
    /// They are told to use TLS and closed.
    Refuse,
}

/// Why a certificate or key cannot be used. Never holds a part of the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file is not PEM.
    #[error("the certificate is not readable as PEM: {0}")]
    Certificate(rustls::pki_types::pem::Error),
    /// The file has no certificate in it.
    #[error("there is no certificate in the file")]
    NoCertificate,
    /// The key file has no private key in PEM.
    #[error("the private key is not readable as PEM (PKCS#8, PKCS#1 or SEC1 without a password)")]
    Key,
    /// They do not go together, or their kind is not known.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Tls {
    /// From PEM: the certificate followed by those that vouch for it, and the private key.
    ///
    /// # Errors
    /// When one of them is not PEM or they do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8], plain: PlainHttp) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsError::Certificate)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_may_quote_it| TlsError::Key)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        let config = Arc::new(config);
        Ok(Self { config, plain })
    }

    /// Makes a connection ready for HTTP; `None` when it has ended: the client went away, took too long, was refused,
    /// or spoke neither TLS nor (allowed) HTTP.
    pub(crate) async fn open(
        &self,
        mut stream: Stream,
        handshakes: &Semaphore,
        (first_byte_within, handshake_within): (Duration, Duration),
    ) -> Option<Stream> {
        let Ok(Ok(first)) = timeout(first_byte_within, stream.read_u8()).await else {
            return None;
        };
        let stream = Replayed {
            first: Some(first),
            stream,
        };
        if first == TLS_HANDSHAKE {
            let Ok(_place) = handshakes.try_acquire() else {
                tracing::debug!("a handshake was refused: as many as allowed are under way");
                return None;
            };
            let accepting = TlsAcceptor::from(Arc::clone(&self.config)).accept(stream);
            return match timeout(handshake_within, accepting).await {
                Ok(Ok(stream)) => Some(Box::new(stream)),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a handshake failed");
                    None
                }
                Err(_elapsed) => {
                    tracing::debug!("a handshake took too long");
                    None
                }
            };
        }
        match self.plain {
            PlainHttp::Allow => Some(Box::new(stream)),
            PlainHttp::Refuse => {
                match timeout(TLS_WANTED_WITHIN, tell_tls_is_wanted(stream)).await {
                    Ok(Ok(())) | Ok(Err(_)) | Err(_) => None,
                }
            }
        }
    }
}

async fn tell_tls_is_wanted(mut stream: Replayed) -> io::Result<()> {
    stream.write_all(TLS_WANTED).await?;
    stream.shutdown().await?;
    let mut unread = stream.take(TLS_WANTED_DISCARD_BYTES);
    tokio::io::copy(&mut unread, &mut tokio::io::sink()).await?;
    Ok(())
}

/// A connection whose first byte was read, and comes first again.
struct Replayed {
    first: Option<u8>,
    stream: Stream,
}

impl AsyncRead for Replayed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buf.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replayed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_of_plain_http_has_the_length_it_says() {
        let text = str::from_utf8(TLS_WANTED).expect("ASCII");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let length = format!("content-length: {}\r\n", body.len());
        assert!(head.contains(&length), "{length}");
    }

    #[test]
    fn what_is_no_certificate_or_key_is_refused_without_quoting_it() {
        let secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n";
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (certificates, key, wanted) in [
            ("", secret, "there is no certificate"),
            ("nothing\n", secret, "there is no certificate"),
            (certificate, "", "the private key is not readable"),
            (certificate, secret, "certificate and key cannot be used"),
        ] {
            let error = Tls::from_pem(certificates.as_bytes(), key.as_bytes(), PlainHttp::Allow);
            let error = error.expect_err("not usable").to_string();
            assert!(error.starts_with(wanted), "{error}");
            assert!(
                !error.contains("c2VjcmV0") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}

//! The certificates of `ana up --tls`: a small authority of the data directory's own, and a certificate it vouches for.
//!
//! ```text
//!   DIR/tls/ca.pem         what clients are told to trust; made once
//!   DIR/tls/ca-key.pem     0600; never leaves the directory
//!   DIR/tls/node.pem       for localhost, 127.0.0.1, ::1 and this machine's name; made anew at each start
//!   DIR/tls/node-key.pem   0600
//! ```
//! Must stay true: a key is in no file that others can read, not even for a moment.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ana_env::Disk;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::layout;
use crate::config::read_text;
use crate::output::civil_from_days;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
/// The authority is made once: a cluster on a desk should not outlive it.
const CA_DAYS: u64 = 3650;
/// As long as browsers and SDKs accept; the certificate is made anew at each start.
const NODE_DAYS: u64 = 397;
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// A name that is longer cannot be in a certificate.
const HOST_NAME_BYTES_MAX: usize = 253;

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// What clients trust.
    pub ca: PathBuf,
    /// The nodes' certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// A key in the directory is none, or nothing can be signed.
    #[error("{0}")]
    Crypto(#[from] rcgen::Error),
}

/// Makes what is missing in `dir`, and a new certificate for the nodes.
///
/// # Errors
/// When the directory cannot be used or holds a broken key.
pub async fn prepare(
    disk: &dyn Disk,
    dir: &Path,
    now_ms: u64,
    host_name: Option<&str>,
) -> Result<Certificates, CertificateError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(dir)?;
    let issuer = authority(disk, dir, now_ms).await?;
    let key = KeyPair::generate()?;
    let certificate = node_params(now_ms, host_name)?.signed_by(&key, &issuer)?;
    save_private(dir, "node-key.pem", &key.serialize_pem())?;
    layout::save(disk, dir, "node.pem", certificate.pem().into()).await?;
    Ok(Certificates {
        ca: dir.join("ca.pem"),
        certificate: dir.join("node.pem"),
        key: dir.join("node-key.pem"),
    })
}

/// The authority of the directory; a new one unless certificate and key are both there.
async fn authority(
    disk: &dyn Disk,
    dir: &Path,
    now_ms: u64,
) -> Result<Issuer<'static, KeyPair>, CertificateError> {
    let certificate = optional(read_text(disk, &dir.join("ca.pem")).await)?;
    let key = optional(read_text(disk, &dir.join("ca-key.pem")).await)?;
    if let (Some(_), Some(key)) = (certificate, key) {
        let key = KeyPair::from_pem(&key)?;
        // Name and key are all that signing takes from the certificate.
        return Ok(Issuer::new(ca_params(&key, now_ms)?, key));
    }
    let key = KeyPair::generate()?;
    let params = ca_params(&key, now_ms)?;
    let certificate = params.self_signed(&key)?;
    save_private(dir, "ca-key.pem", &key.serialize_pem())?;
    layout::save(disk, dir, "ca.pem", certificate.pem().into()).await?;
    Ok(Issuer::new(params, key))
}

fn optional(read: io::Result<String>) -> io::Result<Option<String>> {
    match read {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn ca_params(key: &KeyPair, now_ms: u64) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    // Two clusters have two names, so that their authorities can stand in one file.
    let mark = crc32c::crc32c(key.public_key_raw());
    let name = format!("Anabranch local authority {mark:08x}");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, now_ms, CA_DAYS);
    Ok(params)
}

fn node_params(now_ms: u64, host_name: Option<&str>) -> Result<CertificateParams, rcgen::Error> {
    let mut names: Vec<String> = NAMES.map(str::to_owned).into();
    let host_name = host_name.map(str::trim).filter(|name| is_host_name(name));
    names.extend(
        host_name
            .filter(|name| !NAMES.contains(name))
            .map(str::to_owned),
    );
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Anabranch");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now_ms, NODE_DAYS);
    Ok(params)
}

/// From the day before, because clocks differ, for so many days.
fn set_validity(params: &mut CertificateParams, now_ms: u64, days: u64) {
    let at = |day: u64| {
        let (year, month, day) = civil_from_days(day);
        let small = |part: u64| u8::try_from(part).unwrap_or(1);
        date_time_ymd(
            i32::try_from(year).unwrap_or(i32::MAX),
            small(month),
            small(day),
        )
    };
    let today = now_ms / DAY_MS;
    params.not_before = at(today.saturating_sub(1));
    params.not_after = at(today + days);
}

fn is_host_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    (1..=HOST_NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(plain)
}

/// Writes a file that nobody else can read, so that after a crash either the old or the new one is there.
fn save_private(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let fresh = dir.join(format!("{name}.new"));
    match fs::remove_file(&fresh) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, dir.join(name))?;
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod certificates_test;

//! From the data directory of a cluster to its service.

use std::path::Path;

use ana_env::Env;
use ana_gateway::Signer;
use ana_types::Region;
use tokio::sync::mpsc;

use super::ask::{ASKS_WAITING, Fis};
use super::files::Files;
use super::service::Service;
use crate::access::{self, AccessError};
use crate::client::access::Access;
use crate::client::endpoint::{Endpoint, EndpointError};
use crate::config::AuthSettings;
use crate::drill::cluster::Cluster;
use crate::drill::store::Store;

/// The name under which requests to FIS are signed.
const SERVICE: &str = "fis";

/// Where a cluster is, and who may call it.
#[derive(Debug)]
pub struct Place<'a> {
    /// Its data directory.
    pub data_dir: &'a Path,
    /// The front door, `host:port`; nodes and supervisor are spoken to over plain HTTP, on loopback.
    pub front_door: &'a str,
    /// Who may call.
    pub auth: &'a AuthSettings,
}

/// A service that is not running yet.
#[derive(Debug)]
pub struct Opened {
    /// Answers requests.
    pub fis: Fis,
    /// To be run as a task.
    pub service: Service,
    /// Files that cannot be read, each with the reason.
    pub unreadable: Vec<String>,
}

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Credentials cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The address of the front door is none.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The files cannot be listed or read.
    #[error(transparent)]
    Files(#[from] std::io::Error),
}

/// Opens the service of a cluster.
///
/// # Errors
/// When credentials or files cannot be read.
pub async fn open(env: &Env, place: &Place<'_>) -> Result<Opened, OpenError> {
    let disk = env.disk.as_ref();
    let region = Region::default().to_string();
    let authentication = access::authentication_of(disk, place.auth, &region, SERVICE).await?;
    let mut access = Access::default();
    if let Some(path) = &place.auth.credentials {
        let credentials = access::read_credentials(disk, path).await?;
        access = access.signing(Signer::first_of(&credentials, &region));
    }
    let endpoint: Endpoint = format!("http://{}", place.front_door).parse()?;
    let files = Files::below(env, place.data_dir);
    let mut kept = files.read().await?;
    let unreadable = std::mem::take(&mut kept.unreadable);
    let (asks, asked) = mpsc::channel(ASKS_WAITING);
    let fis = Fis::new(asks, authentication, std::sync::Arc::clone(&env.rng));
    let cluster = Cluster::new(env.clone(), endpoint, access);
    let drills = Store::below(env, place.data_dir);
    let service = Service::new(cluster, (files, kept), drills, asked);
    Ok(Opened {
        fis,
        service,
        unreadable,
    })
}

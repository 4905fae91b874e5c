//! What the AWS SDK for Rust really called and how it was answered, written down for the page of conformance.
//!
//! Taken by an interceptor, as any application may add one; the SDK itself is not changed. Must stay true: a call
//! counts as answered only when its HTTP status said so, and nothing is written by a test that failed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::BoxError;
use aws_sdk_kinesis::primitives::{DateTime, DateTimeFormat};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use serde_json::json;

/// Calls by operation and by whether they were answered.
type Counts = BTreeMap<(String, bool), u64>;

/// Shared by all clients of a test.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<Counts>>);

impl Calls {
    /// The same client, with its calls taken down.
    #[must_use]
    pub fn watch(&self, client: &Client) -> Client {
        let config = client.config().to_builder().interceptor(self.clone());
        Client::from_conf(config.build())
    }

    /// Called at the end of a test that passed.
    pub fn write(&self, test: &str) -> Result<()> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |answered: bool| -> BTreeMap<&str, u64> {
            let chosen = counts.iter().filter(|((_, each), _)| *each == answered);
            chosen
                .map(|((operation, _), count)| (operation.as_str(), *count))
                .collect()
        };
        let document = json!({
            "version": aws_sdk_kinesis::meta::PKG_VERSION,
            "transport": ["HTTP/1.1"],
            "body": ["JSON"],
            "when": today()?,
            "tests": [test],
            "answered": of(true),
            "refused": of(false),
            "failed": [],
        });
        let folder = folder();
        std::fs::create_dir_all(&folder)?;
        let path = folder.join("rust.json");
        #[expect(
            clippy::disallowed_methods,
            reason = "a report of a test that has passed, made again by the next run"
        )]
        std::fs::write(&path, format!("{document:#}\n")).with_context(|| path.display().to_string())
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target");
        let operation = target
            .and_then(|target| target.rsplit_once('.'))
            .map(|(_, operation)| Operation(operation.to_owned()))
            .ok_or("a request without an operation")?;
        cfg.interceptor_state().store_put(operation);
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Operation(operation) = cfg
            .load::<Operation>()
            .ok_or("an answer without a request")?;
        let answered = context.response().status().is_success();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((operation.clone(), answered)).or_default() += 1;
        Ok(())
    }
}

/// Carried from the request, which is gone by then, to its answer.
#[derive(Debug)]
struct Operation(String);

impl Storable for Operation {
    type Storer = StoreReplace<Self>;
}

/// The folder the stage of the suite names; a run by hand writes where no page is made of it.
fn folder() -> PathBuf {
    std::env::var_os("ANA_CONFORMANCE_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/conformance/by-hand"),
        PathBuf::from,
    )
}

fn today() -> Result<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the page says on which day the clients ran"
    )]
    let now = std::time::SystemTime::now();
    let text = DateTime::from(now).fmt(DateTimeFormat::DateTime)?;
    Ok(text.chars().take("2026-01-01".len()).collect())
}

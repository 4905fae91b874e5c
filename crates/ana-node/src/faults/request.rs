//! A fault that is asked for: read from JSON, every field checked, nothing overlooked.
//!
//! Written out by hand, because whoever asks must be told which field is wrong and what it may be.
//!
//! Must stay true: a field that the kind does not have is refused, so that a typing error is never a wider fault.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

use ana_types::{NodeId, StreamName};
use ana_wire::{FaultKind, Operation};
use serde_json::Value;

use super::effect::{
    ApiAction, ApiEffect, DiskEffect, Effect, FaultId, Kind, LinkAction, LinkEffect, Way,
};
use super::{
    API_DELAY_MS_MAX, DISK_DELAY_MS_MAX, DRIFT_PPM_MAX, ID_CHARS_MAX, LEASE_MS_MAX,
    LINK_DELAY_MS_MAX, LINK_RATE_MAX, OFFSET_MS_MAX, RESET_EVERY_MS_MIN, SESSION_MS_MAX,
};

/// The other nodes and where this node dials them.
pub type OtherNodes = BTreeMap<NodeId, String>;

/// A fault to be switched on or renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRequest {
    /// Its name.
    pub id: FaultId,
    /// What it does.
    pub effect: Effect,
    /// For how long, from now on.
    pub lease: Duration,
}

/// What is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopRequest {
    /// One fault.
    One(FaultId),
    /// Every fault.
    All,
}

/// What is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct WrongField {
    /// The field; `body` when it is none.
    pub field: String,
    /// What it has to be.
    pub problem: String,
}

fn wrong(field: &str, problem: impl Into<String>) -> WrongField {
    WrongField {
        field: field.to_owned(),
        problem: problem.into(),
    }
}

/// Reads a fault; `others` are the nodes that a link may lead to.
///
/// # Errors
/// The first field that is wrong.
pub fn read_fault(body: &[u8], others: &OtherNodes) -> Result<FaultRequest, WrongField> {
    let body = Fields::parse(body)?;
    let mut fields = Fields::of(&body)?;
    let id = fields.id()?.ok_or_else(|| wrong("id", "is missing"))?;
    let kind = fields.kind()?;
    let lease = fields.needed_ms("lease_ms", 1..=LEASE_MS_MAX)?;
    let effect = match kind {
        Kind::DiskSlow => Effect::Disk(fields.slow_disk()?),
        Kind::DiskFull => Effect::Disk(DiskEffect::Full),
        Kind::DiskFsyncError => Effect::Disk(DiskEffect::FsyncError {
            percent: fields.percent()?.unwrap_or(100),
        }),
        Kind::ClockJump => Effect::ClockJump {
            offset_ms: fields.offset()?,
        },
        Kind::ClockDrift => Effect::ClockDrift {
            ppm: fields.drift()?,
        },
        Kind::LinkCut | Kind::LinkDelay | Kind::LinkLoss | Kind::LinkThin | Kind::LinkReset => {
            Effect::Link(fields.link(kind, others)?)
        }
        Kind::ApiThrottle => fields.api(kind, ApiAction::Throttle)?,
        Kind::ApiExpiredIterator => fields.api(kind, ApiAction::ExpiredIterator)?,
        Kind::ApiPartialPut => fields.api(kind, ApiAction::PartialPut)?,
        Kind::ApiError => {
            let error = fields.error()?;
            fields.api(kind, ApiAction::Error(error))?
        }
        Kind::ApiLatency => {
            let delay = fields.needed_ms("delay_ms", 1..=API_DELAY_MS_MAX)?;
            let jitter = fields.ms("jitter_ms", 1..=API_DELAY_MS_MAX)?;
            let jitter = jitter.unwrap_or_default();
            fields.api(kind, ApiAction::Latency { delay, jitter })?
        }
        Kind::ApiDropSubscription => {
            let after = fields.ms("after_ms", 0..=SESSION_MS_MAX)?;
            let after = after.unwrap_or_default();
            fields.api(kind, ApiAction::DropSubscription { after })?
        }
    };
    fields.end(&format!("is not a parameter of {}", kind.name()))?;
    Ok(FaultRequest { id, effect, lease })
}

/// Reads what is to be stopped: `{"id": "..."}` or `{"all": true}`.
///
/// # Errors
/// The first field that is wrong.
pub fn read_stop(body: &[u8]) -> Result<StopRequest, WrongField> {
    let body = Fields::parse(body)?;
    let mut fields = Fields::of(&body)?;
    let (id, all) = (fields.id()?, fields.take("all"));
    fields.end("is not known: give id, or all")?;
    match (id, all) {
        (Some(id), None) => Ok(StopRequest::One(id)),
        (None, Some(Value::Bool(true))) => Ok(StopRequest::All),
        (None, None) => Err(wrong("id", "is missing: give id, or all")),
        (None, Some(_)) => Err(wrong("all", "can only be true")),
        (Some(_), Some(_)) => Err(wrong("all", "give either id or all")),
    }
}

/// The fields that nobody has asked for yet.
struct Fields<'a> {
    left: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Fields<'a> {
    fn parse(body: &[u8]) -> Result<Value, WrongField> {
        serde_json::from_slice(body).map_err(|error| wrong("body", format!("not JSON: {error}")))
    }

    fn of(body: &'a Value) -> Result<Fields<'a>, WrongField> {
        let object = body.as_object();
        let object = object.ok_or_else(|| wrong("body", "has to be a JSON object"))?;
        let given = object.iter().filter(|(_, value)| !value.is_null());
        Ok(Fields {
            left: given.map(|(name, value)| (name.as_str(), value)).collect(),
        })
    }

    fn end(self, problem: &str) -> Result<(), WrongField> {
        match self.left.keys().next() {
            Some(field) => Err(wrong(field, problem)),
            None => Ok(()),
        }
    }

    fn take(&mut self, name: &str) -> Option<&'a Value> {
        self.left.remove(name)
    }

    fn text(&mut self, name: &str) -> Result<Option<&'a str>, WrongField> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let text = value.as_str();
        text.map(Some)
            .ok_or_else(|| wrong(name, "has to be a string"))
    }

    fn number(
        &mut self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, WrongField> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let number = value.as_u64().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            wrong(name, format!("has to be a whole number, {least} to {most}"))
        })
    }

    fn ms(
        &mut self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Duration>, WrongField> {
        Ok(self.number(name, range)?.map(Duration::from_millis))
    }

    fn needed_ms(
        &mut self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Duration, WrongField> {
        let problem = format!(
            "is missing: milliseconds, {} to {}",
            range.start(),
            range.end()
        );
        self.ms(name, range)?.ok_or_else(|| wrong(name, problem))
    }

    fn id(&mut self) -> Result<Option<FaultId>, WrongField> {
        let Some(text) = self.text("id")? else {
            return Ok(None);
        };
        FaultId::new(text).map(Some).ok_or_else(|| {
            let problem = format!("has to be 1 to {ID_CHARS_MAX} of A-Z a-z 0-9 . _ -");
            wrong("id", problem)
        })
    }

    fn kind(&mut self) -> Result<Kind, WrongField> {
        let kind = self.text("kind")?.and_then(Kind::of_name);
        kind.ok_or_else(|| {
            let names = Kind::ALL.map(Kind::name).join(", ");
            wrong("kind", format!("has to be one of {names}"))
        })
    }

    fn error(&mut self) -> Result<FaultKind, WrongField> {
        let kind = self.text("error")?.and_then(FaultKind::of_name);
        kind.ok_or_else(|| {
            let names = FaultKind::ALL.map(FaultKind::name).join(", ");
            wrong("error", format!("has to be one of {names}"))
        })
    }

    fn offset(&mut self) -> Result<i64, WrongField> {
        let offset = self.take("offset_ms").and_then(Value::as_i64);
        let possible = |ms: &i64| *ms != 0 && ms.unsigned_abs() <= OFFSET_MS_MAX;
        offset.filter(possible).ok_or_else(|| {
            let problem = format!(
                "has to be a whole number of milliseconds, not 0, at most {OFFSET_MS_MAX} either way"
            );
            wrong("offset_ms", problem)
        })
    }

    fn drift(&mut self) -> Result<i32, WrongField> {
        let ppm = self.take("drift_ppm").and_then(Value::as_i64);
        let possible = |ppm: &i64| *ppm != 0 && ppm.unsigned_abs() <= DRIFT_PPM_MAX;
        let ppm = ppm.filter(possible).and_then(|ppm| i32::try_from(ppm).ok());
        ppm.ok_or_else(|| {
            let problem = format!(
                "has to be a whole number of parts per million, not 0, at most {DRIFT_PPM_MAX} either way"
            );
            wrong("drift_ppm", problem)
        })
    }

    fn percent(&mut self) -> Result<Option<u8>, WrongField> {
        let percent = self.number("percent", 1..=100)?;
        Ok(percent.and_then(|percent| u8::try_from(percent).ok()))
    }

    /// One time for writes and syncs, or a time for each of writes, syncs and reads that is to be slow.
    fn slow_disk(&mut self) -> Result<DiskEffect, WrongField> {
        if let Some(delay) = self.ms("delay_ms", 1..=DISK_DELAY_MS_MAX)? {
            return Ok(DiskEffect::Slow {
                write: delay,
                fsync: delay,
                read: Duration::ZERO,
            });
        }
        let mut some = |name| self.ms(name, 1..=DISK_DELAY_MS_MAX);
        let (write, fsync, read) = (some("write_ms")?, some("fsync_ms")?, some("read_ms")?);
        if write.or(fsync).or(read).is_none() {
            let problem = format!(
                "is missing: milliseconds, 1 to {DISK_DELAY_MS_MAX}; or some of write_ms, fsync_ms, read_ms"
            );
            return Err(wrong("delay_ms", problem));
        }
        Ok(DiskEffect::Slow {
            write: write.unwrap_or_default(),
            fsync: fsync.unwrap_or_default(),
            read: read.unwrap_or_default(),
        })
    }

    fn link(&mut self, kind: Kind, others: &OtherNodes) -> Result<LinkEffect, WrongField> {
        let action = self.link_action(kind)?;
        let node = self.number("node", 0..=u64::MAX)?.map(NodeId);
        let found = node.and_then(|node| others.get_key_value(&node));
        let (node, address) = found.ok_or_else(|| {
            let known: Vec<String> = others.keys().map(ToString::to_string).collect();
            let problem = format!(
                "has to be another node of the cluster: {}",
                known.join(", ")
            );
            wrong("node", problem)
        })?;
        let way = match action {
            LinkAction::Reset { .. } => None,
            _ => self.text("way")?,
        };
        let way = match way {
            None => Some(Way::Both),
            Some(name) => Way::NAMES
                .into_iter()
                .find(|(each, _)| *each == name)
                .map(|(_, way)| way),
        };
        Ok(LinkEffect {
            action,
            node: *node,
            address: address.clone(),
            way: way.ok_or_else(|| wrong("way", "has to be out, in or both"))?,
        })
    }

    fn link_action(&mut self, kind: Kind) -> Result<LinkAction, WrongField> {
        Ok(match kind {
            Kind::LinkDelay => LinkAction::Delay {
                delay: self.needed_ms("delay_ms", 1..=LINK_DELAY_MS_MAX)?,
                jitter: self
                    .ms("jitter_ms", 1..=LINK_DELAY_MS_MAX)?
                    .unwrap_or_default(),
            },
            Kind::LinkLoss => {
                let percent = self.number("percent", 1..=100)?;
                let percent = percent.and_then(|percent| u8::try_from(percent).ok());
                let percent = percent.ok_or_else(|| wrong("percent", "is missing: 1 to 100"))?;
                LinkAction::Loss { percent }
            }
            Kind::LinkThin => {
                let rate = self.number("bytes_per_second", 1..=LINK_RATE_MAX)?;
                let rate = rate.and_then(NonZeroU64::new).ok_or_else(|| {
                    let problem = format!("is missing: bytes a second, 1 to {LINK_RATE_MAX}");
                    wrong("bytes_per_second", problem)
                })?;
                LinkAction::Thin {
                    bytes_per_second: rate,
                }
            }
            Kind::LinkReset => LinkAction::Reset {
                every: self.ms("every_ms", RESET_EVERY_MS_MIN..=LEASE_MS_MAX)?,
            },
            _ => LinkAction::Cut,
        })
    }

    fn api(&mut self, kind: Kind, action: ApiAction) -> Result<Effect, WrongField> {
        let stream = self.text("stream")?.map(StreamName::new).transpose();
        let stream = stream.map_err(|error| wrong("stream", error.to_string()))?;
        let percent = self.percent()?.unwrap_or(100);
        Ok(Effect::Api(ApiEffect {
            action,
            stream,
            operation: self.operation(kind)?,
            percent,
        }))
    }

    fn operation(&mut self, kind: Kind) -> Result<Option<Operation>, WrongField> {
        let Some(name) = self.text("operation")? else {
            return Ok(None);
        };
        let known = Operation::of_name(name).filter(|operation| operation.is_offered());
        let known = known.ok_or_else(|| wrong("operation", format!("{name} is not offered")))?;
        match kind.operations() {
            Some(reached) if !reached.contains(&known) => {
                let names: Vec<&str> = reached.iter().map(|each| each.name()).collect();
                let problem = format!("{} reaches only {}", kind.name(), names.join(", "));
                Err(wrong("operation", problem))
            }
            _ => Ok(Some(known)),
        }
    }
}

#[cfg(test)]
mod request_test;

//! `ana fault add`: from options to one body for each node that is to have the fault.
//!
//! Must stay true: every body is checked before the first is sent, so that a typing error changes nothing anywhere.

use ana_drill::quantity::{Drift, Percent, QuantityError, Rate};
use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::disposable_cluster;
use super::reach::{answering, ask};
use super::show;
use super::target::{self, Place, Target};
use crate::admin::document::{NodeEntry, StatusDocument};
use crate::commands::Context;
use crate::error::{CliError, Exit};
use crate::faults::admin::PATH;
use crate::faults::effect::{Family, Kind};
use crate::faults::request::{OtherNodes, WrongField, read_fault};
use crate::faults::{FaultDocument, FaultEntry};
use crate::output::{self, Format};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Where, by --on:
  'stream S', 'op O', 'stream S op O'   requests at every node (api.*); without it all requests
  'node N', 'zone Z'                    these nodes: --node N and --zone Z say the same
  'leader of S/SHARD', 'meta leader'    whoever leads when the fault is asked for
  'link A -> B', 'link A <-> B'         --from A --to B, and --both

Examples:
  ana fault add api.expired_iterator --on 'stream orders' --for 20s
  ana fault add api.throttle --on 'stream orders op PutRecords' --percent 50 --id storm
  ana fault add api.error --error InternalFailure --on 'op ListShards' --percent 10
  ana fault add api.latency --delay 2s --on 'stream orders' --node 1
  ana fault add api.partial_put --percent 30 --on 'stream orders'
  ana fault add api.drop_subscription --after 10s
  ana fault add disk.slow --delay 200ms --on 'leader of orders/0'
  ana fault add disk.fsync_error --node 2
  ana fault add clock.jump --offset -10m --zone b
  ana fault add clock.drift --drift +10% --node 1
  ana fault add link.cut --from 1 --to 2 --both --for 5s
  ana fault add link.delay --delay 50ms --jitter 20ms --on 'link 1 <-> 2'
  ana fault add link.loss --percent 5 --from 1 --to 2
  ana fault add link.thin --rate 64KiB/s --on 'link 1 -> 2'
  ana fault add link.reset --every 2s --on 'link 1 <-> 2'")]
pub(in crate::commands) struct Add {
    /// What goes wrong.
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,
    /// Where; see below.
    #[arg(long, value_name = "TARGET")]
    on: Option<Target>,
    /// How long: 200ms, 30s, 5m, 2h. The node ends it by itself.
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = duration)]
    lease_ms: u64,
    /// How many requests of a hundred (api.partial_put: entries, api.drop_subscription: sessions); all. Link.loss:
    /// how many pieces of what is sent; it has to be said.
    #[arg(long, value_name = "PERCENT")]
    percent: Option<u64>,
    /// The error's name, as InternalFailure (api.error).
    #[arg(long, value_name = "NAME")]
    error: Option<String>,
    /// How long requests (api.latency), writes and syncs (disk.slow), or bytes (link.delay) are held up.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    delay: Option<u64>,
    /// How much longer each sync takes (disk.slow, in place of --delay); not at all.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    fsync: Option<u64>,
    /// How much longer each write takes (disk.slow, in place of --delay); not at all.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    write: Option<u64>,
    /// How much longer each read takes (disk.slow, in place of --delay); not at all.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    read: Option<u64>,
    /// How much longer at random (api.latency, link.delay); not at all.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    jitter: Option<u64>,
    /// How much passes, as 64KiB/s (link.thin).
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,
    /// How far apart connections break on average (link.reset); they break once.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    every: Option<u64>,
    /// How old sessions grow (api.drop_subscription); they are dropped at once.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    after: Option<u64>,
    /// How far the time of day jumps, back with a minus (clock.jump).
    #[arg(long, value_name = "TIME", value_parser = offset, allow_hyphen_values = true)]
    offset: Option<i64>,
    /// How fast the time of day runs wrong, slow with a minus: +500ppm, -10% (clock.drift).
    #[arg(long, value_name = "RATE", value_parser = drift, allow_hyphen_values = true)]
    drift: Option<i64>,
    /// At this node.
    #[arg(long, value_name = "ID", conflicts_with = "zone")]
    node: Option<u64>,
    /// At the nodes of this zone.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// The node whose bytes are meant (link.*).
    #[arg(long, value_name = "ID", requires = "to", conflicts_with_all = ["on", "node", "zone"])]
    from: Option<u64>,
    /// The node that they are for (link.*).
    #[arg(long, value_name = "ID", requires = "from")]
    to: Option<u64>,
    /// Both ways (link.*).
    #[arg(long, requires = "from")]
    both: bool,
    /// The fault's name, to renew or stop it by; one is made up without it.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

fn duration(text: &str) -> Result<u64, String> {
    output::parse_duration_ms(text)
        .ok_or_else(|| "use a time such as 200ms, 30s, 5m or 2h".to_owned())
}

fn offset(text: &str) -> Result<i64, String> {
    let (sign, size) = match text.strip_prefix('-') {
        Some(size) => (-1, size),
        None => (1, text),
    };
    let ms = i64::try_from(duration(size)?).map_err(|error| error.to_string())?;
    Ok(sign * ms)
}

fn drift(text: &str) -> Result<i64, String> {
    let said = match text.strip_suffix('%') {
        // A percent is 10,000 parts per million, and a percentage is kept in thousandths of a percent.
        Some(_) => {
            let (sign, size) = text
                .strip_prefix('-')
                .map_or(("+", text), |size| ("-", size));
            let size = size.strip_prefix('+').unwrap_or(size);
            let size: Percent = size
                .parse()
                .map_err(|error: QuantityError| error.to_string())?;
            format!("{sign}{}ppm", size.thousandths() * 10)
        }
        None => text.to_owned(),
    };
    let drift: Drift = said
        .parse()
        .map_err(|error: QuantityError| error.to_string())?;
    let ppm = i64::from(drift.ppm);
    Ok(if drift.slow { -ppm } else { ppm })
}

/// What a node answers when it has switched a fault on.
#[derive(Debug, Deserialize)]
struct Taken {
    fault: FaultDocument,
}

/// One fault for one node.
type Wanted<'a> = (&'a NodeEntry, FaultDocument);

impl Add {
    pub(super) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let status = disposable_cluster(context).await?;
        let number = context.env.rng.next_u64();
        let wanted = self.wanted(&status, number)?;
        for (node, fault) in &wanted {
            check(&status, node, fault)?;
        }
        let asked = wanted.iter().map(|(node, fault)| async move {
            let body = Bytes::from(json!(fault).to_string());
            let taken = ask::<Taken>(context, node, Method::POST, PATH, body).await;
            (node.id, taken)
        });
        let mut on = Vec::new();
        let mut failed = None;
        for (on_node, answer) in join_all(asked).await {
            match answer {
                Ok(Taken { fault }) => on.push(FaultEntry { on_node, fault }),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return Err(partly(&on, error));
        }
        self.tell(context, &on)
    }

    fn tell(&self, context: &Context, on: &[FaultEntry]) -> Result<Exit, CliError> {
        match context.format {
            Format::Json => output::json(&json!({ "faults": on }))?,
            Format::Table => {
                output::data(&show::table(on).render())?;
                if let Some(entry) = on.first() {
                    output::say(&format!(
                        "it ends by itself; to end it now: ana fault stop {}",
                        entry.fault.id
                    ));
                }
            }
        }
        Ok(Exit::Ok)
    }

    /// One body for each node that is to have the fault.
    fn wanted<'a>(
        &self,
        status: &'a StatusDocument,
        number: u64,
    ) -> Result<Vec<Wanted<'a>>, CliError> {
        let kind = self.kind.name();
        let mut fault = FaultDocument {
            id: self
                .id
                .clone()
                .unwrap_or_else(|| format!("{kind}-{:04x}", number & 0xffff)),
            kind: kind.to_owned(),
            lease_ms: self.lease_ms,
            percent: self.percent,
            error: self.error.clone(),
            delay_ms: self.delay,
            jitter_ms: self.jitter,
            fsync_ms: self.fsync,
            write_ms: self.write,
            read_ms: self.read,
            drift_ppm: self.drift,
            bytes_per_second: self.rate.map(|rate| rate.0),
            every_ms: self.every,
            after_ms: self.after,
            offset_ms: self.offset,
            ..FaultDocument::default()
        };
        let place = self.place()?;
        match (self.kind.family(), &self.on, place) {
            (Family::Api, Some(Target::Link { .. }), _) => Err(self.elsewhere()),
            (Family::Api, on, place) => {
                if let Some(Target::Requests { stream, operation }) = on {
                    fault.stream.clone_from(stream);
                    fault.operation.clone_from(operation);
                }
                let nodes = match place {
                    None => answering(&status.nodes).collect(),
                    Some(place) => place.nodes(status)?,
                };
                Ok(alike(nodes, &fault))
            }
            (Family::Machine, None | Some(Target::Place(_)), Some(place)) => {
                Ok(alike(place.nodes(status)?, &fault))
            }
            (Family::Link, Some(Target::Link { from, to, both }), None) => {
                link(status, (*from, *to, *both), &fault)
            }
            (Family::Link, None, None) => match (self.from, self.to) {
                (Some(from), Some(to)) => link(status, (from, to, self.both), &fault),
                _ => Err(self.elsewhere()),
            },
            (Family::Machine | Family::Link, _, _) => Err(self.elsewhere()),
        }
    }

    /// The nodes that were named, by whichever option; none when none were.
    fn place(&self) -> Result<Option<Place>, CliError> {
        let by_on = match &self.on {
            Some(Target::Place(place)) => Some(place.clone()),
            _ => None,
        };
        let by_node = self.node.map(Place::Node);
        let by_zone = self.zone.clone().map(Place::Zone);
        let mut named = [by_on, by_node, by_zone].into_iter().flatten();
        let place = named.next();
        if named.next().is_some() {
            return Err(CliError::new(
                Exit::Usage,
                "the nodes are named twice, by --on and by --node or --zone",
            )
            .advice("try: one of them"));
        }
        if place.is_some() && self.from.is_some() {
            return Err(self.elsewhere());
        }
        Ok(place)
    }

    /// The kind does not take place where it was asked for.
    fn elsewhere(&self) -> CliError {
        let kind = self.kind.name();
        let (what, advice) = match self.kind.family() {
            Family::Api => (
                format!("{kind} is about requests, not links"),
                "try: --on 'stream S op O', with --node N or --zone Z for some nodes only",
            ),
            Family::Machine => (
                format!("{kind} takes place in a machine: say in which"),
                "try: --node N, --zone Z or --on 'leader of STREAM/SHARD'",
            ),
            Family::Link => (
                format!("{kind} takes place between two nodes: say between which"),
                "try: --from A --to B, and --both for both ways",
            ),
        };
        CliError::new(Exit::Usage, what).advice(advice)
    }
}

/// The same fault for all of `nodes`.
fn alike<'a>(nodes: Vec<&'a NodeEntry>, fault: &FaultDocument) -> Vec<Wanted<'a>> {
    let wanted = nodes.into_iter().map(|node| (node, fault.clone()));
    wanted.collect()
}

/// Both ends hold their part: each holds back the bytes on the connections that it opened.
fn link<'a>(
    status: &'a StatusDocument,
    (from, to, both): (u64, u64, bool),
    fault: &FaultDocument,
) -> Result<Vec<Wanted<'a>>, CliError> {
    let end = |this, other, way: &str| {
        let node = target::node(status, this)?;
        let way = if both { "both" } else { way };
        // Connections have no way.
        let breaks = fault.kind == Kind::LinkReset.name();
        let fault = FaultDocument {
            node: Some(other),
            way: (!breaks).then(|| way.to_owned()),
            ..fault.clone()
        };
        Ok((node, fault))
    };
    Ok(vec![end(from, to, "out")?, end(to, from, "in")?])
}

/// Checks a body as `node` will.
fn check(status: &StatusDocument, node: &NodeEntry, fault: &FaultDocument) -> Result<(), CliError> {
    let others = status.nodes.iter().filter(|other| other.id != node.id);
    let others: OtherNodes = others
        .map(|other| (ana_types::NodeId(other.id), other.peer.clone()))
        .collect();
    let body = json!(fault).to_string();
    let checked = read_fault(body.as_bytes(), &others);
    checked.map(drop).map_err(|wrong| explain(&wrong))
}

/// A wrong field by the name of its option.
fn explain(wrong: &WrongField) -> CliError {
    let option = match wrong.field.as_str() {
        "id" => "--id",
        "lease_ms" => "--for",
        "percent" => "--percent",
        "error" => "--error",
        "delay_ms" => "--delay",
        "jitter_ms" => "--jitter",
        "fsync_ms" => "--fsync",
        "write_ms" => "--write",
        "read_ms" => "--read",
        "drift_ppm" => "--drift",
        "bytes_per_second" => "--rate",
        "every_ms" => "--every",
        "after_ms" => "--after",
        "offset_ms" => "--offset",
        "stream" | "operation" => "--on",
        "node" | "way" => "--from, --to",
        other => other,
    };
    CliError::new(Exit::Usage, format!("{option}: {}", wrong.problem))
        .advice("try: ana fault add --help, or docs/FAULTS.md")
}

/// Some nodes have the fault and others have not.
fn partly(on: &[FaultEntry], error: CliError) -> CliError {
    let Some(first) = on.first() else {
        return error;
    };
    let nodes: Vec<String> = on.iter().map(|entry| entry.on_node.to_string()).collect();
    error
        .context(format!(
            "it is on at node {}, and ends there by itself",
            nodes.join(", ")
        ))
        .advice(format!("try: ana fault stop {}", first.fault.id))
}

#[cfg(test)]
mod add_test;

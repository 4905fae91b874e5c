//! Everything that is found out before anything is broken.
//!
//! Must stay true: a drill that is refused leaves the cluster as it was, but for a stream that was created.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ana_drill::action::{Action, ChangeAction};
use ana_drill::chance::Chance;
use ana_drill::plan::PlanError;
use ana_drill::targets::ResolveError;
use ana_drill::{Drill, Plan, Target};
use ana_env::time;
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{Order, Ready, Refusal, store_of};
use crate::admin::document::{Health, NodeEntry};
use crate::drill::cluster::Cluster;
use crate::drill::load;
use crate::drill::means::{self, Needs, needs};
use crate::drill::rename;
use crate::drill::snapshot::{Census, Snapshot};
use crate::faults::admin::PATH;

const DISPOSABLE: &str = "drills are for clusters whose data nobody needs: those of `ana up`, and nodes with \
                          `disposable = true` in their settings";

pub(super) async fn preflight(cluster: &Cluster, order: Order) -> Result<Ready, Refusal> {
    let Order {
        mut drill,
        mut notes,
        seed,
        i_know,
        stream,
        again,
        data_dir,
    } = order;
    if let Some(stream) = &stream {
        rename::to_stream(&mut drill, stream);
    }
    let mut seen = cluster
        .look(Census::default())
        .await
        .map_err(|error| Refusal::new(error.to_string(), "try: ana up, or --endpoint URL"))?;
    fit(&seen)?;
    can_be_steady(&drill)?;
    let needs = needs_of(&drill, cluster.is_real())?;
    really(cluster, &needs, &mut notes).await?;
    let topology = seen.topology();
    let plan = Plan::of(&drill, Some(&topology), i_know).map_err(|error| too_wide(&error))?;
    offered(cluster, &seen, &needs).await?;
    let mut stream_created = false;
    if let Some(load) = &drill.load {
        let client = cluster.client();
        let made = Box::pin(load::ensure_stream(&client, load)).await;
        stream_created = made.map_err(|error| {
            let what = format!("the stream {} of the load: {error}", load.stream);
            Refusal::new(what, "try: ana status --wait healthy")
        })?;
        if stream_created {
            notes.push(format!(
                "created the stream {} for the run; it is kept",
                load.stream
            ));
        }
    }
    let mut census = Census::default();
    Box::pin(leaders_settle(cluster)).await;
    Box::pin(cluster.count(&mut census, has_tags(&drill))).await;
    if let Ok(fresh) = cluster.look(census.clone()).await {
        seen = fresh;
    }
    seen.census = census;
    let seed = seed.or(drill.seed);
    let seed = seed.unwrap_or_else(|| cluster.env().rng.next_u64() % SEEDS);
    drill.seed = Some(seed);
    targets_are_there(&drill, seed, &seen)?;
    Ok(Ready {
        store: store_of(cluster, &data_dir).await,
        again: format!("{again} --seed {seed}"),
        drill,
        plan,
        seed,
        seen,
        stream_created,
        notes,
    })
}

/// Leaders that the trouble before has moved go home; a drill that begins meanwhile would be told of it as its own. One
/// that does not go home in time is no reason to refuse.
async fn leaders_settle(cluster: &Cluster) {
    let clock = Arc::clone(&cluster.env().clock);
    let began = clock.elapsed();
    while clock.elapsed().saturating_sub(began) < SETTLE_MAX {
        if let Ok(seen) = cluster.look(Census::default()).await {
            let mut groups = seen.status.groups.iter();
            if groups.all(|group| {
                group
                    .preferred_leader
                    .is_none_or(|to| group.leader == Some(to))
            }) {
                return;
            }
        }
        time::sleep(LOOK_EVERY).await;
    }
}

const SETTLE_MAX: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Drawn seeds are short, so that a person can type them.
const SEEDS: u64 = 1_000_000;

/// Whether a cluster may be broken now.
fn fit(seen: &Snapshot) -> Result<(), Refusal> {
    let status = &seen.status;
    if status.nodes.iter().all(|node| node.state != "up") {
        return Err(Refusal::new(
            "no node of the cluster is up",
            "try: ana status",
        ));
    }
    if !status.disposable {
        return Err(Refusal::new(
            "this cluster is not disposable: its nodes take no faults",
            DISPOSABLE,
        ));
    }
    if status.health != Health::Healthy {
        let down = status.nodes.iter().filter(|node| node.state != "up");
        let down: Vec<String> = down
            .map(|node| format!("node {} is {}", node.id, node.state))
            .collect();
        let why = if down.is_empty() {
            "a group is not complete".to_owned()
        } else {
            down.join(", ")
        };
        return Err(Refusal::new(
            format!("the cluster is not healthy before the drill: {why}"),
            "try: ana status --wait healthy, then again",
        ));
    }
    Ok(())
}

/// Without a load nobody measures what its clients see.
fn can_be_steady(drill: &Drill) -> Result<(), Refusal> {
    match drill.steady.iter().find(|check| rename::is_of_load(check)) {
        Some(check) if drill.load.is_none() => Err(Refusal::new(
            format!("steady: {check} is never measured, because the drill has no [load]"),
            "give it a [load], or leave this check out",
        )),
        _ => Ok(()),
    }
}

fn too_wide(error: &PlanError) -> Refusal {
    let advice = match error {
        PlanError::TooWide(_) => "try: --i-know, when that is meant",
        PlanError::TooLong { .. } => "try: a shorter drill",
    };
    Refusal::new(error.to_string(), advice)
}

/// What the steps need, all together.
fn needs_of(drill: &Drill, really: bool) -> Result<Needs, Refusal> {
    let mut all = Needs::default();
    for (number, step) in (1..).zip(&drill.steps) {
        let mut each = needs(&step.action, &step.on);
        if really {
            each = each.and_then(|usual| means::real::needs(&step.action, usual));
        }
        let each = each.map_err(|error| {
            Refusal::new(
                format!("step {number}: {error}"),
                "try: ana drill check, and docs/DRILLS.md for what a running cluster can do",
            )
        })?;
        all.join(each);
    }
    Ok(all)
}

/// The steps that no cluster can carry out, each in words.
pub fn unable(drill: &Drill) -> Vec<String> {
    let steps = (1..).zip(&drill.steps);
    steps
        .filter_map(|(number, step)| {
            let error = needs(&step.action, &step.on).err()?;
            Some(format!("step {number}: {error}"))
        })
        .collect()
}

/// Whether the kernel carries out what it is to carry out; notes what that is.
async fn really(cluster: &Cluster, needs: &Needs, notes: &mut Vec<String>) -> Result<(), Refusal> {
    if !cluster.is_real() {
        return Ok(());
    }
    let supervised = cluster.supervised().await;
    let offered = supervised.map_or(Vec::new(), |told| told.kernel_faults);
    if offered.is_empty() {
        return Err(Refusal::new(
            "this cluster was not started with --real: its nodes have no networks and file systems of their own",
            "try: ana up --real --data-dir DIR, as root on Linux; or leave --real out",
        ));
    }
    let of_kernel = needs
        .kinds
        .iter()
        .filter(|kind| means::real::is_of_kernel(kind));
    let orders = ["pause", means::real::POWER_CUT];
    let orders = orders.iter().filter(|verb| needs.verbs.contains(*verb));
    let done: Vec<&str> = of_kernel.chain(orders).copied().collect();
    if let Some(kind) = needs
        .kinds
        .iter()
        .find(|kind| means::real::is_of_kernel(kind) && !offered.iter().any(|it| it == *kind))
    {
        return Err(Refusal::new(
            format!("this cluster's kernel does no faults of the kind {kind}"),
            "is it of an older version? start it again with this `ana`",
        ));
    }
    notes.push(if done.is_empty() {
        "--real: none of its faults is one that the kernel carries out differently".to_owned()
    } else {
        format!("by the kernel itself: {}", done.join(", "))
    });
    Ok(())
}

/// Whether the nodes know the faults that are needed, hold none already, and the supervisor knows the orders.
async fn offered(cluster: &Cluster, seen: &Snapshot, needs: &Needs) -> Result<(), Refusal> {
    let asked = seen
        .status
        .nodes
        .iter()
        .map(|node| node_offers(cluster, node, needs));
    for answer in join_all(asked).await {
        answer?;
    }
    if needs.verbs.is_empty() {
        return Ok(());
    }
    if cluster.supervised().await.is_none() {
        return Err(Refusal::new(
            "this drill stops and starts nodes, and the cluster has no supervisor that could",
            "try: a cluster of `ana up`",
        ));
    }
    for verb in &needs.verbs {
        // Orders are told apart before nodes are: one for nobody tells whether it is known.
        let body = match *verb {
            "down" | "pause" | means::real::POWER_CUT => json!({ "lease_ms": 1 }),
            means::FLIP_BIT => json!({ "file": "log", "seed": 0 }),
            means::TEAR_TAIL => json!({ "bytes": 1, "seed": 0 }),
            _ => json!({}),
        };
        let refused = cluster.order(NOBODY, verb, &body).await.err();
        let known = refused.is_some_and(|error| error.what.contains(NOBODY));
        if !known {
            return Err(Refusal::new(
                format!("the supervisor of this cluster cannot {verb} nodes"),
                "is it of an older version? start it again with this `ana`",
            ));
        }
    }
    Ok(())
}

/// A node that does not exist.
const NOBODY: &str = "nobody";

async fn node_offers(cluster: &Cluster, node: &NodeEntry, needs: &Needs) -> Result<(), Refusal> {
    let told = |error: crate::drill::cluster::Refused| {
        if error.status == Some(403) {
            return Refusal::new(error.what, DISPOSABLE);
        }
        Refusal::new(error.what, "try: ana status")
    };
    let listed = cluster
        .ask_node(node, (Method::GET, PATH), &Value::Null)
        .await;
    let listed = listed.map_err(told)?;
    let first = listed.get("faults").and_then(|faults| faults.get(0));
    if let Some(id) = first.and_then(|fault| fault.get("id")) {
        return Err(Refusal::new(
            format!("the fault {id} is on at node {} already", node.id),
            "try: ana fault ls, then ana fault stop --all",
        ));
    }
    for kind in &needs.kinds {
        // A lease of nothing is refused whatever the kind, but a kind that is not known is refused first.
        let probe = json!({ "id": "drill-probe", "kind": kind, "lease_ms": 0 });
        let refused = cluster.ask_node(node, (Method::POST, PATH), &probe).await;
        match refused {
            Err(error) if error.field.as_deref() == Some("lease_ms") => {}
            Err(error) if error.field.as_deref() == Some("kind") => {
                return Err(Refusal::new(
                    format!("node {} does not know faults of the kind {kind}", node.id),
                    "is it of an older version? start it again with this `ana`",
                ));
            }
            Err(error) => return Err(told(error)),
            Ok(_) => return Err(Refusal::new("a node took a lease of nothing", "report it")),
        }
    }
    Ok(())
}

/// Whether every target means something now. What a step before it makes is not there yet.
fn targets_are_there(drill: &Drill, seed: u64, seen: &Snapshot) -> Result<(), Refusal> {
    let topology = seen.topology();
    let mut reshards = false;
    for (place, step) in drill.steps.iter().enumerate() {
        let found = step
            .on
            .resolve(&topology, &mut Chance::of_step(seed, place));
        let error = match found {
            Err(ResolveError::NoSuchShard(_)) if reshards => continue,
            Err(error) => error,
            Ok(_) => {
                reshards |= matches!(step.action, Action::Change(ChangeAction::Reshard(_)));
                continue;
            }
        };
        let advice = match error {
            ResolveError::NoSuchShard(_) => {
                "the stream was split or merged before; try: --stream with another name"
            }
            ResolveError::NoLeader(_) | ResolveError::NoMetaLeader => {
                "try: ana status --wait healthy, then again"
            }
            _ => "try: ana status, ana stream ls",
        };
        let number = place + 1;
        let what = format!(
            "step {number} ({}) has no target: {error}",
            step.action.spec().name
        );
        return Err(Refusal::new(what, advice));
    }
    Ok(())
}

fn has_tags(drill: &Drill) -> bool {
    let tagged = |on: &Target| match on {
        Target::Requests(requests) => matches!(
            &requests.streams,
            ana_drill::targets::Streams::Some(_, ana_drill::targets::StreamSet::Tagged(_))
        ),
        Target::Zones(_) | Target::Nodes(_) | Target::Link(_) => false,
    };
    drill.steps.iter().any(|step| tagged(&step.on))
}

/// The leaders of a moment by the name of their shard.
pub(super) fn leaders(seen: &Snapshot) -> BTreeMap<String, (u64, u64)> {
    let leads = seen.leads().into_iter();
    let leads =
        leads.filter_map(|(shard, lead)| Some((shard?.to_string(), (lead.node?, lead.term))));
    leads.collect()
}

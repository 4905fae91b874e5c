//! Faults of the network: each end of a wire holds back, delays or loses what goes over it.

use std::collections::{BTreeMap, BTreeSet};

use ana_drill::action::LinkAction;
use ana_drill::chance::Chance;
use ana_drill::quantity::Span;
use ana_drill::targets::Wire;
use ana_drill::{Pick, Topology};
use ana_types::NodeId;
use serde_json::{Map, Value, json};

use super::{Leased, Means, Needs, Stage, Unable, ms, staged, whole_percent};

pub(super) const CUT: &str = "link.cut";
pub(super) const DELAY: &str = "link.delay";

fn kind(action: LinkAction) -> &'static str {
    match action {
        LinkAction::Drop | LinkAction::OnewayDrop | LinkAction::Swizzle { .. } => CUT,
        LinkAction::Delay { .. } => DELAY,
        LinkAction::Loss { .. } => "link.loss",
        LinkAction::Thin { .. } => "link.thin",
        LinkAction::Reset => "link.reset",
    }
}

pub(super) fn needs(action: LinkAction) -> Result<Needs, Unable> {
    body(action)?;
    Ok(Needs::kind(kind(action)))
}

/// The wires of a pick.
pub(super) fn wires(pick: &Pick) -> BTreeSet<Wire> {
    match pick {
        Pick::Wires(wires) => wires.clone(),
        Pick::Zones(_) | Pick::Nodes(_) | Pick::Requests { .. } => BTreeSet::new(),
    }
}

/// The wires, both ways, between each group of nodes and everybody who is not in it.
pub(super) fn around(groups: &[BTreeSet<NodeId>], topology: &Topology) -> BTreeSet<Wire> {
    let mut wires = BTreeSet::new();
    for inside in groups {
        let outside = topology.nodes.keys().filter(|node| !inside.contains(node));
        for &out in outside {
            for &node in inside {
                wires.insert(Wire {
                    from: node,
                    to: out,
                });
                wires.insert(Wire {
                    from: out,
                    to: node,
                });
            }
        }
    }
    wires
}

/// What each node holds so that something happens on these wires.
pub(super) fn leases(action: LinkAction, wires: &BTreeSet<Wire>) -> Result<Vec<Leased>, Unable> {
    // By node and the node at the other end: whether what is sent, what is received, or both is meant.
    let mut ends: BTreeMap<(NodeId, NodeId), (bool, bool)> = BTreeMap::new();
    for wire in wires {
        ends.entry((wire.from, wire.to)).or_default().0 = true;
        ends.entry((wire.to, wire.from)).or_default().1 = true;
    }
    let body = body(action)?;
    let lease = |((node, other), (out, inward)): ((NodeId, NodeId), (bool, bool))| {
        let mut body = body.clone();
        body.insert("kind".to_owned(), json!(kind(action)));
        body.insert("node".to_owned(), json!(other.0));
        // Connections have no way.
        if action != LinkAction::Reset {
            let way = match (out, inward) {
                (true, true) => "both",
                (true, false) => "out",
                _ => "in",
            };
            body.insert("way".to_owned(), json!(way));
        }
        Leased {
            on: Some(node),
            name: other.0.to_string(),
            body: Value::Object(body),
        }
    };
    Ok(ends.into_iter().map(lease).collect())
}

fn body(action: LinkAction) -> Result<Map<String, Value>, Unable> {
    let mut body = Map::new();
    match action {
        LinkAction::Drop
        | LinkAction::OnewayDrop
        | LinkAction::Reset
        | LinkAction::Swizzle { .. } => {}
        LinkAction::Delay { delay, jitter } => {
            body.insert("delay_ms".to_owned(), json!(ms(delay)));
            if let Some(jitter) = jitter.filter(|jitter| *jitter > Span::ZERO) {
                body.insert("jitter_ms".to_owned(), json!(ms(jitter)));
            }
        }
        LinkAction::Loss { percent } => {
            body.insert("percent".to_owned(), json!(whole_percent(percent)?));
        }
        LinkAction::Thin { rate } => {
            body.insert("bytes_per_second".to_owned(), json!(rate.0));
        }
    }
    Ok(body)
}

/// Nodes cut off one after another in one order, and let back in another. Where the time is too short for `every`
/// between two of them, they follow each other as fast as it needs.
pub(super) fn swizzle(
    (every, lasts): (Span, Span),
    pick: &Pick,
    topology: &Topology,
    chance: &mut Chance,
) -> Result<Means, Unable> {
    let nodes: Vec<NodeId> = pick.nodes().into_iter().collect();
    let off = shuffled(nodes.clone(), chance);
    let back = shuffled(nodes, chance);
    let count = u64::try_from(off.len()).unwrap_or(u64::MAX);
    let most = lasts.micros() / count.saturating_mul(2).max(1);
    let every = every.micros().min(most);
    let mut stages = Vec::new();
    for (place, node) in (0..).zip(&off) {
        let place_back = back.iter().position(|each| each == node).unwrap_or(0);
        let after = off.len().saturating_sub(place_back + 1);
        let after = u64::try_from(after).unwrap_or(u64::MAX);
        let alone = BTreeSet::from([*node]);
        stages.push(Stage {
            from: Span::from_micros(every.saturating_mul(place)),
            until: lasts.less(Span::from_micros(every.saturating_mul(after))),
            faults: leases(LinkAction::Drop, &around(&[alone], topology))?,
        });
    }
    Ok(staged(stages))
}

fn shuffled(mut left: Vec<NodeId>, chance: &mut Chance) -> Vec<NodeId> {
    let mut order = Vec::new();
    while !left.is_empty() {
        order.push(left.remove(chance.below(left.len())));
    }
    order
}

//! Where leaders stand: one moved to another node, or all kept out of a zone for a while.
//!
//! ```text
//!   GET  /_ana/leaders         {"node": 1, "away_from_zones": [{"zone": "b", "lease_ms": 41000}]}
//!   POST /_ana/leaders/move    {"group": 3, "to": 2, "lease_ms": 600000}       one group
//!   POST /_ana/leaders/move    {"away_from_zone": "b", "lease_ms": 60000}      all of a zone; 0 lets them in again
//! ```
//! Any node may be asked: it tells the others. Must stay true: what is told to a node is a lease that it ends by
//! itself; a leader that nobody can take over stays where it is.

use std::time::Duration;

use ana_router::Router;
use ana_types::{GroupId, NodeId, Zone};
use serde::Deserialize;
use serde_json::{Value, json};

/// The beginning of the paths here.
pub const PATH: &str = "/_ana/leaders";
/// Where leaders are moved.
pub const MOVE_PATH: &str = "/_ana/leaders/move";
/// How long a leader stays where it was moved when nothing is said, milliseconds.
const STAY_MS: u64 = 10 * 60 * 1000;
/// Longest lease, milliseconds: 12 hours, as for faults.
pub const LEASE_MS_MAX: u64 = crate::faults::LEASE_MS_MAX;

/// Status and JSON body.
type Answer = (u16, Value);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Move {
    Group(MoveGroup),
    Zone(MoveZone),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveGroup {
    group: u64,
    to: u64,
    lease_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveZone {
    away_from_zone: String,
    lease_ms: u64,
}

/// Answers one request to a path below [`PATH`].
pub(super) async fn answer(router: &Router, method: &str, path: &str, body: &[u8]) -> Answer {
    match (method, path) {
        ("GET", PATH) => (200, shifted(router)),
        ("POST", MOVE_PATH) => match read(body) {
            Ok(Move::Group(wanted)) => group(router, &wanted).await,
            Ok(Move::Zone(wanted)) => zone(router, &wanted).await,
            Err(why) => (400, json!({ "message": why })),
        },
        _ => {
            let message = format!("{method} {path} is not known");
            (404, json!({ "message": message }))
        }
    }
}

fn read(body: &[u8]) -> Result<Move, String> {
    let wanted: Move = serde_json::from_slice(body).map_err(|_no_variant| {
        "give {\"group\": n, \"to\": node} or {\"away_from_zone\": zone, \"lease_ms\": n}"
            .to_owned()
    })?;
    let lease_ms = match &wanted {
        Move::Group(wanted) => wanted.lease_ms.unwrap_or_default(),
        Move::Zone(wanted) => wanted.lease_ms,
    };
    if lease_ms > LEASE_MS_MAX {
        return Err(format!("lease_ms: at most {LEASE_MS_MAX}"));
    }
    Ok(wanted)
}

fn shifted(router: &Router) -> Value {
    let zones = router.shifted_zones();
    let zones = zones.iter().map(|(zone, left)| {
        let lease_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        json!({ "zone": zone.as_str(), "lease_ms": lease_ms })
    });
    json!({ "node": router.node().0, "away_from_zones": zones.collect::<Vec<_>>() })
}

async fn group(router: &Router, wanted: &MoveGroup) -> Answer {
    let (group, to) = (GroupId(wanted.group), NodeId(wanted.to));
    let lease = Duration::from_millis(wanted.lease_ms.unwrap_or(STAY_MS));
    match router.move_leader(group, to, lease).await {
        Ok(from) => (200, json!({ "group": group.0, "from": from.0, "to": to.0 })),
        Err(why) => (409, json!({ "message": why })),
    }
}

async fn zone(router: &Router, wanted: &MoveZone) -> Answer {
    let known = router.zones();
    let zone = Zone::new(&wanted.away_from_zone).ok();
    let Some(zone) = zone.filter(|zone| known.contains(zone)) else {
        let message = format!("there is no zone {}", wanted.away_from_zone);
        return (404, json!({ "message": message }));
    };
    let lease = Duration::from_millis(wanted.lease_ms);
    let told = router.keep_leaders_out(&zone, lease).await;
    let nodes = told.iter().map(|(node, still)| match still {
        Some(still) => json!({ "node": node.0, "told": true, "still_leads": still }),
        None => json!({ "node": node.0, "told": false }),
    });
    let nodes: Vec<Value> = nodes.collect();
    let answer = json!({ "zone": zone.as_str(), "lease_ms": wanted.lease_ms, "nodes": nodes });
    (200, answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_or_a_zone_is_moved_and_nothing_in_between() {
        let group = |lease_ms| {
            Move::Group(MoveGroup {
                group: 3,
                to: 2,
                lease_ms,
            })
        };
        let zone = Move::Zone(MoveZone {
            away_from_zone: "b".to_owned(),
            lease_ms: 60_000,
        });
        let cases = [
            (r#"{"group":3,"to":2}"#, Some(group(None))),
            (r#"{"group":3,"to":2,"lease_ms":5}"#, Some(group(Some(5)))),
            (r#"{"away_from_zone":"b","lease_ms":60000}"#, Some(zone)),
            (r#"{"away_from_zone":"b"}"#, None),
            (r#"{"away_from_zone":"b","lease_ms":60000,"to":2}"#, None),
            (r#"{"group":3}"#, None),
            (r#"{"group":3,"to":2,"lease_ms":43200001}"#, None),
            (r#"{"group":-3,"to":2}"#, None),
            ("", None),
        ];
        for (body, expected) in cases {
            assert_eq!(read(body.as_bytes()).ok(), expected, "{body}");
        }
    }
}

//! Printing a target: the same words that `parse` reads.

use super::words::{RESERVED, SHARD, is_plain};
use super::{Count, End, Link, NodeSet, Nodes, Requests, StreamSet, Streams, Target, Zones};
use std::fmt::{self, Display, Formatter};

/// Zone names that an end of a link would take for its own words.
const WORDS_OF_ENDS: [&str; 5] = ["zone", "node", "leader", "meta", "others"];

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = match self {
            Target::Zones(zones) => zones.to_string(),
            Target::Nodes(nodes) => nodes.to_string(),
            Target::Link(link) => link.to_string(),
            Target::Requests(requests) => requests.to_string(),
        };
        f.pad(&text)
    }
}

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Count::One => f.write_str("one of"),
            Count::All => f.write_str("all"),
            Count::Exactly(number) => write!(f, "{number} of"),
            Count::UpTo(number) => write!(f, "up to {number} of"),
            Count::Share(share) => write!(f, "{share} of"),
        }
    }
}

impl Display for Zones {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Zones::Named(zone) => write!(f, "zone {zone}"),
            Zones::Some(count) => write!(f, "{count} zones"),
        }
    }
}

impl Display for Nodes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Nodes::Named(node) => write!(f, "node {node}"),
            Nodes::Leader(shard) => write!(f, "leader of {shard}"),
            Nodes::Follower(shard) => write!(f, "follower of {shard}"),
            Nodes::MetaLeader => f.write_str("meta leader"),
            Nodes::Some(count, NodeSet::All) => write!(f, "{count} nodes"),
            Nodes::Some(count, NodeSet::InZone(zone)) => write!(f, "{count} nodes in zone {zone}"),
            Nodes::Some(count, NodeSet::FollowersOf(shard)) => {
                write!(f, "{count} followers of {shard}")
            }
        }
    }
}

impl Display for Link {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let arrow = if self.both_ways { "<->" } else { "->" };
        write!(f, "link {} {arrow} {}", self.from, self.to)
    }
}

impl Display for End {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            End::Zone(zone) if WORDS_OF_ENDS.contains(&zone.as_str()) => write!(f, "zone {zone}"),
            End::Zone(zone) => write!(f, "{zone}"),
            End::Node(node) => write!(f, "node {node}"),
            End::Leader(shard) => write!(f, "leader of {shard}"),
            End::MetaLeader => f.write_str("meta leader"),
            End::Others => f.write_str("others"),
        }
    }
}

impl Display for Requests {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.streams {
            Streams::Named(name) => write!(f, "stream {name}")?,
            Streams::Some(count, StreamSet::All) => write!(f, "{count} streams")?,
            Streams::Some(count, StreamSet::Named(names)) => {
                write!(
                    f,
                    "{count} streams {}",
                    listed(names.iter().map(|name| listed_name(name.as_str())))
                )?;
            }
            Streams::Some(count, StreamSet::Tagged(tags)) => {
                let tags = tags
                    .iter()
                    .map(|(key, value)| format!("{} = {}", word(key), word(value)));
                write!(f, "{count} streams tagged {}", listed(tags))?;
            }
        }
        if let Some(shard) = self.shard {
            write!(f, " {shard}")?;
        }
        if !self.operations.is_empty() {
            write!(f, " op {}", listed(&self.operations))?;
        }
        if !self.principals.is_empty() {
            write!(
                f,
                " principal {}",
                listed(self.principals.iter().map(|each| word(each)))
            )?;
        }
        Ok(())
    }
}

/// The name of a stream in a list, where words of the grammar could be meant, too.
fn listed_name(name: &str) -> String {
    if RESERVED.contains(&name) || name.starts_with(SHARD) {
        return format!("\"{name}\"");
    }
    name.to_owned()
}

/// A word as `words` reads it.
fn word(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// The items with commas between them.
pub(super) fn listed<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|each| each.to_string()).collect();
    items.join(", ")
}

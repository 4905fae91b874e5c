//! A drill for another stream: its load and every target that names the old one.

use ana_drill::Drill;
use ana_drill::targets::{End, NodeSet, Nodes, StreamSet, Streams, Target};
use ana_drill::topology::ShardName;
use ana_types::StreamName;

/// Lets a drill work on `to` instead of the stream of its load.
pub fn to_stream(drill: &mut Drill, to: &StreamName) {
    let Some(load) = &mut drill.load else { return };
    let from = std::mem::replace(&mut load.stream, to.clone());
    for step in &mut drill.steps {
        target(&mut step.on, &from, to);
    }
}

fn target(on: &mut Target, from: &StreamName, to: &StreamName) {
    let shard = |name: &mut ShardName| {
        if name.stream == *from {
            name.stream = to.clone();
        }
    };
    match on {
        Target::Zones(_) => {}
        Target::Nodes(nodes) => match nodes {
            Nodes::Leader(name) | Nodes::Follower(name) => shard(name),
            Nodes::Some(_, NodeSet::FollowersOf(name)) => shard(name),
            Nodes::Named(_) | Nodes::MetaLeader | Nodes::Some(..) => {}
        },
        Target::Link(link) => {
            for end in [&mut link.from, &mut link.to] {
                if let End::Leader(name) = end {
                    shard(name);
                }
            }
        }
        Target::Requests(requests) => match &mut requests.streams {
            Streams::Named(name) if name == from => *name = to.clone(),
            Streams::Some(_, StreamSet::Named(names)) => {
                if names.remove(from) {
                    names.insert(to.clone());
                }
            }
            Streams::Named(_) | Streams::Some(..) => {}
        },
    }
}

#[cfg(test)]
mod tests {
    use ana_drill::library;

    use super::*;

    #[test]
    fn no_built_in_drill_names_the_old_stream_afterwards() {
        let to = StreamName::new("other").expect("a name");
        for entry in library::ALL {
            let mut drill = entry.drill().expect("a drill");
            let from = drill.load.as_ref().map(|load| load.stream.clone());
            let from = from.expect("built-in drills have a load");
            to_stream(&mut drill, &to);
            for step in &drill.steps {
                let on = step.on.to_string();
                let word = |word: &str| {
                    word.trim_end_matches(',') == from.as_str()
                        || word.starts_with(&format!("{from}/"))
                };
                assert!(!on.split_whitespace().any(word), "{}: {on}", entry.name);
            }
        }
    }
}

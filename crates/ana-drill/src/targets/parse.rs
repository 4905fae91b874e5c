//! Reading a target: one function per form, the first word says which.

use super::words::{RESERVED, SHARD, Words};
use super::{
    Count, End, Link, NodeSet, Nodes, Requests, StreamSet, Streams, Target, TargetError, Zones,
};
use crate::operation::{NoSuchOperation, Operation};
use crate::quantity::Percent;
use crate::topology::ShardName;
use ana_types::{NodeId, ShardIndex, StreamName, Zone};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

const FIRST: &[&str] = &[
    "zone", "node", "leader", "follower", "meta", "link", "stream", "one", "all", "up",
];
const SETS: &[&str] = &["zones", "nodes", "followers", "streams"];
const REQUEST_PARTS: &[&str] = &["op", "principal"];

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let mut words = Words::of(text)?;
        let target = target(&mut words)?;
        let known = match target {
            Target::Requests(_) => REQUEST_PARTS,
            _ => &[],
        };
        words.end(known)?;
        Ok(target)
    }
}

fn target(words: &mut Words) -> Result<Target, TargetError> {
    const EXPECTED: &str = "a target (zone, node, leader of, follower of, meta leader, link, \
                            stream, one of, all, 2 of, 30% of)";
    let first = words.next(EXPECTED)?;
    Ok(match first.as_str() {
        "zone" => Target::Zones(Zones::Named(zone(words)?)),
        "node" => Target::Nodes(Nodes::Named(node(words)?)),
        "leader" => Target::Nodes(Nodes::Leader(shard_of(words)?)),
        "follower" => Target::Nodes(Nodes::Follower(shard_of(words)?)),
        "meta" => {
            words.expect("leader")?;
            Target::Nodes(Nodes::MetaLeader)
        }
        "link" => Target::Link(link(words)?),
        "stream" => {
            let name = StreamName::new(&words.next("the name of a stream")?)?;
            Target::Requests(requests(words, Streams::Named(name))?)
        }
        "one" => {
            words.expect("of")?;
            some(words, Count::One)?
        }
        "all" => {
            words.take("of");
            some(words, Count::All)?
        }
        "up" => {
            words.expect("to")?;
            let number = words.next("a number")?;
            let Count::Exactly(most) = count(&number)? else {
                return Err(TargetError::Count(number));
            };
            words.expect("of")?;
            some(words, Count::UpTo(most))?
        }
        number if number.starts_with(|c: char| c.is_ascii_digit()) => {
            let count = count(number)?;
            words.expect("of")?;
            some(words, count)?
        }
        _ => return Err(TargetError::unexpected(&first, EXPECTED, FIRST)),
    })
}

fn count(text: &str) -> Result<Count, TargetError> {
    let wrong = || TargetError::Count(text.to_owned());
    if text.ends_with('%') {
        let share: Percent = text.parse().or(Err(wrong()))?;
        return if share.thousandths() > 0 {
            Ok(Count::Share(share))
        } else {
            Err(wrong())
        };
    }
    match text.parse() {
        Ok(number) if number > 0 => Ok(Count::Exactly(number)),
        _ => Err(wrong()),
    }
}

fn some(words: &mut Words, count: Count) -> Result<Target, TargetError> {
    const EXPECTED: &str = "zones, nodes, followers of or streams";
    let set = words.next(EXPECTED)?;
    Ok(match set.as_str() {
        "zones" => Target::Zones(Zones::Some(count)),
        "nodes" if words.take("in") => {
            words.expect("zone")?;
            Target::Nodes(Nodes::Some(count, NodeSet::InZone(zone(words)?)))
        }
        "nodes" => Target::Nodes(Nodes::Some(count, NodeSet::All)),
        "followers" => Target::Nodes(Nodes::Some(count, NodeSet::FollowersOf(shard_of(words)?))),
        "streams" => {
            let set = stream_set(words)?;
            Target::Requests(requests(words, Streams::Some(count, set))?)
        }
        _ => return Err(TargetError::unexpected(&set, EXPECTED, SETS)),
    })
}

fn zone(words: &mut Words) -> Result<Zone, TargetError> {
    Ok(Zone::new(&words.next("the name of a zone")?)?)
}

fn node(words: &mut Words) -> Result<NodeId, TargetError> {
    const EXPECTED: &str = "the number of a node";
    let text = words.next(EXPECTED)?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number
        .map(NodeId)
        .ok_or_else(|| TargetError::unexpected(&text, EXPECTED, &[]))
}

fn shard_of(words: &mut Words) -> Result<ShardName, TargetError> {
    words.expect("of")?;
    Ok(words
        .next("a shard such as orders/shardId-000000000000")?
        .parse()?)
}

fn link(words: &mut Words) -> Result<Link, TargetError> {
    const ARROW: &str = "-> (one way) or <-> (both ways)";
    let from = end(words)?;
    let arrow = words.next(ARROW)?;
    let both_ways = match arrow.as_str() {
        "->" => false,
        "<->" => true,
        _ => return Err(TargetError::unexpected(&arrow, ARROW, &[])),
    };
    let to = end(words)?;
    if from == to {
        return Err(TargetError::SameEnds);
    }
    Ok(Link {
        from,
        to,
        both_ways,
    })
}

/// An end of a link. A zone whose name is one of the words of this grammar is written with `zone` before it.
fn end(words: &mut Words) -> Result<End, TargetError> {
    let word =
        words.next("a zone, `node N`, `leader of STREAM/SHARD`, `meta leader` or `others`")?;
    Ok(match word.as_str() {
        "zone" => End::Zone(zone(words)?),
        "node" => End::Node(node(words)?),
        "leader" => End::Leader(shard_of(words)?),
        "meta" => {
            words.expect("leader")?;
            End::MetaLeader
        }
        "others" => End::Others,
        name => End::Zone(Zone::new(name)?),
    })
}

fn stream_set(words: &mut Words) -> Result<StreamSet, TargetError> {
    if words.take("tagged") {
        return tags(words);
    }
    // What could begin the next part is a stream only between quotation marks.
    let first = words.take_as(|word, plain| {
        let next_part = RESERVED.contains(&word) || word.starts_with(SHARD);
        (!(plain && next_part)).then(|| word.to_owned())
    });
    match first.as_deref() {
        None => Ok(StreamSet::All),
        Some(first) => {
            let mut names = BTreeSet::from([StreamName::new(first)?]);
            while words.comma() {
                names.insert(StreamName::new(&words.next("the name of a stream")?)?);
            }
            Ok(StreamSet::Named(names))
        }
    }
}

fn tags(words: &mut Words) -> Result<StreamSet, TargetError> {
    let mut tags = BTreeMap::new();
    loop {
        let key = words.next("the key of a tag")?;
        words.equals()?;
        tags.insert(key, words.next("the value of a tag")?);
        if !words.comma() {
            return Ok(StreamSet::Tagged(tags));
        }
    }
}

fn requests(words: &mut Words, streams: Streams) -> Result<Requests, TargetError> {
    let shard = words.take_as(|word, _| {
        let is_shard = word.starts_with(SHARD);
        is_shard.then(|| ShardIndex::parse_lenient(word)).flatten()
    });
    let mut operations = BTreeSet::new();
    if words.take("op") {
        operations.insert(operation(words)?);
        while words.comma() {
            operations.insert(operation(words)?);
        }
    }
    let mut principals = BTreeSet::new();
    if words.take("principal") {
        const CALLER: &str = "the ARN or access key of a caller";
        principals.insert(words.next(CALLER)?);
        while words.comma() {
            principals.insert(words.next(CALLER)?);
        }
    }
    Ok(Requests {
        streams,
        shard,
        operations,
        principals,
    })
}

fn operation(words: &mut Words) -> Result<Operation, TargetError> {
    const EXPECTED: &str = "an operation such as GetRecords";
    let word = words.next(EXPECTED)?;
    word.parse().map_err(|NoSuchOperation(word)| {
        let known: Vec<&str> = Operation::ALL.iter().map(|each| each.name()).collect();
        TargetError::unexpected(&word, EXPECTED, &known)
    })
}

//! A10: one leader at a time. A leader that carries something out after a later one did so has not noticed that it was
//! deposed; two replicas that have both committed an entry, and not the same one, had two leaders. Where terms have one
//! leader each (`Rules::one_leader_per_term`), no term has two.
//!
//! What a deposed leader does to clients shows as A4 (two records, one number), A8 (stale reads) or A1.
//!
//! Source: Raft, "election safety" and "leader leases".

use std::collections::BTreeMap;

use crate::history::{Leadership, Node, ReplicaDigest, Served};
use crate::index::Index;
use crate::verdict::{Finding, Judgement, Moment};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    if index.history.rules.one_leader_per_term {
        terms(index, judgement, work);
    }
    servings(index, judgement, work);
    commits(index, judgement, work);
}

fn finding(what: String) -> Finding {
    Finding {
        what,
        records: Vec::new(),
    }
}

fn terms(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let mut first: BTreeMap<(u64, u64), Node> = BTreeMap::new();
    for seen in &index.history.leaders {
        work.step(1);
        judgement.looked(1);
        let leader = *first.entry((seen.group, seen.term)).or_insert(seen.leader);
        if leader != seen.leader {
            judgement.found(|| {
                finding(format!(
                    "group {} term {} was led by {} and by {}",
                    seen.group,
                    seen.term,
                    index.history.node_name(leader),
                    index.history.node_name(seen.leader)
                ))
            });
        }
    }
}

/// Leaderships in the order in which they first carried something out: a later one of the same term came later.
fn ranks(servings: &[&Served]) -> BTreeMap<Leadership, usize> {
    let mut ranks = BTreeMap::new();
    for served in servings {
        let rank = ranks.len();
        ranks.entry(served.by).or_insert(rank);
    }
    ranks
}

fn servings(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let mut asked: Vec<&Served> = index.history.served.iter().collect();
    let mut answered = asked.clone();
    work.sort(&mut asked, |a, b| {
        (a.by.group, a.asked_us).cmp(&(b.by.group, b.asked_us))
    });
    work.sort(&mut answered, |a, b| {
        (a.by.group, a.answered_us).cmp(&(b.by.group, b.answered_us))
    });
    let ranks = ranks(&answered);
    let order = |served: &Served| (served.by.term, ranks.get(&served.by).copied());
    let mut answered = answered.into_iter().peekable();
    let mut latest: Option<&Served> = None;
    for served in asked {
        work.step(1);
        let group = served.by.group;
        latest = latest.filter(|latest| latest.by.group == group);
        let is_before = |each: &&Served| {
            each.by.group < group || (each.by.group == group && each.answered_us < served.asked_us)
        };
        while let Some(each) = answered.next_if(is_before) {
            let is_later = latest.is_none_or(|latest| order(latest) < order(each));
            if each.by.group == group && is_later {
                latest = Some(each);
            }
        }
        let Some(latest) = latest else { continue };
        judgement.looked(1);
        if order(served) < order(latest) {
            judgement.found(|| {
                let told = |it: &Served| {
                    format!(
                        "{} (term {})",
                        index.history.node_name(it.by.leader),
                        it.by.term
                    )
                };
                finding(format!(
                    "group {group}: {} served at {}, after {} had at {}",
                    told(served),
                    Moment(served.asked_us),
                    told(latest),
                    Moment(latest.answered_us)
                ))
            });
        }
    }
}

/// What each replica said first of a range it had committed.
fn commits(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let mut first: BTreeMap<(u64, u64, u64), BTreeMap<Node, &ReplicaDigest>> = BTreeMap::new();
    let mut prefixes: Vec<&ReplicaDigest> = index
        .history
        .prefixes
        .iter()
        .filter(|it| it.is_whole())
        .collect();
    work.sort(&mut prefixes, |a, b| a.at.us.cmp(&b.at.us));
    for prefix in prefixes {
        work.step(1);
        let of_range = first
            .entry((prefix.group, prefix.from, prefix.upto))
            .or_default();
        of_range.entry(prefix.node).or_insert(prefix);
    }
    for of_range in first.into_values() {
        let mut replicas = of_range.into_values();
        let Some(one) = replicas.next() else { continue };
        for other in replicas {
            judgement.looked(1);
            if one.digest != other.digest {
                judgement.found(|| {
                    let told = |it: &ReplicaDigest| {
                        let node = index.history.node_name(it.node);
                        format!("{node} had {} at {}", it.digest, Moment(it.at.us))
                    };
                    finding(format!(
                        "group {} entries {}..={} were committed twice: {}, {}",
                        one.group,
                        one.from,
                        one.upto,
                        told(one),
                        told(other)
                    ))
                });
            }
        }
    }
}

//! The faults of many nodes as lines: one for each fault, with the nodes that have it.

use std::collections::BTreeMap;

use crate::faults::FaultEntry;
use crate::output::Table;

/// One fault, on one node or on many.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    id: String,
    kind: String,
    words: String,
    nodes: Vec<u64>,
    left_ms: u64,
}

/// Nodes that hold the same fault share a line; it has the time of the one that ends last.
fn lines(faults: &[FaultEntry]) -> Vec<Line> {
    let mut lines: BTreeMap<(String, String, String), Line> = BTreeMap::new();
    for entry in faults {
        let (id, kind) = (entry.fault.id.clone(), entry.fault.kind.clone());
        let words = entry.fault.in_words();
        let key = (id.clone(), kind.clone(), words.clone());
        let line = lines.entry(key).or_insert_with(|| Line {
            id,
            kind,
            words,
            nodes: Vec::new(),
            left_ms: 0,
        });
        line.nodes.push(entry.on_node);
        line.left_ms = line.left_ms.max(entry.fault.lease_ms);
    }
    let mut lines: Vec<Line> = lines.into_values().collect();
    for line in &mut lines {
        line.nodes.sort_unstable();
    }
    lines
}

fn nodes(ids: &[u64]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.join(",")
}

/// Seconds, rounded up: a fault with something left never shows 0.
fn left(ms: u64) -> String {
    format!("{} s", ms.div_ceil(1000))
}

/// The faults as a table.
pub(in crate::commands) fn table(faults: &[FaultEntry]) -> Table {
    let mut table = Table::new(&["ID", "KIND", "WHAT", "NODES", ">LEFT"]);
    for line in lines(faults) {
        table.row(vec![
            line.id,
            line.kind,
            line.words,
            nodes(&line.nodes),
            left(line.left_ms),
        ]);
    }
    table
}

/// The warning of a status; empty when no fault is on.
pub(in crate::commands) fn warning(faults: &[FaultEntry]) -> String {
    if faults.is_empty() {
        return String::new();
    }
    let mut text =
        "\nFAULTS ARE ON: what goes wrong may be meant to. `ana fault stop --all` ends them now.\n"
            .to_owned();
    for line in lines(faults) {
        let words = if line.words.is_empty() {
            String::new()
        } else {
            format!(" ({})", line.words)
        };
        text.push_str(&format!(
            "  {} {}{words} on node {}, {} left\n",
            line.id,
            line.kind,
            nodes(&line.nodes),
            left(line.left_ms)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::FaultDocument;

    fn entry(on_node: u64, id: &str, lease_ms: u64, stream: Option<&str>) -> FaultEntry {
        FaultEntry {
            on_node,
            fault: FaultDocument {
                id: id.to_owned(),
                kind: "api.throttle".to_owned(),
                lease_ms,
                stream: stream.map(str::to_owned),
                percent: Some(50),
                ..FaultDocument::default()
            },
        }
    }

    #[test]
    fn nodes_with_the_same_fault_share_a_line() {
        let faults = [
            entry(3, "storm", 9100, Some("orders")),
            entry(1, "storm", 9300, Some("orders")),
            entry(2, "storm", 100, None),
        ];
        assert_eq!(
            table(&faults).render(),
            "ID     KIND          WHAT                 NODES  LEFT\n\
             storm  api.throttle  50 %                 2       1 s\n\
             storm  api.throttle  stream orders, 50 %  1,3    10 s\n"
        );
        let warning = warning(&faults);
        let line = "  storm api.throttle (stream orders, 50 %) on node 1,3, 10 s left\n";
        assert!(warning.ends_with(line), "{warning}");
        assert_eq!(warning.lines().count(), 4, "one for each, one before them");
    }

    #[test]
    fn without_faults_there_is_no_warning() {
        assert_eq!(warning(&[]), "");
    }
}

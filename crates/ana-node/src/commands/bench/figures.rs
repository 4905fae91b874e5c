//! How figures are told: members of the JSON documents and cells of the tables.
//!
//! Must stay true: the names of members are an interface; a figure that is not known is null, and `-` in a table.

use serde_json::{Map, Value, json};

use super::cpu::Used;
use crate::histogram::Histogram;

/// The quantiles that are told, with the end of their name and in thousandths.
pub(super) const QUANTILES: [(&str, u64); 4] =
    [("p50", 500), ("p90", 900), ("p99", 990), ("p999", 999)];

/// A number with three decimals, from its thousandths.
pub(super) fn thousandths(number: u64) -> f64 {
    // Exact up to 2^53, which no figure here reaches; a cast saturates in any case.
    number as f64 / 1000.0
}

/// Megabytes of 10^6 bytes.
pub(super) fn mb(bytes: u64) -> f64 {
    thousandths(bytes / 1000)
}

/// The same for a table: one decimal.
pub(super) fn mb_text(bytes: u64) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10)
}

/// `count` of `elapsed_ms` milliseconds, as a number per second.
pub(super) fn per_s(count: u64, elapsed_ms: u64) -> u64 {
    let per_s = u128::from(count) * 1000 / u128::from(elapsed_ms.max(1));
    u64::try_from(per_s).unwrap_or(u64::MAX)
}

/// One number as a part of another, with three decimals; none of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    let whole = (whole > 0).then_some(u128::from(whole))?;
    let parts = u128::from(part) * 1000 / whole;
    Some(thousandths(u64::try_from(parts).unwrap_or(u64::MAX)))
}

/// `latency_us_p50` and so on.
pub(super) fn latency(latency: &Histogram) -> Value {
    let mut members: Map<String, Value> = QUANTILES
        .iter()
        .map(|(name, permille)| {
            let name = format!("latency_us_{name}");
            (name, latency.quantile_us(*permille).into())
        })
        .collect();
    members.insert("latency_us_max".to_owned(), latency.max_us().into());
    Value::Object(members)
}

/// Adds the members of one object to another.
pub(super) fn extend(object: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}

/// What was used in a measured time, and for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) used: Used,
    pub(super) elapsed_ms: u64,
    /// Data that was acknowledged in the same time.
    pub(super) acknowledged_bytes: u64,
    pub(super) replicas: Option<u64>,
}

impl Usage {
    /// CPU time in percent of one CPU: nodes, front door, this program.
    fn cpu_percent(&self) -> [Option<f64>; 3] {
        let used = self.used;
        let all = [used.nodes_cpu_ms, used.door_cpu_ms, used.own_cpu_ms];
        all.map(|cpu_ms| {
            // A tick is 10 ms: of 10 s it is a tenth of a percent, and no more decimals are told.
            let tenths = per_s(cpu_ms?, self.elapsed_ms);
            Some(thousandths(tenths * 100))
        })
    }

    /// Bytes that each replica wrote for one byte of data.
    fn written_per_byte(&self) -> Option<f64> {
        let copies = self.acknowledged_bytes.checked_mul(self.replicas?)?;
        ratio(self.used.written_bytes?, copies)
    }

    /// `cpu_percent_*`, for commands that do not write.
    pub(super) fn cpu_json(&self) -> Value {
        let [nodes, door, own] = self.cpu_percent();
        json!({
            "cpu_percent_nodes": nodes,
            "cpu_percent_front_door": door,
            "cpu_percent_own": own,
        })
    }

    /// The same with what was written.
    pub(super) fn json(&self) -> Value {
        let mut members = self.cpu_json();
        let written = json!({
            "written_bytes_per_acknowledged_byte_and_replica": self.written_per_byte(),
        });
        extend(&mut members, written);
        members
    }

    /// Cells for CPU time: nodes, front door, this program.
    pub(super) fn cpu_cells(&self) -> [String; 3] {
        let cell = |percent: Option<f64>| percent.map(|it| format!("{it:.0} %"));
        self.cpu_percent().map(|it| cell(it).unwrap_or_default())
    }

    /// The cell for what was written.
    pub(super) fn written_cell(&self) -> String {
        let written = self.written_per_byte();
        written.map_or_else(String::new, |it| format!("{it:.2}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn numbers_have_as_many_decimals_as_they_deserve() {
        assert_eq!(
            (mb(1_234_567), mb_text(1_264_567)),
            (1.234, "1.2".to_owned())
        );
        assert_eq!((mb(0), mb_text(99_999)), (0.0, "0.0".to_owned()));
        assert_eq!(per_s(1_000, 500), 2_000);
        assert_eq!(per_s(u64::MAX, 0), u64::MAX);
        for (part, whole, expected) in [
            (3, 2, Some(1.5)),
            (1, 3, Some(0.333)),
            (0, 7, Some(0.0)),
            (7, 0, None),
        ] {
            assert_eq!(ratio(part, whole), expected, "{part}/{whole}");
        }
    }

    #[test]
    fn latencies_have_their_names() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_micros(7));
        let expected = json!({
            "latency_us_p50": 7, "latency_us_p90": 7, "latency_us_p99": 7, "latency_us_p999": 7,
            "latency_us_max": 7,
        });
        assert_eq!(latency(&histogram), expected);
    }

    #[test]
    fn usage_is_told_and_what_is_not_known_is_null() {
        let known = Usage {
            used: Used {
                nodes_cpu_ms: Some(15_000),
                door_cpu_ms: Some(710),
                own_cpu_ms: Some(0),
                written_bytes: Some(6_600),
            },
            elapsed_ms: 10_000,
            acknowledged_bytes: 2_000,
            replicas: Some(3),
        };
        let expected = json!({
            "cpu_percent_nodes": 150.0, "cpu_percent_front_door": 7.1, "cpu_percent_own": 0.0,
            "written_bytes_per_acknowledged_byte_and_replica": 1.1,
        });
        assert_eq!(known.json(), expected);
        assert_eq!(known.cpu_cells(), ["150 %", "7 %", "0 %"]);
        assert_eq!(known.written_cell(), "1.10");
        let unknown = Usage {
            used: Used::default(),
            replicas: None,
            ..known
        };
        let expected = json!({
            "cpu_percent_nodes": null, "cpu_percent_front_door": null, "cpu_percent_own": null,
            "written_bytes_per_acknowledged_byte_and_replica": null,
        });
        assert_eq!(unknown.json(), expected);
        assert_eq!(unknown.written_cell(), "");
        let nothing_written = Usage {
            acknowledged_bytes: 0,
            ..known
        };
        assert_eq!(nothing_written.written_cell(), "");
    }
}

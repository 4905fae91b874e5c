//! Points: the places where a log may be cut.
//!
//! A snapshot must be the state *as of* the entry it replaces the log up to, because a receiver
//! applies the entries after it (section B of the engine's design). So a leader proposes a point
//! now and then; every replica keeps its state of that moment as an image; a trim cuts at a point.
//!
//! Must stay true: which points exist is a function of the log alone, the same on every replica,
//! also on one that began from a snapshot. So a snapshot carries the *list* of points; the images
//! of those are gone, which does not matter, since nothing before the snapshot is ever cut again.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::types::{LogId, StoredMembership};

/// Points kept by a data group. Beyond it every second one is dropped.
pub const POINTS_MAX: usize = 64;
/// Points kept by the metadata group, whose images are larger and whose trims are near.
pub const POINTS_MAX_META: usize = 4;

/// The state as of one entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// The entry.
    pub log_id: LogId,
    /// The members as of that entry.
    pub membership: StoredMembership,
    /// What a snapshot at that entry holds.
    pub body: Bytes,
}

/// One place where the log may be cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Every record at or before the point arrived at or before this, milliseconds since 1970.
    pub time_ms: u64,
    /// Absent when this replica began from a snapshot at or after the point.
    pub image: Option<Image>,
}

/// What others may know of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointInfo {
    /// Log index of the point's entry.
    pub index: u64,
    /// Every record at or before the point arrived at or before this, milliseconds since 1970.
    pub time_ms: u64,
}

/// The list of points as it travels in images and snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PointList {
    /// Kept points, oldest first.
    pub points: Vec<PointInfo>,
    /// The last point that was cut to.
    pub floor: Option<u64>,
}

/// The points of one replica.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Points {
    kept: BTreeMap<u64, Point>,
    floor: Option<u64>,
    limit: usize,
}

impl Points {
    /// No points; at most `limit` will be kept.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            kept: BTreeMap::new(),
            floor: None,
            limit,
        }
    }

    /// The points of a replica that begins from a snapshot.
    #[must_use]
    pub fn from_list(list: &PointList, limit: usize) -> Self {
        let kept = list
            .points
            .iter()
            .map(|point| {
                (
                    point.index,
                    Point {
                        time_ms: point.time_ms,
                        image: None,
                    },
                )
            })
            .collect();
        Self {
            kept,
            floor: list.floor,
            limit,
        }
    }

    /// The list as it travels.
    #[must_use]
    pub fn list(&self) -> PointList {
        PointList {
            points: self.infos(),
            floor: self.floor,
        }
    }

    /// All kept points, oldest first.
    #[must_use]
    pub fn infos(&self) -> Vec<PointInfo> {
        self.kept
            .iter()
            .map(|(&index, point)| PointInfo {
                index,
                time_ms: point.time_ms,
            })
            .collect()
    }

    /// The last point that was cut to.
    #[must_use]
    pub fn floor(&self) -> Option<u64> {
        self.floor
    }

    /// Keeps a point at the entry being applied, then thins. The image follows by
    /// [`Points::set_image`], because it holds this very list.
    pub fn add(&mut self, index: u64, time_ms: u64) {
        self.kept.insert(
            index,
            Point {
                time_ms,
                image: None,
            },
        );
        if self.kept.len() <= self.limit {
            return;
        }
        let last = self.kept.len() - 1;
        let mut place = 0;
        self.kept.retain(|_, _| {
            let keep = place % 2 == 0 || place == last;
            place += 1;
            keep
        });
    }

    /// Gives the point at `index` its image, if it is still kept.
    pub fn set_image(&mut self, index: u64, image: Image) {
        if let Some(point) = self.kept.get_mut(&index) {
            point.image = Some(image);
        }
    }

    /// The image of the point at `index`, if it is kept and this replica has one.
    #[must_use]
    pub fn image(&self, index: u64) -> Option<&Image> {
        self.kept.get(&index)?.image.as_ref()
    }

    /// Cuts to the point at `index`: it and all before are forgotten. Anything but a kept point
    /// changes nothing and answers `None`.
    pub fn trim(&mut self, index: u64) -> Option<u64> {
        if !self.kept.contains_key(&index) {
            return None;
        }
        self.kept.retain(|&other, _| other > index);
        self.floor = Some(index);
        Some(index)
    }

    /// The newest point at or before a log index.
    #[must_use]
    pub fn at_or_before(&self, index: u64) -> Option<u64> {
        self.kept
            .range(..=index)
            .next_back()
            .map(|(&index, _)| index)
    }

    /// The newest point all of whose records arrived at or before `time_ms`.
    #[must_use]
    pub fn not_after(&self, time_ms: u64) -> Option<u64> {
        self.kept
            .iter()
            .rev()
            .find(|(_, point)| point.time_ms <= time_ms)
            .map(|(&index, _)| index)
    }

    /// The newest point.
    #[must_use]
    pub fn newest(&self) -> Option<PointInfo> {
        self.kept
            .iter()
            .next_back()
            .map(|(&index, point)| PointInfo {
                index,
                time_ms: point.time_ms,
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn thinning_keeps_the_bound_the_oldest_and_the_newest() {
        let mut points = Points::new(4);
        for index in 1..=100 {
            points.add(index, index * 10);
            assert!(points.infos().len() <= 4);
            assert_eq!(points.newest().map(|p| p.index), Some(index));
        }
        assert_eq!(points.infos().first().map(|p| p.index), Some(1));
    }

    #[test]
    fn a_trim_to_no_point_changes_nothing() {
        let mut points = Points::new(8);
        points.add(5, 50);
        points.add(9, 90);
        let before = points.clone();
        assert_eq!(points.trim(7), None);
        assert_eq!(points, before);
        assert_eq!(points.trim(5), Some(5));
        assert_eq!(points.floor(), Some(5));
        assert_eq!(points.trim(5), None, "it is gone");
        assert_eq!(points.not_after(89), None);
        assert_eq!(points.not_after(90), Some(9));
        assert_eq!(points.at_or_before(8), None);
    }

    proptest! {
        /// A replica that begins from the list at any moment has the same list ever after.
        #[test]
        fn a_replica_from_a_snapshot_agrees(steps in prop::collection::vec(0u8..10, 1..200), cut in 0usize..200) {
            let mut whole = Points::new(6);
            let mut late: Option<Points> = None;
            for (step, &dice) in steps.iter().enumerate() {
                let index = step as u64;
                let act = |points: &mut Points| match dice {
                    0 => points.trim(points.at_or_before(index / 2).unwrap_or(0)),
                    _ => { points.add(index, index); None }
                };
                let answer = act(&mut whole);
                if let Some(late) = late.as_mut() {
                    prop_assert_eq!(act(late), answer);
                    prop_assert_eq!(late.list(), whole.list());
                }
                if step == cut {
                    late = Some(Points::from_list(&whole.list(), 6));
                }
            }
        }
    }
}

//! The table `[on_demand]`: when on-demand streams follow their load.

use std::time::Duration;

use ana_router::OnDemandConfig;
use serde::{Deserialize, Serialize};

/// Milliseconds in a duration of the defaults; all of them are whole and small.
const fn ms(duration: Duration) -> u64 {
    duration.as_secs() * 1000
}

/// When on-demand streams split and merge their shards; as AWS does it unless told otherwise.
///
/// Seconds are for tests and drills: with `split_after_ms = 2000` and `merge_after_ms = 5000` a stream
/// grows and shrinks while one looks on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OnDemandSettings {
    /// Between two looks at the loads of shards; 15,000.
    pub look_ms: u64,
    /// A shard that takes more than 500 KB or 500 records a second on average for this long is split;
    /// 60,000.
    pub split_after_ms: u64,
    /// Two neighbours that take next to nothing for this long are merged; 24 hours.
    pub merge_after_ms: u64,
    /// Writes that a stream grows to at most of its own accord, MiB/s; 200.
    pub mibps_max: u32,
}

impl Default for OnDemandSettings {
    fn default() -> OnDemandSettings {
        let aws = OnDemandConfig::AWS;
        OnDemandSettings {
            look_ms: ms(aws.look_every),
            split_after_ms: ms(aws.split_after),
            merge_after_ms: ms(aws.merge_after),
            mibps_max: aws.mibps_max,
        }
    }
}

impl OnDemandSettings {
    /// For tests and drills: a busy shard is split after so many seconds, idle ones are merged after three times as
    /// many.
    pub fn within_seconds(seconds: u32) -> OnDemandSettings {
        let split_after_ms = u64::from(seconds.max(1)) * 1000;
        OnDemandSettings {
            look_ms: split_after_ms / 4,
            split_after_ms,
            merge_after_ms: split_after_ms * 3,
            ..OnDemandSettings::default()
        }
    }

    /// As the router takes them.
    pub(crate) fn to_router(&self) -> OnDemandConfig {
        OnDemandConfig {
            look_every: Duration::from_millis(self.look_ms),
            split_after: Duration::from_millis(self.split_after_ms),
            merge_after: Duration::from_millis(self.merge_after_ms),
            mibps_max: self.mibps_max,
        }
    }

    /// The key and what is wrong with it, when the values are not possible.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.look_ms == 0 {
            return Err(("on_demand.look_ms", "at least 1"));
        }
        if self.split_after_ms < self.look_ms {
            return Err(("on_demand.split_after_ms", "at least on_demand.look_ms"));
        }
        if self.merge_after_ms < self.split_after_ms {
            let problem = "at least on_demand.split_after_ms";
            return Err(("on_demand.merge_after_ms", problem));
        }
        if self.mibps_max == 0 {
            return Err(("on_demand.mibps_max", "at least 1"));
        }
        Ok(())
    }
}

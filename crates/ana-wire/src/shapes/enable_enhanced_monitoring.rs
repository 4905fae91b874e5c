//! `EnableEnhancedMonitoring`: switches shard-level metrics on.

use crate::shapes::monitoring::{MetricsChange, MetricsToSwitch};

/// Request of `EnableEnhancedMonitoring`.
pub type EnableEnhancedMonitoringInput = MetricsToSwitch;

/// Answer of `EnableEnhancedMonitoring`.
pub type EnableEnhancedMonitoringOutput = MetricsChange;

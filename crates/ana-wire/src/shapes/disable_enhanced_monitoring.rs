//! `DisableEnhancedMonitoring`: switches shard-level metrics off.

use crate::shapes::monitoring::{MetricsChange, MetricsToSwitch};

/// Request of `DisableEnhancedMonitoring`.
pub type DisableEnhancedMonitoringInput = MetricsToSwitch;

/// Answer of `DisableEnhancedMonitoring`.
pub type DisableEnhancedMonitoringOutput = MetricsChange;

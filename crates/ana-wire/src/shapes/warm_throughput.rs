//! Warm throughput as descriptions and changes show it.

use crate::writer::Writer;

/// `WarmThroughput`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmThroughput {
    /// What was asked for, MiB/s.
    pub target_mibps: u32,
    /// What there is, MiB/s.
    pub current_mibps: u32,
}

impl WarmThroughput {
    pub(crate) fn write<W: Writer>(self, out: &mut W) {
        out.open_structure();
        out.member("TargetMiBps").integer(self.target_mibps.into());
        out.member("CurrentMiBps")
            .integer(self.current_mibps.into());
        out.close_structure();
    }
}

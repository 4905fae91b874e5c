//! ana-proto

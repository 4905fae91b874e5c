//! ana-raft

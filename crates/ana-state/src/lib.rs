//! ana-state

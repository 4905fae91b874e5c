//! ana-sim

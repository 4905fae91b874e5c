//! ana-wire

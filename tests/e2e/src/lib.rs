//! ana-e2e

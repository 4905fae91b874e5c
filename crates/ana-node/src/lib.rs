//! ana-node

//! ana-gateway

//! ana-router

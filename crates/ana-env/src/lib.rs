//! ana-env

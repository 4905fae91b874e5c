//! ana-types

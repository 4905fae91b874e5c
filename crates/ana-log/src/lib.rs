//! ana-log

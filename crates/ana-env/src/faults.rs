//! Wrappers that make any seam fail on purpose.

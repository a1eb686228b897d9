//! A snapshot as text.

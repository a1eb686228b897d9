//! What came of a matrix, or of a single run, for other programs: pure functions of
//! [`Results`](crate::matrix::Results), which print nothing and read no files.
//!
//! All of the text in them may come from a guest, from somebody's scenario or from a record that somebody
//! sent: each format escapes it by its own rules, after [`shown`](crate::shown) has made it safe and short.

pub mod github;
pub mod json;
#[cfg(feature = "junit")]
pub mod junit;
pub mod markdown;
pub mod tap;
pub(crate) mod words;

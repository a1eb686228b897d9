//! Reports for other programs: each is read here by a reader of its own format, whatever a guest has printed.

#[path = "reports/fabricated.rs"]
mod fabricated;
#[path = "reports/github.rs"]
mod github;
#[path = "reports/junit.rs"]
mod junit;
#[path = "reports/program.rs"]
mod program;
#[path = "reports/schema.rs"]
mod schema;
mod support;
#[path = "reports/tap.rs"]
mod tap;

//! The harness's program; all of it is in the library.

fn main() -> std::process::ExitCode {
    harness::cli::main()
}

//! The harness's program; all of its code is in the library.

fn main() -> std::process::ExitCode {
    match harness::cli::arguments(std::env::args_os().collect()) {
        Ok(arguments) => harness::cli::main(arguments),
        Err(error) => harness::cli::complain(&error),
    }
}

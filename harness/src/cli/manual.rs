//! `harness completions` and `harness man`: what a shell and `man` know of the command line, made from its
//! description.

use super::{description, output};
use crate::error::Error;
use crate::suggest;
use clap::Args;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

/// Options of `harness completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Options of `harness man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The command that the page is about [default: the program]
    #[arg(value_name = "COMMAND")]
    about: Option<String>,
}

/// Prints the script that a shell completes command lines with.
pub(super) fn completions(args: &CompletionsArgs) -> Result<u8, Error> {
    let mut script = Vec::new();
    generate(args.shell, &mut description(), "harness", &mut script);
    output::text(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// Prints a page of the manual, in roff.
pub(super) fn man(args: &ManArgs) -> Result<u8, Error> {
    let mut program = description();
    program.build();
    let command = match &args.about {
        None => program,
        Some(name) => match program.find_subcommand(name) {
            // Since it was built, it knows that it belongs to the program: its page is `harness-run(1)`.
            Some(command) => command.clone(),
            None => return Err(unknown(&program, name)),
        },
    };
    let mut page = Vec::new();
    let man = Man::new(command).source(concat!("harness ", env!("CARGO_PKG_VERSION")));
    let rendered = man.render(&mut page);
    rendered.expect("memory takes all that is written");
    output::text(&String::from_utf8_lossy(&page))?;
    Ok(0)
}

fn unknown(program: &clap::Command, name: &str) -> Error {
    let names: Vec<_> = program
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    let instead = suggest::instead(name, &names);
    Error::Usage(format!("there is no command `{name}`; {instead}"))
}

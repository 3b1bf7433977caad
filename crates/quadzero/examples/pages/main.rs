//! Writes what a package has beside the program: `cargo run -p quadzero --example pages -- FOLDER`.
//!
//! ```text
//!   the command line's definition ──► FOLDER/man/quadzero.1, quadzero-run.1, ..
//!                                 └─► FOLDER/completions/{quadzero, _quadzero, quadzero.fish}
//!   config/README.md ───────────────► FOLDER/man/quadzero.toml.5
//! ```

mod command;
mod reference;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate_to};
use quadzero::cli::Cli;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

/// When what the pages say was last looked through.
const DATE: &str = "2026-11-25";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("where to?")?);
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    let mut cli = Cli::command().disable_help_subcommand(true);
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut cli, "quadzero", &completions)?;
    }
    cli.build();
    command::write(&cli, &man)?;
    fs::write(man.join("quadzero.toml.5"), reference::page())?;
    Ok(())
}

//! `quadzero completions` and `quadzero schema`: what shells and editors are told, so that they can tell whoever writes.

use crate::cli::{Cli, Failure};
use crate::config::schema::{Which, schema};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use std::io::{self, Write as _};

/// Print what completes the commands of quadzero in a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero completions bash >/usr/share/bash-completion/completions/quadzero
  quadzero completions zsh >/usr/local/share/zsh/site-functions/_quadzero
  quadzero completions fish >~/.config/fish/completions/quadzero.fish")]
pub struct Completions {
    /// Which one
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Print the JSON Schema of a file, for editors.
///
/// With it an editor knows every key, its type, meaning and default. Those that use Taplo, such as Even Better TOML, take it from the
/// file's first line: #:schema /usr/share/quadzero/schema/edge.schema.json
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero schema edge >edge.schema.json")]
pub struct Schema {
    /// Of which kind of file
    #[arg(value_enum)]
    pub which: Which,
}

/// `quadzero completions`.
///
/// # Errors
/// Standard output broke.
pub fn completions(options: &Completions) -> Result<(), Failure> {
    // What cannot be written would be a panic there.
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "quadzero", &mut script);
    io::stdout().write_all(&script)?;
    Ok(())
}

/// `quadzero schema`.
///
/// # Errors
/// Standard output broke.
pub fn print_schema(options: &Schema) -> Result<(), Failure> {
    writeln!(io::stdout(), "{:#}", schema(options.which))?;
    Ok(())
}

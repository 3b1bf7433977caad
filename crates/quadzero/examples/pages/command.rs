//! The pages of section 1, one for each command: those that clap_mangen makes, but for their examples, whose lines have to stay
//! as they are.

use crate::DATE;
use clap::Command;
use clap_mangen::Man;
use roff::{Roff, bold, roman};
use std::fs;
use std::io;
use std::path::Path;

/// The page of a command, and those of its own commands.
pub(crate) fn write(command: &Command, folder: &Path) -> io::Result<()> {
    command.get_subcommands().filter(|sub| !sub.is_hide_set()).try_for_each(|sub| write(sub, folder))?;
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    fs::write(folder.join(format!("{name}.1")), page(command)?)
}

fn page(command: &Command) -> io::Result<String> {
    let mut page = Vec::new();
    // The program's own commands have its version.
    let source = concat!("quadzero ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).date(DATE).source(source).manual("quadzero");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    // Of a blank line between two breaks, mandoc says that they do nothing.
    let page = String::from_utf8_lossy(&page).replace("\n.br\n\n.br\n", "\n.sp\n");
    Ok(page + &rest(command).render())
}

/// Examples, and where to read on.
fn rest(command: &Command) -> Roff {
    let mut roff = Roff::new();
    if let Some(after) = command.get_after_help() {
        roff.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in after.to_string().lines().filter(|line| *line != "Examples:") {
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        roff.control("fi", []);
    }
    roff.control("SH", ["SEE ALSO"]);
    let above = if command.get_name() == "quadzero" { "quadzero-run" } else { "quadzero" };
    roff.text([bold(above), roman("(1), "), bold("quadzero.toml"), roman("(5)")]);
    roff
}

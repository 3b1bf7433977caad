//! A program that ends with 0: no shell, no input, its output nowhere, its own process group.

use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

#[derive(Debug)]
pub(crate) struct Command(pub(crate) Vec<String>);

impl Command {
    pub(crate) async fn look(&self) -> Result<(), String> {
        let [program, arguments @ ..] = self.0.as_slice() else { return Err("no command".to_owned()) };
        let failed = |error| format!("{program}: {error}");
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let mut group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let status = child.wait().await.map_err(failed)?;
        // Reaped: its id may be another's from here on.
        group.0 = None;
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(()),
            (Some(code), _) => Err(format!("{program} ended with {code}")),
            (None, signal) => Err(format!("{program} was killed by signal {}", signal.unwrap_or_default())),
        }
    }
}

/// The program and all that it has started, killed when the look is given up. (Dropped before the child, which is reaped after.)
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It may have ended just now.
            let _gone = kill_process_group(leader, Signal::KILL);
        }
    }
}

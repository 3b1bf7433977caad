//! What happens, written down for later: a JSON object a line, in files of a bounded size, of which there are so many.
//!
//! ```text
//!   History ──try_send──► queue of 1,024 ──► a thread ──► audit.jsonl ──full──► audit.jsonl.1 ──► .2 ──► .. ──► gone
//!              │ full                          │ cannot write
//!              └────────── counted ◄───────────┘ ──► and said, in the next line that can be written
//! ```
//!
//! Nothing waits for it: a disk that is full, or hangs, costs lines and no session. Somebody else may take the file away (logrotate): the
//! next line begins a new one.

use crate::config::edge::Audit;
use crate::history::{Event, now};
use rustix::fs::OFlags;
use serde_json::json;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;
use tracing::{error, info};

/// Events that wait for the disk.
const WAITING: usize = 1024;
/// How long the program waits at its end for what is still to be written.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// Where events go.
#[derive(Clone)]
pub(crate) struct Sink {
    queue: SyncSender<Line>,
    lost: Lost,
}

/// Events that were not written: those of the next line that tells it, and all of them.
#[derive(Clone, Default)]
struct Lost {
    untold: Arc<AtomicU64>,
    total: Arc<AtomicU64>,
}

enum Line {
    Event(Arc<Event>),
    /// The last one.
    End,
}

impl Sink {
    /// Never waits.
    pub(crate) fn take(&self, event: Arc<Event>) {
        if self.queue.try_send(Line::Event(event)).is_err() {
            self.lost.count(1);
        }
    }
}

impl Lost {
    fn count(&self, lines: u64) {
        self.untold.fetch_add(lines, Relaxed);
        self.total.fetch_add(lines, Relaxed);
    }
}

/// The thread that writes.
pub(crate) struct Writer {
    sink: Sink,
    ended: Receiver<()>,
}

impl Writer {
    /// # Errors
    /// The file cannot be opened, or is none.
    pub(crate) fn start(settings: Audit) -> io::Result<Self> {
        let (queue, lines) = sync_channel(WAITING);
        let (end, ended) = sync_channel(1);
        let lost = Lost::default();
        let mut book =
            Book { file: Some(open(&settings.file)?), settings, lost: lost.clone(), is_failing: false };
        thread::Builder::new().name("audit".into()).spawn(move || {
            while let Ok(Line::Event(event)) = lines.recv() {
                book.write(&event);
            }
            let _nobody_waits = end.send(());
        })?;
        Ok(Self { sink: Sink { queue, lost }, ended })
    }

    /// Where events go.
    pub(crate) fn sink(&self) -> Sink {
        self.sink.clone()
    }

    /// How many events were not written.
    pub(crate) fn lost(&self) -> u64 {
        self.sink.lost.total.load(Relaxed)
    }

    /// Waits for what is still to be written; not for ever.
    pub(crate) fn finish(self) {
        match self.sink.queue.try_send(Line::End) {
            Ok(()) => _ = self.ended.recv_timeout(LAST_WAIT),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                error!("the end of the audit file is lost: its disk does not keep up");
            }
        }
    }
}

struct Book {
    settings: Audit,
    file: Option<File>,
    lost: Lost,
    /// It has been told that nothing can be written.
    is_failing: bool,
}

impl Book {
    /// Says once that it fails, and once that it does no more.
    fn write(&mut self, event: &Event) {
        let Ok(line) = serde_json::to_string(event) else { return };
        match self.try_write(&line) {
            Ok(()) if self.is_failing => {
                info!(file = %self.settings.file.display(), "the audit file is written again");
                self.is_failing = false;
            }
            Ok(()) => {}
            Err(error) => {
                if !self.is_failing {
                    let file = self.settings.file.display();
                    error!(%file, %error, "the audit file cannot be written: what happens meanwhile is counted");
                }
                self.is_failing = true;
                self.lost.count(1);
            }
        }
    }

    fn try_write(&mut self, line: &str) -> io::Result<()> {
        self.open_again()?;
        let lost = self.lost.untold.load(Relaxed);
        if lost > 0 {
            let text = format!("{lost} events are not in this file");
            self.put(
                &json!({ "time": now(), "kind": "audit-lost", "text": text, "lost": lost }).to_string(),
            )?;
            self.lost.untold.fetch_sub(lost, Relaxed);
        }
        self.put(line)
    }

    /// Somebody may have moved the file, or taken it away.
    fn open_again(&mut self) -> io::Result<()> {
        let path = &self.settings.file;
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let there = fs::symlink_metadata(path).map(identity).ok();
        let ours = self.file.as_ref().and_then(|file| file.metadata().map(identity).ok());
        if ours.is_none() || ours != there {
            self.file = None;
            self.file = Some(open(path)?);
        }
        Ok(())
    }

    /// A line is there whole, or not at all.
    fn put(&mut self, line: &str) -> io::Result<()> {
        let mut size = self.size()?;
        if size > 0 && size + line.len() as u64 + 1 > self.settings.max_size {
            self.turn_over()?;
            size = self.size()?;
        }
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        let written = file.write_all(format!("{line}\n").as_bytes());
        if written.is_err() {
            let _it_stays_torn = file.set_len(size);
        }
        written
    }

    fn size(&self) -> io::Result<u64> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(file.metadata()?.len())
    }

    /// The file is full: it becomes the first of those that are kept, and the last of them goes.
    fn turn_over(&mut self) -> io::Result<()> {
        let path = &self.settings.file;
        if self.settings.keep == 0 {
            fs::remove_file(path)?;
        }
        for number in (0..self.settings.keep).rev() {
            let from = if number == 0 { path.clone() } else { self.numbered(number) };
            match fs::rename(from, self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = Some(open(path)?);
        Ok(())
    }

    fn numbered(&self, number: u8) -> PathBuf {
        let mut name = self.settings.file.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

/// The file, for nobody but its owner, at the beginning of a line.
fn open(path: &std::path::Path) -> io::Result<File> {
    // A FIFO would wait for its reader, and a link may lead to where we are not to write.
    let careful = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(careful.bits()).map_err(io::Error::other)?;
    let mut file =
        OpenOptions::new().create(true).append(true).read(true).mode(0o600).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    file.set_permissions(Permissions::from_mode(0o600))?;
    if is_torn(&mut file)? {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// The machine went down amid a line.
fn is_torn(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use serde_json::Value;
    use std::path::Path;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("quadzero-audit-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn settings(&self) -> Audit {
            Audit { file: self.0.join("audit.jsonl"), max_size: 2000, keep: 2 }
        }

        fn lines(&self, name: &str) -> Vec<Value> {
            let text = fs::read_to_string(self.0.join(name)).unwrap();
            assert!(text.ends_with('\n'), "{text}");
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn history(settings: Audit) -> (History, Writer) {
        let (history, writer) = (History::default(), Writer::start(settings).unwrap());
        history.write_to(writer.sink());
        (history, writer)
    }

    fn ids(lines: &[Value]) -> Vec<u64> {
        lines.iter().map(|line| line["id"].as_u64().unwrap()).collect()
    }

    #[test]
    fn files_are_of_a_size_and_there_are_so_many_of_them() {
        let folder = Folder::new("rotation");
        let (history, writer) = history(folder.settings());
        (0..200).for_each(|n| history.add("test", None, format!("event {n}")));
        writer.finish();
        let mut names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]);
        let files = ["audit.jsonl.2", "audit.jsonl.1", "audit.jsonl"];
        let all: Vec<u64> = files.iter().flat_map(|name| ids(&folder.lines(name))).collect();
        assert_eq!(all, (201 - all.len() as u64..=200).collect::<Vec<_>>(), "the last ones, in their order");
        for name in files {
            let metadata = fs::metadata(folder.0.join(name)).unwrap();
            assert!(metadata.len() <= 2000, "{}", metadata.len());
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_to_be() {
        let folder = Folder::new("keep-none");
        let (history, writer) = history(Audit { keep: 0, ..folder.settings() });
        (0..100).for_each(|n| history.add("test", None, format!("event {n}")));
        writer.finish();
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
        assert_eq!(ids(&folder.lines("audit.jsonl")).last(), Some(&100));
    }

    fn book(folder: &Folder) -> Book {
        let settings = Audit { max_size: 1 << 20, ..folder.settings() };
        let file = Some(open(&settings.file).unwrap());
        Book { settings, file, lost: Lost::default(), is_failing: false }
    }

    fn event(text: &str) -> Arc<Event> {
        let history = History::default();
        history.add("test", None, text);
        history.events().remove(0)
    }

    fn texts(lines: &[Value]) -> Vec<&str> {
        lines.iter().map(|line| line["text"].as_str().unwrap()).collect()
    }

    #[test]
    fn a_file_that_was_taken_away_is_begun_anew_and_one_that_was_emptied_goes_on() {
        let folder = Folder::new("moved");
        let (mut book, path) = (book(&folder), folder.settings().file);
        book.write(&event("one"));
        fs::rename(&path, folder.0.join("yesterday")).unwrap();
        book.write(&event("two"));
        assert_eq!(texts(&folder.lines("yesterday")), ["one"]);
        assert_eq!(texts(&folder.lines("audit.jsonl")), ["two"]);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        book.write(&event("three"));
        assert_eq!(texts(&folder.lines("audit.jsonl")), ["three"]);
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told_when_it_can() {
        let folder = Folder::new("lost");
        let mut book = book(&folder);
        fs::remove_dir_all(&folder.0).unwrap();
        book.write(&event("one"));
        book.write(&event("two"));
        fs::create_dir_all(&folder.0).unwrap();
        book.write(&event("three"));
        book.write(&event("four"));
        let lines = folder.lines("audit.jsonl");
        assert_eq!(texts(&lines), ["2 events are not in this file", "three", "four"]);
        assert_eq!((&lines[0]["kind"], &lines[0]["lost"]), (&json!("audit-lost"), &json!(2)));
        assert_eq!(book.lost.total.load(Relaxed), 2);
    }

    #[test]
    fn a_line_that_was_torn_by_a_crash_does_not_take_the_next_one_along() {
        let folder = Folder::new("torn");
        fs::write(folder.settings().file, "{\"id\":1,\"te").unwrap();
        book(&folder).write(&event("whole"));
        let text = fs::read_to_string(folder.settings().file).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((text.lines().count(), &last["text"]), (2, &json!("whole")));
    }

    #[test]
    fn what_is_no_file_of_ours_is_refused() {
        let folder = Folder::new("refused");
        let link = folder.0.join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        for path in [link.as_path(), Path::new("/dev/null"), &folder.0, &folder.0.join("none/audit.jsonl")] {
            let settings = Audit { file: path.to_owned(), ..folder.settings() };
            assert!(Writer::start(settings).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn who_acts_is_named_and_nobody_after_it() {
        let history = History::default();
        history.served(1000, || history.add("by-hand", None, "0.0.0.0/0 is announced"));
        history.add("condition", None, "line holds");
        let uids: Vec<_> = history.events().iter().map(|event| event.uid).collect();
        assert_eq!(uids, [Some(1000), None]);
    }
}

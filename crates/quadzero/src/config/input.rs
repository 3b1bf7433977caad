//! Reads files that somebody named. A name may be mistaken: a pipe would never end, and neither would `/dev/zero`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What systemd has been given to keep for us (LoadCredential= of a unit) is in a folder of its own.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The file that a path of the configuration means: from the configuration's folder, or `$CREDENTIALS_DIRECTORY/NAME`. No other
/// variable is looked at.
pub(super) fn named(path: &str, folder: &Path) -> io::Result<PathBuf> {
    let Some(name) = path.strip_prefix('$').and_then(|rest| rest.strip_prefix(CREDENTIALS)) else {
        return Ok(folder.join(path));
    };
    let Some(name) = name.strip_prefix('/').filter(|name| !name.is_empty() && !name.contains('/')) else {
        return Err(io::Error::other("the name of a credential follows: $CREDENTIALS_DIRECTORY/NAME"));
    };
    let folder = std::env::var_os(CREDENTIALS).ok_or_else(|| {
        io::Error::other(
            "CREDENTIALS_DIRECTORY is not set: systemd sets it for a unit with LoadCredential=; by hand, set it to the folder of the keys",
        )
    })?;
    Ok(Path::new(&folder).join(name))
}

/// The whole of a regular file of at most so many octets. Opening a pipe waits for its writer, so that what it is has to
/// be known before.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut octets = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > most {
        return Err(io::Error::other(format!("more than {most} octets")));
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_one_octet_too_many_is_refused() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let octets = fs::read(&path).unwrap();
        let length = octets.len() as u64;
        assert_eq!(read(&path, length).unwrap(), octets);
        assert_eq!(
            read(&path, length - 1).unwrap_err().to_string(),
            format!("more than {} octets", length - 1)
        );
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        for path in ["/dev/zero", "/dev/null", "/"] {
            assert_eq!(read(Path::new(path), 1024).unwrap_err().to_string(), "not a regular file", "{path}");
        }
    }
}

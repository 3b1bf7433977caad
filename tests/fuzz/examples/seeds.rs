//! Writes the seeds to where cargo-fuzz looks for a corpus.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    for seed in quadzero_fuzz::seeds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(seed.name), seed.octets)?;
    }
    Ok(())
}

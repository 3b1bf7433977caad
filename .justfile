# The Debian package: target/debian/quadzero_*.deb (cargo install --locked cargo-deb)
deb *arguments:
    config/debian/pages
    cargo deb -p quadzero {{arguments}}

# What CI runs
check:
    ./tests/run

# All tests, or those that the arguments choose
test *arguments:
    cargo test --workspace {{arguments}}

# Thousands of simulated hours with faults; `just sim --seed 42 --trace` for one world again
sim *arguments:
    cargo test -p quadzero-tests --test simulation -- {{arguments}}

# The edge and a mock Azure gateway, peering on loopback
lab *arguments:
    cargo run --release -- lab {{arguments}}

# What is in the folder docker, built and run by podman
containers *arguments:
    cargo test -p quadzero-tests --test containers -- {{arguments}}

# The time that encoding, decoding and differences take
bench *arguments:
    cargo bench --workspace {{arguments}}

# The packet lab, one test after the other, with what it sees; as root: `just packets a_tunnel_is_cut`
packets *arguments:
    cargo test -p quadzero-tests --test packets -- --nocapture --test-threads 1 {{arguments}}

# The README's matrix of interop, from a run of its tests
matrix:
    cargo test --workspace --test interop
    UPDATE_README=1 cargo test --workspace --test interop -- --ignored

# quadzero beside other speakers: `just race ../shared/bench`
race folder *arguments:
    BENCH={{folder}} ./tests/bench/run {{arguments}}

# Fuzzes a target: decode, session, configuration; for ten minutes: `just fuzz decode -- -max_total_time=600`
fuzz target *arguments:
    cargo run --manifest-path tests/fuzz/Cargo.toml --target-dir target --example seeds
    cargo fuzz run {{target}} --fuzz-dir tests/fuzz --target-dir target/fuzz -s none {{arguments}}

fmt:
    cargo fmt --all

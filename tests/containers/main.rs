//! What is in the folder docker, as its users have it: images, the compose scenario, the labs of containerlab; run by podman,
//! without pulling anything.
//!
//! ```text
//!   world       namespaces in which podman runs, and of which nothing is left
//!   images      the Dockerfiles, built on bases that are made of what this machine has
//!   image       what is in the image, and how it behaves
//!   lab         the files of containerlab: their schema, their topologies, and what is to be seen there
//!   compose     compose.yaml
//!   ci          the workflow that other repositories copy
//! ```
//!
//! All tests share one world and its images, which are made when the first one needs them and go when the last one has ended; so
//! this is a program of its own and not a list of functions, of which none would know that it is the last.

mod ci;
mod compose;
mod image;
mod images;
mod lab;
mod world;

use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock};
use world::World;

/// A test.
type Test = fn(&World);

/// Those that need no container.
const FILES: [(&str, fn()); 2] = [
    ("the_files_of_containerlab_fit_its_schema", lab::fit_the_schema),
    ("the_version_in_the_dockerfile_is_that_of_the_program", image::names_the_version),
];

const TESTS: [(&str, Test); 10] = [
    ("the_image_is_small_and_holds_one_program_and_its_user_is_nobody", image::is_small),
    ("the_same_tree_elsewhere_gives_the_same_image", image::is_the_same_from_elsewhere),
    ("the_binary_is_the_same_when_built_elsewhere", image::has_the_same_binary_as_a_build_elsewhere),
    ("an_edge_and_a_mock_on_a_network_exchange_routes_and_are_healthy", image::exchanges_routes),
    ("an_edge_that_does_not_answer_is_unhealthy", image::knows_when_it_is_not_well),
    ("the_compose_scenario_works", compose::works),
    ("the_workflow_for_other_repositories_passes", ci::passes),
    ("containerlab_vpn_active_active", |world| lab::shows_what_is_expected(world, "vpn-active-active")),
    ("containerlab_expressroute_pair", |world| lab::shows_what_is_expected(world, "expressroute-pair")),
    ("containerlab_bring_your_own_edge", |world| lab::shows_what_is_expected(world, "bring-your-own-edge")),
];

fn main() -> ExitCode {
    let shared: Arc<(OnceLock<World>, Mutex<()>)> = Arc::default();
    let of_world = TESTS.map(|(name, test)| {
        let shared = shared.clone();
        Trial::test(name, move || {
            test(world(&shared)?);
            Ok(())
        })
    });
    let of_files = FILES.map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    let trials = of_files.into_iter().chain(of_world).collect();
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    drop(shared);
    let left = world::left_behind();
    if left.is_empty() {
        return conclusion.exit_code();
    }
    eprintln!("not all is gone: {left:?}");
    ExitCode::FAILURE
}

/// The first one makes it, and the others wait.
fn world(shared: &(OnceLock<World>, Mutex<()>)) -> Result<&World, Failed> {
    let (world, making) = shared;
    let _making = making.lock().map_err(|_| "the images could not be built: see the first failure")?;
    Ok(world.get_or_init(|| {
        let world = World::new();
        images::build(&world);
        world
    }))
}

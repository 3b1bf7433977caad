//! Probes on the real clock, with short times. Nothing waits for a time to pass, but for what is to come of it.

use super::*;
use std::fs;
use std::time::Duration;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// Everything happens at once.
fn hasty() -> Parameters {
    let moment = Duration::from_millis(5);
    Parameters {
        interval: moment,
        fast_interval: moment,
        hold_down: moment,
        hold_down_max: moment,
        ttl: Duration::from_secs(3600),
        ..Parameters::default()
    }
}

async fn wait_for(prober: &Prober, state: State) -> Report {
    let mut reports = prober.reports();
    let is_so = |reports: &Reports| reports.values().all(|report| report.state == state);
    let reports = timeout(PATIENCE, reports.wait_for(is_so)).await.expect("it comes to be so").unwrap();
    reports.values().next().unwrap().clone()
}

fn level(outcome: Outcome) -> (watch::Sender<Option<Outcome>>, Level) {
    watch::channel(Some(outcome))
}

#[tokio::test]
async fn a_level_is_followed() {
    let (sender, level) = level(Outcome::Passed);
    let mut prober = Prober::default();
    prober.listen("level".into(), level, hasty(), None);
    wait_for(&prober, State::Up).await;
    sender.send_replace(Some(Outcome::failed("gone")));
    assert_eq!(&*wait_for(&prober, State::Down).await.because, "gone");
    sender.send_replace(Some(Outcome::Passed));
    wait_for(&prober, State::Up).await;
    drop(sender);
    assert_eq!(&*wait_for(&prober, State::Down).await.because, "what it listens to has gone away");
}

/// Were it asked at its interval alone, nothing would come within this test.
#[tokio::test]
async fn a_change_of_a_level_does_not_wait_for_the_interval() {
    let hours = Duration::from_secs(3600);
    let (sender, level) = level(Outcome::Passed);
    let mut prober = Prober::default();
    let slow = Parameters { interval: hours, fast_interval: hours, rise: 1, fall: 1, ..hasty() };
    prober.listen("level".into(), level, slow, None);
    wait_for(&prober, State::Up).await;
    sender.send_replace(Some(Outcome::failed("gone")));
    wait_for(&prober, State::Down).await;
}

#[tokio::test]
async fn what_says_nothing_is_down_after_the_ttl() {
    let (_sender, level) = watch::channel(None);
    let mut prober = Prober::default();
    let mortal = Parameters { ttl: Duration::from_millis(50), timeout: Duration::from_secs(3600), ..hasty() };
    prober.listen("mute".into(), level, mortal, None);
    let report = wait_for(&prober, State::Down).await;
    assert_eq!(&*report.because, "nothing was heard from it for 50ms, its TTL");
}

#[tokio::test]
async fn a_look_that_hangs_has_failed_after_the_timeout() {
    let mut prober = Prober::default();
    let short = Parameters { timeout: Duration::from_millis(20), ..hasty() };
    let check = Check::Command(vec!["/bin/sleep".into(), "1000".into()]);
    prober.ask("hangs".into(), check, Origin::default(), short, None);
    assert_eq!(&*wait_for(&prober, State::Down).await.because, "no answer within 20ms");
}

fn broken(looks: u32, parameters: Parameters) -> Prober {
    let mut prober = Prober::default();
    let kind = Kind::Broken(Arc::new(looks.into()));
    let (name, origin) = ("broken".into(), Origin::default());
    prober.keep(Probe { name, kind, origin, parameters, disable: None });
    prober
}

#[tokio::test]
async fn a_task_that_looks_and_dies_is_started_again() {
    wait_for(&broken(3, hasty()), State::Up).await;
}

#[tokio::test]
async fn and_if_it_dies_each_time_the_ttl_acts() {
    let mortal = Parameters { ttl: Duration::from_millis(50), ..hasty() };
    let report = wait_for(&broken(u32::MAX, mortal), State::Down).await;
    assert_eq!(&*report.because, "nothing was heard from it for 50ms, its TTL");
}

#[tokio::test]
async fn what_is_taken_for_up_at_first_is_news() {
    let (_sender, level) = watch::channel(None);
    let mut prober = Prober::default();
    prober.listen("mute".into(), level, Parameters { starts_up: true, ..hasty() }, None);
    let mut reports = prober.reports();
    timeout(PATIENCE, reports.changed()).await.expect("it is told").unwrap();
    assert_eq!(reports.borrow()["mute"].state, State::Up);
}

#[tokio::test]
async fn a_file_disables_a_probe_and_without_it_the_probe_comes_back() {
    let folder = std::env::temp_dir().join(format!("quadzero-prober-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("disable");
    let _ = fs::remove_file(&file);
    let (_sender, level) = level(Outcome::Passed);
    let mut prober = Prober::default();
    prober.listen("level".into(), level, hasty(), Some(file.clone()));
    wait_for(&prober, State::Up).await;
    fs::write(&file, "").unwrap();
    assert_eq!(*wait_for(&prober, State::Down).await.because, *format!("disabled by {}", file.display()));
    fs::remove_file(&file).unwrap();
    wait_for(&prober, State::Up).await;
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn probes_that_nobody_judges_any_more_are_down() {
    let (_sender, level) = level(Outcome::Passed);
    let mut prober = Prober::default();
    prober.listen("level".into(), level, hasty(), None);
    wait_for(&prober, State::Up).await;
    let mut reports = prober.reports();
    drop(prober);
    let is_down = |reports: &Reports| reports["level"].state == State::Down;
    let last = timeout(PATIENCE, reports.wait_for(is_down)).await.expect("it is told");
    assert!(last.is_ok(), "its last word is told before nobody can say any");
}

/// The loopback interface is there, whoever runs this.
#[tokio::test]
async fn the_kernel_is_asked() {
    let wanted = |name: &str| Wanted::Interface(name.into());
    let mut prober = Prober::default();
    prober.ask_kernel("lo".into(), wanted("lo"), hasty(), None);
    prober.start();
    let mut none = Prober::default();
    none.ask_kernel("none".into(), wanted("no-such-wire"), hasty(), None);
    let nowhere = Wanted::Route { network: "203.0.113.64".parse().unwrap(), length: 30, table: None };
    none.ask_kernel("nowhere".into(), nowhere, hasty(), None);
    none.start();
    let report = wait_for(&none, State::Down).await;
    assert!(
        ["there is no interface no-such-wire", "the kernel has no route to 203.0.113.64/30"]
            .contains(&&*report.because)
    );
    let lo = timeout(Duration::from_secs(5), wait_for(&prober, State::Up)).await;
    let flags = fs::read_to_string("/sys/class/net/lo/operstate").unwrap_or_default();
    assert!(lo.is_ok() || flags.trim() == "down", "lo: {flags}");
}

//! A report for people.

use super::judge::{Asked, Judged};
use super::report::{Report, SessionRow};
use super::timeline::{Entry, Sum};
use comfy_table::{ColumnConstraint, Table, presets::NOTHING};
use quadzero_azure::config::GATEWAY_SUBNET;
use quadzero_azure::effective::EffectiveRoute;
use quadzero_azure::gateway::{LearnedRoute, Refused};
use quadzero_azure::verdict::{Answer, Followed, Verdict};
use std::fmt::Display;
use std::time::Duration;

/// Rows of a table of routes that are shown; of the others, their number.
const SHOWN: usize = 12;
/// Subnets whose routes are shown.
const SUBNETS: usize = 4;
/// Expectations of a kind that are shown even though they hold.
const VERDICTS: usize = 24;

pub(super) fn render(report: &Report, time: bool) -> String {
    let mut out = String::new();
    let several = report.sessions.iter().any(|row| row.edge != report.sessions[0].edge);
    let title = if several { "Sessions of the edges" } else { "Sessions of the edge" };
    section(&mut out, title, sessions(&report.sessions, several), beyond(report.sessions.len()));
    let learned = &report.learned_routes.value;
    section(&mut out, "Learned by the gateway", learned_routes(learned), beyond(learned.len()));
    if !report.refused_routes.is_empty() {
        let rows = &report.refused_routes;
        section(&mut out, "Refused by the gateway", refused_routes(rows), beyond(rows.len()));
    }
    // No machine of yours lives in the gateway's own subnet.
    let subnets =
        report.effective_routes.iter().filter(|(name, _)| !name.ends_with(&format!("/{GATEWAY_SUBNET}")));
    let count = subnets.clone().count();
    for (subnet, routes) in subnets.take(SUBNETS) {
        let title = format!("Effective routes of a network interface in {subnet}");
        section(&mut out, &title, effective_routes(&routes.value), beyond(routes.value.len()));
    }
    if count > SUBNETS {
        out += &format!("... and those of {} more subnets (--json shows all)\n\n", count - SUBNETS);
    }
    paths(&mut out, &report.verdicts);
    if time {
        section(&mut out, &format!("What happened when{}", scaled(report)), timeline(&report.timeline), 0);
        section(&mut out, "Egress, how long", egress(&report.egress, report.time_scale), 0);
    }
    if !report.conditions.is_empty() {
        section(
            &mut out,
            "What else is expected",
            conditions(&report.conditions),
            left_out(&report.conditions),
        );
    }
    if !report.verdicts.is_empty() {
        section(&mut out, "Where packets go", verdicts(&report.verdicts), left_out(&report.verdicts));
    }
    wrong(&mut out, report);
    out + &conclusion(report)
}

fn scaled(report: &Report) -> String {
    match report.time_scale {
        1 => String::new(),
        scale => format!(", on a clock that is {scale} times faster than Azure's (BGP is not: see Real)"),
    }
}

fn conclusion(report: &Report) -> String {
    let expectations = || report.verdicts.iter().chain(&report.conditions);
    let kept = expectations().filter(|v| v.holds).count();
    let down = report.down;
    let expected = match expectations().count() {
        0 => "Nothing is expected".to_owned(),
        all => format!("{kept} of {all} expectations hold"),
    };
    let sessions = if down == 0 { String::new() } else { format!(", {down} of the sessions not up") };
    let verdict = if report.holds() { "" } else { ": the scenario FAILS" };
    format!("{expected}{sessions}{verdict}.\n")
}

fn section(out: &mut String, title: &str, table: Table, left_out: usize) {
    *out += &format!("{title}\n");
    for line in table.lines() {
        *out += &format!("  {}\n", line.trim_end());
    }
    if left_out > 0 {
        *out += &format!("  ... and {left_out} more (--json shows all)\n");
    }
    *out += "\n";
}

/// How many rows of a table of routes are not shown.
fn beyond(rows: usize) -> usize {
    rows.saturating_sub(SHOWN)
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table
}

fn sessions(rows: &[SessionRow], several: bool) -> Table {
    let mut table = table(["Edge", "Neighbor", "AS", "State", "PfxSnt", "PfxRcd", "Last reset"]);
    for row in rows.iter().take(SHOWN) {
        let reason = row.last_down.clone().unwrap_or_default();
        table.add_row([
            row.edge.clone(),
            row.neighbor.clone(),
            row.remote_as.to_string(),
            row.state.clone(),
            row.prefixes_sent.to_string(),
            row.prefixes_received.to_string(),
            reason,
        ]);
    }
    first_column_if(several, table)
}

fn learned_routes(rows: &[LearnedRoute]) -> Table {
    let mut table = table(["Network", "Next hop", "Origin", "Source peer", "AS path", "Weight", "Instance"]);
    for row in rows.iter().take(SHOWN) {
        table.add_row([
            row.network.to_string(),
            option(row.next_hop.as_ref()),
            format!("{:?}", row.origin),
            row.source_peer.to_string(),
            row.as_path.clone(),
            row.weight.to_string(),
            row.local_address.to_string(),
        ]);
    }
    table
}

fn refused_routes(rows: &[Refused]) -> Table {
    let mut table = table(["Network", "Source peer", "Why"]);
    for row in rows.iter().take(SHOWN) {
        table.add_row([row.prefix.to_string(), row.peer.to_string(), row.why.to_string()]);
    }
    table
}

fn effective_routes(rows: &[EffectiveRoute]) -> Table {
    let mut table = table(["Source", "State", "Address prefix", "Next hop type", "Next hop IP"]);
    for row in rows.iter().take(SHOWN) {
        table.add_row([
            format!("{:?}", row.source),
            format!("{:?}", row.state),
            list(&row.address_prefix),
            format!("{:?}", row.next_hop_type),
            list(&row.next_hop_ip_address),
        ]);
    }
    table
}

/// The path of each packet, hop by hop, with what was beaten at each.
fn paths(out: &mut String, rows: &[Judged]) {
    let mut known = Vec::new();
    for row in rows {
        let Some(Asked { from, answer, .. }) = &row.packet else { continue };
        let lines: Vec<String> = [Followed(&answer.decision).to_string()]
            .into_iter()
            .chain(answer.path.iter().map(ToString::to_string))
            .collect();
        let told = format!("  {from} to {}\n    {}\n", answer.destination, lines.join("\n    "));
        if !known.contains(&told) {
            known.push(told);
        }
    }
    if known.is_empty() {
        return;
    }
    *out += "Hop by hop\n";
    known.iter().take(SHOWN).for_each(|told| *out += told);
    if known.len() > SHOWN {
        *out += &format!("  ... and {} more (--json shows all)\n", known.len() - SHOWN);
    }
    *out += "\n";
}

fn verdicts(rows: &[Judged]) -> Table {
    let timed = rows.iter().any(|row| !row.at.is_zero());
    let mut table = table(["At", "From", "To", "Goes", "By route", "Source", "Service", ""]);
    for row in shown(rows) {
        let Some(Asked { from, answer, judgement, service }) = &row.packet else { continue };
        let by = answer.decision.winners.first().map(|winner| list(&winner.address_prefix));
        let service = service.zip(judgement.as_ref());
        table.add_row([
            clock(row.at),
            from.clone(),
            answer.destination.to_string(),
            goes(answer),
            by.unwrap_or_default(),
            answer.source.to_string(),
            service.map(|(service, judgement)| format!("{service} {}", judgement.word())).unwrap_or_default(),
            is_right(row),
        ]);
    }
    first_column_if(timed, table)
}

/// Of many, the first and those that are wrong.
fn shown(rows: &[Judged]) -> impl Iterator<Item = &Judged> {
    rows.iter().enumerate().filter(|(i, row)| *i < VERDICTS || !row.holds).map(|(_, row)| row)
}

fn left_out(rows: &[Judged]) -> usize {
    rows.len() - shown(rows).count()
}

fn conditions(rows: &[Judged]) -> Table {
    let timed = rows.iter().any(|row| !row.at.is_zero());
    let mut table = table(["At", "What", "Is", ""]);
    for row in shown(rows) {
        let about = row.about.clone().unwrap_or_default();
        table.add_row([clock(row.at), about, row.actual.clone(), is_right(row)]);
    }
    first_column_if(timed, table)
}

fn first_column_if(timed: bool, mut table: Table) -> Table {
    if let Some(column) = table.column_mut(0).filter(|_| !timed) {
        column.set_constraint(ColumnConstraint::Hidden);
    }
    table
}

fn is_right(row: &Judged) -> String {
    if row.holds { "ok".to_owned() } else { format!("WRONG: expected {}", row.expected) }
}

/// What was expected and what is there instead, in full.
fn wrong(out: &mut String, report: &Report) {
    for row in report.verdicts.iter().chain(&report.conditions).filter(|row| !row.holds) {
        let about = match &row.packet {
            Some(Asked { from, answer, .. }) => format!("{from} to {}", answer.destination),
            None => row.about.clone().unwrap_or_default(),
        };
        let at = if row.at.is_zero() { String::new() } else { format!(" at {}", clock(row.at)) };
        *out += &format!("WRONG{at}: {about}\n  expected {}\n  actual   {}\n", row.expected, row.actual);
    }
}

/// The event line.
fn timeline(entries: &[Entry]) -> Table {
    let mut table = table(["Time", "Real", "What"]);
    for Entry { real, simulated, what } in entries {
        let time = simulated.map_or_else(|| "start".to_owned(), |time| clock(time.0));
        table.add_row([time, real.map(|real| clock(real.0)).unwrap_or_default(), what.clone()]);
    }
    table
}

/// The sums, on the scenario's clock and, if that is faster, on the wall.
fn egress(sums: &[Sum], scale: u32) -> Table {
    let mut table = table(["Subnet", "Open", "Forced", "Shut", "Real: open", "forced", "shut"]);
    for Sum { subnet, open, forced, shut } in sums {
        let all = [open, forced, shut];
        let (scaled, real) = (all.map(|sum| clock(sum.0)), all.map(|sum| clock(sum.0 / scale.max(1))));
        table.add_row([subnet.clone()].into_iter().chain(scaled).chain(real));
    }
    if scale == 1 {
        table.column_iter_mut().skip(4).for_each(|c| _ = c.set_constraint(ColumnConstraint::Hidden));
    }
    table
}

/// `90.5s`, `3ms`, `0s`
fn clock(time: Duration) -> String {
    match time.as_millis() {
        0 => "0s".to_owned(),
        ms @ 1..1000 => format!("{ms}ms"),
        ms => format!("{}.{}s", ms / 1000, ms % 1000 / 100),
    }
}

/// The verdict in a few words; its own are for a line by itself.
fn goes(answer: &Answer) -> String {
    match &answer.verdict {
        Verdict::OnPremises { hops } => {
            let mut through: Vec<_> = hops.iter().map(|hop| hop.shown).collect();
            through.dedup();
            let lost = answer.lost.as_ref().map(|lost| format!(", lost: {lost}")).unwrap_or_default();
            format!("on-premises, through {}{lost}", list(&through))
        }
        Verdict::Internet if answer.path.is_empty() => "Internet, by Azure's own exit".into(),
        Verdict::Internet => "Internet, by an appliance in Azure".into(),
        Verdict::Vnet { name } => format!("stays in VNet {name}"),
        other => other.to_string(),
    }
}

fn option(value: Option<&impl Display>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn list(values: &[impl Display]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

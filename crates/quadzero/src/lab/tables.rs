//! A report for people.

use super::report::{Report, SessionRow, VerdictRow};
use comfy_table::{Table, presets::NOTHING};
use quadzero_azure::config::GATEWAY_SUBNET;
use quadzero_azure::effective::EffectiveRoute;
use quadzero_azure::gateway::{LearnedRoute, Refused};
use quadzero_azure::kms::Activation;
use quadzero_azure::verdict::Verdict;
use std::fmt::Display;

/// Rows of a table of routes that are shown; of the others, their number.
const SHOWN: usize = 12;

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    section(&mut out, "Sessions of the edge", sessions(&report.sessions), 0);
    let learned = &report.learned_routes.value;
    section(&mut out, "Learned by the gateway", learned_routes(learned), learned.len());
    if !report.refused_routes.is_empty() {
        let rows = &report.refused_routes;
        section(&mut out, "Refused by the gateway", refused_routes(rows), rows.len());
    }
    // No machine of yours lives in the gateway's own subnet.
    let subnets =
        report.effective_routes.iter().filter(|(name, _)| !name.ends_with(&format!("/{GATEWAY_SUBNET}")));
    for (subnet, routes) in subnets {
        let title = format!("Effective routes of a network interface in {subnet}");
        section(&mut out, &title, effective_routes(&routes.value), routes.value.len());
    }
    section(&mut out, "Where packets go", verdicts(&report.verdicts), 0);
    out + &conclusion(report)
}

fn conclusion(report: &Report) -> String {
    let kept = report.verdicts.iter().filter(|v| v.holds).count();
    let down = report.sessions.iter().filter(|s| s.state != "Established").count();
    let expected = match report.verdicts.len() {
        0 => "Nothing is expected".to_owned(),
        all => format!("{kept} of {all} expectations hold"),
    };
    let sessions = if down == 0 { String::new() } else { format!(", {down} of the sessions not up") };
    let verdict = if report.holds() { "" } else { ": the scenario FAILS" };
    format!("{expected}{sessions}{verdict}.\n")
}

fn section(out: &mut String, title: &str, table: Table, rows: usize) {
    *out += &format!("{title}\n");
    for line in table.lines() {
        *out += &format!("  {}\n", line.trim_end());
    }
    if rows > SHOWN {
        *out += &format!("  ... and {} more (--json shows all)\n", rows - SHOWN);
    }
    *out += "\n";
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table
}

fn sessions(rows: &[SessionRow]) -> Table {
    let mut table = table(["Neighbor", "AS", "State", "PfxSnt", "PfxRcd", "Last reset"]);
    for row in rows {
        let reason = row.last_down.clone().unwrap_or_default();
        table.add_row([
            row.neighbor.clone(),
            row.remote_as.to_string(),
            row.state.clone(),
            row.prefixes_sent.to_string(),
            row.prefixes_received.to_string(),
            reason,
        ]);
    }
    table
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

fn verdicts(rows: &[VerdictRow]) -> Table {
    let mut table = table(["From", "To", "Goes", "By route", "Windows activation", ""]);
    for row in rows {
        let Some(answer) = &row.answer else { continue };
        let by = answer.decision.winners.first().map(|winner| list(&winner.address_prefix));
        table.add_row([
            row.from.clone(),
            answer.destination.to_string(),
            goes(&answer.verdict),
            by.unwrap_or_default(),
            answer.activation.as_ref().map(activation).unwrap_or_default(),
            if row.holds { "ok".to_owned() } else { format!("WRONG: expected {}", row.expected) },
        ]);
    }
    table
}

/// The verdict in a few words; its own are for a line by itself.
fn goes(verdict: &Verdict) -> String {
    match verdict {
        Verdict::OnPremises { hops } => {
            let through: Vec<_> = hops.iter().map(|hop| hop.shown).collect();
            format!("on-premises, through {}", list(&through))
        }
        Verdict::Internet => "Internet, by Azure's own exit".into(),
        Verdict::Vnet { name } => format!("stays in VNet {name}"),
        other => other.to_string(),
    }
}

fn activation(activation: &Activation) -> String {
    match activation {
        Activation::Works(_) => "works: the source is Azure's".into(),
        Activation::Fails(why) => format!("fails (0xC004F074): {why}"),
        Activation::Depends(why) => why.clone(),
    }
}

fn option(value: Option<&impl Display>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn list(values: &[impl Display]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

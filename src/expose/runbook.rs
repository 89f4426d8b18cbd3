//! A runbook for each cause: what it means, how promlink knows, what it may be taken for, what to
//! try first, who acts.
//!
//! The files of `alerts/runbooks` are the binary's own text, so `promlink explain` and
//! `/runbooks/CAUSE` work where the internet does not: at three in the morning, inside a cluster
//! whose network is broken. They use a handful of Markdown's forms, and those are all that is
//! rendered. Each is whole where it is read alone, so what is the same for all of them, the names
//! that each platform gives to things, ends every file; a test writes it there from
//! `runbook/platforms.md`.

mod plain;
#[cfg(test)]
mod tests;

pub use plain::{list, plain};

use askama::Template;

use crate::report::cause::{Cause, Family};

macro_rules! runbooks {
    ($($cause:ident $code:literal)+) => {
        /// The runbook as text: the Markdown that is shipped.
        #[must_use]
        pub fn text(cause: Cause) -> &'static str {
            match cause {
                $(Cause::$cause => {
                    include_str!(concat!("../../alerts/runbooks/", $code, ".md"))
                })+
            }
        }
    };
}

runbooks! {
    DnsWrongClusterDomain "dns_wrong_cluster_domain"
    DnsNoSuchNamespace "dns_no_such_namespace"
    DnsNoSuchService "dns_no_such_service"
    DnsNoSuchName "dns_no_such_name"
    DnsNoAddress "dns_no_address"
    DnsServerFailure "dns_server_failure"
    DnsRefused "dns_refused"
    DnsServerUnreachable "dns_server_unreachable"
    DnsTimeout "dns_timeout"
    DnsMalformed "dns_malformed"
    DnsSlow "dns_slow"
    WrongPort "wrong_port"
    NoReadyEndpoints "no_ready_endpoints"
    ConnectionRefused "connection_refused"
    ConnectionTimeout "connection_timeout"
    HostUnreachable "host_unreachable"
    NetworkUnreachable "network_unreachable"
    ConnectionDenied "connection_denied"
    ConnectionReset "connection_reset"
    ProxyUnreachable "proxy_unreachable"
    ProxyRefused "proxy_refused"
    TlsUnknownCa "tls_unknown_ca"
    TlsExpired "tls_expired"
    TlsNotYetValid "tls_not_yet_valid"
    TlsWrongName "tls_wrong_name"
    TlsNotSpoken "tls_not_spoken"
    TlsClientCertificateRequired "tls_client_certificate_required"
    TlsHandshakeFailed "tls_handshake_failed"
    TlsExpiring "tls_expiring"
    NoResponse "no_response"
    ConnectionClosed "connection_closed"
    TlsRequired "tls_required"
    Unauthorized "unauthorized"
    Forbidden "forbidden"
    LoginPage "login_page"
    Redirected "redirected"
    WrongPathPrefix "wrong_path_prefix"
    MethodNotAllowed "method_not_allowed"
    RateLimited "rate_limited"
    TenantMissing "tenant_missing"
    Starting "starting"
    Stopping "stopping"
    AgentMode "agent_mode"
    ExporterNotPrometheus "exporter_not_prometheus"
    NotPrometheus "not_prometheus"
    QueryTimeout "query_timeout"
    QueryRejected "query_rejected"
    ServerError "server_error"
    StorageFailing "storage_failing"
    GatewayError "gateway_error"
    ForwardProxyAnswered "forward_proxy_answered"
    AnswerMalformed "answer_malformed"
    AnswerTooLarge "answer_too_large"
    NoSeries "no_series"
    DataStale "data_stale"
    AllTargetsDown "all_targets_down"
    TargetsDown "targets_down"
    PartialAnswer "partial_answer"
    Slow "slow"
    ClockSkew "clock_skew"
    ReplicasDisagree "replicas_disagree"
    ConfigReloadFailed "config_reload_failed"
    RetentionShort "retention_short"
    AssertionFailed "assertion_failed"
    UnreachableFromGrafana "unreachable_from_grafana"
    GrafanaDatabaseDown "grafana_database_down"
    GrafanaStarting "grafana_starting"
    NotGrafana "not_grafana"
    GrafanaLoginRedirect "grafana_login_redirect"
    GrafanaServerError "grafana_server_error"
    TokenMissing "token_missing"
    TokenRejected "token_rejected"
    TokenExpired "token_expired"
    PermissionMissing "permission_missing"
    WrongOrganisation "wrong_organisation"
    TokenExpiring "token_expiring"
    DatasourceNotFound "datasource_not_found"
    DatasourceWrongType "datasource_wrong_type"
    PluginNotRegistered "plugin_not_registered"
    PluginUnavailable "plugin_unavailable"
    DatasourceSettingsInvalid "datasource_settings_invalid"
    DatasourceUrlEmpty "datasource_url_empty"
    DatasourceUrlInvalid "datasource_url_invalid"
    DatasourceUrlLocalhost "datasource_url_localhost"
    DatasourceUrlDiffers "datasource_url_differs"
    DatasourceAccessDirect "datasource_access_direct"
    DatasourceNeedsUserLogin "datasource_needs_user_login"
    DatasourceDrift "datasource_drift"
    DuplicateDefault "duplicate_default"
    AnswersDiffer "answers_differ"
    DifferentPrometheus "different_prometheus"
    VantageBlocked "vantage_blocked"
    Intermittent "intermittent"
    Overdue "overdue"
    OwnFileUnusable "own_file_unusable"
    Internal "internal"
}

#[derive(Template)]
#[template(path = "runbook.html", config = "src/expose/askama.toml")]
struct Page {
    title: &'static str,
    /// From this page to the first one.
    up: &'static str,
    blocks: Vec<Block>,
}

/// What a runbook is made of.
#[derive(Debug, PartialEq, Eq)]
enum Block {
    Title(String),
    Heading(String),
    Text(Vec<Span>),
    Code(String),
    /// Numbered: the order matters.
    Steps(Vec<Vec<Span>>),
    Points(Vec<Vec<Span>>),
    Causes(Vec<(&'static str, String)>),
}

/// A run of text, or of code within it.
#[derive(Debug, PartialEq, Eq)]
pub struct Span {
    /// It is code.
    pub code: bool,
    /// Its text.
    pub text: String,
}

/// The runbook as a page.
#[must_use]
pub fn page(cause: Cause) -> String {
    html(cause.code(), "../", blocks(text(cause)))
}

/// All causes and their runbooks, as the page `/runbooks`.
#[must_use]
pub fn index() -> String {
    let mut blocks = vec![Block::Title("Runbooks".to_owned())];
    for (found, causes) in by_check() {
        blocks.push(Block::Heading(found.to_owned()));
        let row = |cause: &Cause| (cause.code(), sentence(*cause));
        blocks.push(Block::Causes(causes.iter().map(row).collect()));
    }
    html("runbooks", "./", blocks)
}

/// All causes in the order of the table, by the check that finds them.
fn by_check() -> impl Iterator<Item = (&'static str, &'static [Cause])> {
    let groups = Cause::ALL.chunk_by(|a, b| a.family() == b.family());
    groups.filter_map(|group| group.first().map(|cause| (found_by(cause.family()), group)))
}

fn found_by(family: Family) -> &'static str {
    match family {
        Family::Dns => "dns: the name, at either end",
        Family::Tcp => "tcp: the connection, at either end",
        Family::Tls => "tls: the certificate and the handshake, at either end",
        Family::Query => "query and grafana_query: the answer, or its absence",
        Family::Data => "freshness and the rest of the data: it answers, and the data is not good",
        Family::Grafana => "grafana_health and grafana_query: Grafana itself",
        Family::Auth => "auth: what promlink may do at Grafana",
        Family::Datasource => "datasource: its settings in Grafana",
        Family::Agreement => "agreement: the two paths side by side",
        Family::Ours => "promlink itself, and its place in the network",
    }
}

/// What happened; which end it is about is known only once a cause was found.
fn sentence(cause: Cause) -> String {
    cause.row().sentence.replace("{it}", "the server")
}

fn html(title: &'static str, up: &'static str, blocks: Vec<Block>) -> String {
    // Writing text into a String cannot fail.
    Page { title, up, blocks }.render().unwrap_or_default()
}

/// Titles, headings, fenced code, lists and paragraphs.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let code: Vec<&str> =
                lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            blocks.push(Block::Code(code.join("\n")));
        } else if let Some(title) = line.strip_prefix("# ") {
            blocks.push(Block::Title(title.to_owned()));
        } else if let Some(heading) = line.strip_prefix("## ") {
            blocks.push(Block::Heading(heading.to_owned()));
        } else if !line.is_empty() {
            let mut text = line.to_owned();
            while let Some(more) = lines.next_if(|line| goes_on(line)) {
                text.push(' ');
                text.push_str(more.trim_start());
            }
            push_text(&mut blocks, &text);
        }
    }
    blocks
}

/// Whether a line belongs to the paragraph or item before it.
fn goes_on(line: &str) -> bool {
    let begins_another = line.starts_with('#') || line.starts_with("```");
    !line.is_empty() && !begins_another && step(line).or(point(line)).is_none()
}

/// What follows `1. ` and the like.
fn step(line: &str) -> Option<&str> {
    line.strip_prefix(|c: char| c.is_ascii_digit())?.strip_prefix(". ")
}

/// What follows `- `.
fn point(line: &str) -> Option<&str> {
    line.strip_prefix("- ")
}

fn push_text(blocks: &mut Vec<Block>, text: &str) {
    let new = if let Some(step) = step(text) {
        Block::Steps(vec![spans(step)])
    } else if let Some(point) = point(text) {
        Block::Points(vec![spans(point)])
    } else {
        Block::Text(spans(text))
    };
    match (blocks.last_mut(), new) {
        (Some(Block::Steps(items)), Block::Steps(item))
        | (Some(Block::Points(items)), Block::Points(item)) => items.extend(item),
        (_, new) => blocks.push(new),
    }
}

/// Every second piece between backticks is code. A link is needed only where there is a folder of
/// runbooks; elsewhere its name says the same.
pub fn spans(text: &str) -> Vec<Span> {
    let mut unlinked = String::new();
    for (index, piece) in text.split("](").enumerate() {
        let piece =
            if index == 0 { piece } else { piece.split_once(')').map_or("", |(_, rest)| rest) };
        unlinked.push_str(&piece.replace("[`", "`"));
    }
    let pieces = unlinked.split('`').enumerate();
    let spans = pieces.map(|(index, text)| Span { code: index % 2 == 1, text: text.to_owned() });
    spans.filter(|span| !span.text.is_empty()).collect()
}

// === impl Span ===

impl Span {
    /// Whether it names a cause, which has a page.
    pub fn is_cause(&self) -> bool {
        self.code && Cause::from_code(&self.text).is_some()
    }
}

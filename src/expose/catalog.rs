//! The one table of every metric: name, type, unit, labels, help.
//!
//! README, `promlink metrics`, rules, dashboard and tests are made from it or held against it, so a
//! name is written twice in the code at most: here, and as the constant that renders it.

#[cfg(test)]
mod tests;

/// One metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The public name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What its number means.
    pub unit: Unit,
    /// What there is one series for.
    pub per: Per,
    /// The names of all its labels, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Goes up only, and starts at 0.
    Counter,
    /// Cumulated buckets, sum and count.
    Histogram,
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 1 or 0.
    Flag,
    /// Always 1; the labels say it.
    Info,
    /// How many.
    Count,
    /// A duration.
    Seconds,
    /// Seconds since 1970.
    Timestamp,
    /// Memory.
    Bytes,
}

/// What there is one series for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// Each link.
    Link,
    /// Each Grafana.
    Grafana,
    /// Each distinct Prometheus address.
    Server,
    /// This process.
    Promlink,
    /// An answer of `/probe`; not on `/metrics`.
    Probe,
}

macro_rules! metrics {
    ($(
        $id:ident $name:literal $kind:ident $unit:ident $per:ident [$($label:literal)*]
        $help:literal
    )+) => {
        $(#[doc = $help]
        pub const $id: Metric = Metric {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            per: Per::$per,
            labels: &[$($label),*],
            help: $help,
        };)+

        /// All, in the order in which they are rendered.
        pub const ALL: &[Metric] = &[$($id),+];
    };
}

metrics! {
    // --- link
    LINK_UP "promlink_link_up" Gauge Flag Link ["link"]
        "Can Grafana read Prometheus: 1 working or degraded, 0 broken, absent if nobody can tell."
    LINK_VERDICT "promlink_link_verdict" Gauge Flag Link ["link" "verdict"]
        "1 for the published verdict of the link, 0 for the others."
    LINK_CAUSE "promlink_link_cause" Gauge Info Link ["link" "cause" "path" "check" "side"]
        "Why the link is not working, where that was found, who has to act; absent while working."
    LINK_FINDING "promlink_link_finding" Gauge Info Link
        ["link" "cause" "weight" "path" "check" "subject"]
        "Everything else that was found; weight says what it does to the link by itself."
    LINK_ALARM "promlink_link_alarm" Gauge Flag Link ["link" "alarm"]
        "1 while that alarm of the link stands, after waiting and collapsing."
    LINK_VERDICT_CHANGED "promlink_link_verdict_changed_timestamp_seconds" Gauge Timestamp Link
        ["link"]
        "When the published verdict became the present one."
    LINK_VERDICT_SECONDS "promlink_link_verdict_seconds_total" Counter Seconds Link
        ["link" "verdict"]
        "Time spent in each published verdict; availability comes from this."
    LINK_OUTAGES "promlink_link_outages_total" Counter Count Link ["link" "side"]
        "Times that the link became broken, by who had to act."
    LINK_INTERVAL "promlink_link_interval_seconds" Gauge Seconds Link ["link"]
        "From the start of one cycle to the start of the next."
    LINK_INFO "promlink_link_info" Gauge Info Link
        ["link" "prometheus_url" "grafana" "datasource_uid" "datasource_name"]
        "What the link connects; a label is empty if there is no such end or it is not known yet."

    // --- link, path
    PATH_SUCCESS "promlink_path_success" Gauge Flag Link ["link" "path"]
        "1 if the latest walk of the path passed, 0 if it failed, absent if it could not tell."
    PATH_LAST_DURATION "promlink_path_last_duration_seconds" Gauge Seconds Link ["link" "path"]
        "How long the latest walk of the path took."
    PATH_DURATION "promlink_path_duration_seconds" Histogram Seconds Link ["link" "path"]
        "How long walks of the path took that passed."
    CLOCK_SKEW "promlink_clock_skew_seconds" Gauge Seconds Link ["link" "path"]
        "The clock at the end of the path minus promlink's."
    TLS_NOT_AFTER "promlink_tls_certificate_not_after_timestamp_seconds" Gauge Timestamp Link
        ["link" "path"]
        "When the certificate at the end of the path expires."

    // --- link, check
    CHECK_SUCCESS "promlink_check_success" Gauge Flag Link ["link" "path" "check"]
        "1 if the check passed in the latest cycle, 0 if it failed, absent if it was skipped."
    CHECK_DURATION "promlink_check_duration_seconds" Gauge Seconds Link ["link" "path" "check"]
        "How long the check took in the latest cycle; absent if it was skipped."
    CHECK_FAILURES "promlink_check_failures_total" Counter Count Link ["link" "path" "check"]
        "Times that the check failed."

    // --- link, data
    TARGETS "promlink_prometheus_targets" Gauge Count Link ["link"]
        "Series that the selector of the link gave; by default one for each target."
    TARGETS_UP "promlink_prometheus_targets_up" Gauge Count Link ["link"]
        "How many of them have the value 1."
    NEWEST_SAMPLE "promlink_prometheus_newest_sample_timestamp_seconds" Gauge Timestamp Link
        ["link"]
        "The time of the newest sample of the selector, by the server's clock."
    PROMETHEUS_INFO "promlink_prometheus_info" Gauge Info Link ["link" "flavour" "version"]
        "What kind of server answered."
    ASSERTION_SUCCESS "promlink_assertion_success" Gauge Flag Link ["link" "assertion"]
        "1 if the assertion about the data holds, 0 if it does not, absent if that cannot be told."

    // --- link, cycle
    CYCLES "promlink_cycles_total" Counter Count Link ["link"]
        "Cycles that ended."
    CYCLES_MISSED "promlink_cycles_missed_total" Counter Count Link ["link"]
        "Cycles that did not start because the one before still ran."
    CYCLE_LAST_RUN "promlink_cycle_last_run_timestamp_seconds" Gauge Timestamp Link ["link"]
        "When the latest cycle ended."

    // --- Grafana
    GRAFANA_UP "promlink_grafana_up" Gauge Flag Grafana ["grafana"]
        "1 if Grafana answered, 0 if it failed, absent if nobody can tell."
    GRAFANA_ALARM "promlink_grafana_alarm" Gauge Flag Grafana ["grafana" "alarm"]
        "1 while that alarm of the Grafana stands."
    GRAFANA_INFO "promlink_grafana_info" Gauge Info Grafana ["grafana" "version"]
        "The version of Grafana."
    GRAFANA_TOKEN_NOT_AFTER "promlink_grafana_token_not_after_timestamp_seconds"
        Gauge Timestamp Grafana ["grafana"]
        "When the token that promlink made for itself expires; absent where it made none."
    DISCOVERED_LINKS "promlink_discovered_links" Gauge Count Grafana ["grafana"]
        "Links that were found in this Grafana."
    DISCOVERY_LAST_SUCCESS "promlink_discovery_last_success_timestamp_seconds"
        Gauge Timestamp Grafana ["grafana"]
        "When this Grafana's list of data sources was last read."

    // --- server
    SERVER_UP "promlink_server_up" Gauge Flag Server ["server"]
        "1 if the Prometheus at this address answered, 0 if it failed, absent if nobody can tell."
    SERVER_ALARM "promlink_server_alarm" Gauge Flag Server ["server"]
        "1 while the alarm of this address stands, in place of those of its links."

    // --- promlink
    BUILD_INFO "promlink_build_info" Gauge Info Promlink ["version"]
        "The version of promlink."
    CONFIG_RELOAD_SUCCESSFUL "promlink_config_last_reload_successful" Gauge Flag Promlink []
        "Whether the configuration in force is the one in the file."
    CONFIG_RELOAD_SUCCESS_TIME "promlink_config_last_reload_success_timestamp_seconds"
        Gauge Timestamp Promlink []
        "When the configuration in force was loaded."
    CYCLES_IN_FLIGHT "promlink_cycles_in_flight" Gauge Count Promlink []
        "Cycles that run now."
    PANICS "promlink_panics_total" Counter Count Promlink []
        "Panics of promlink itself, each in one cycle; the others went on."
    REQUESTS "promlink_requests_total" Counter Count Promlink ["peer"]
        "Requests that promlink sent, by the kind of server: prometheus, grafana or dns."
    ALARM_RECEIVERS "promlink_alarm_receivers" Gauge Count Promlink []
        "Configured receivers of pushed alarms; a heartbeat is none."
    ALARMS_FIRING "promlink_alarms_firing" Gauge Count Promlink []
        "Alarms that stand now, of links, Grafanas and servers."
    ALARMS_DELIVERED "promlink_alarms_delivered" Gauge Flag Promlink []
        "1 while an Alertmanager accepts what promlink pushes; the rules stay quiet then."
    NOTIFICATIONS "promlink_notifications_total" Counter Count Promlink ["receiver"]
        "Notifications sent to the receiver, at each of its addresses."
    NOTIFICATIONS_FAILED "promlink_notifications_failed_total" Counter Count Promlink ["receiver"]
        "Notifications that the receiver, or one of its addresses, did not accept."
    ALARM_LAST_SUCCESS "promlink_alarm_last_success_timestamp_seconds" Gauge Timestamp Promlink
        ["receiver"]
        "When the receiver last accepted a notification."
    PROCESS_CPU "process_cpu_seconds_total" Counter Seconds Promlink []
        "Total user and system CPU time spent in seconds."
    PROCESS_OPEN_FDS "process_open_fds" Gauge Count Promlink []
        "Number of open file descriptors."
    PROCESS_MAX_FDS "process_max_fds" Gauge Count Promlink []
        "Maximum number of open file descriptors."
    PROCESS_VIRTUAL_MEMORY "process_virtual_memory_bytes" Gauge Bytes Promlink []
        "Virtual memory size in bytes."
    PROCESS_RESIDENT_MEMORY "process_resident_memory_bytes" Gauge Bytes Promlink []
        "Resident memory size in bytes."
    PROCESS_START_TIME "process_start_time_seconds" Gauge Timestamp Promlink []
        "Start time of the process since unix epoch in seconds."
    PROCESS_THREADS "process_threads" Gauge Count Promlink []
        "Number of OS threads in the process."

    // --- /probe
    PROBE_SUCCESS "probe_success" Gauge Flag Probe []
        "1 if the probed link is working or degraded, else 0."
    PROBE_DURATION "probe_duration_seconds" Gauge Seconds Probe []
        "How long the cycle took."
    PROBE_DNS_LOOKUP "probe_dns_lookup_time_seconds" Gauge Seconds Probe []
        "How long resolving Prometheus' name took, or Grafana's if there is no direct path."
    PROBE_VERDICT "promlink_probe_verdict" Gauge Flag Probe ["verdict"]
        "1 for the verdict of the cycle, 0 for the others."
}

/// The catalogue for a terminal: aligned columns, one metric a line.
#[must_use]
pub fn table() -> String {
    let mut widths = HEADINGS.map(str::len);
    for row in rows() {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = (*width).max(cell.len());
        }
    }
    let mut out = String::new();
    for row in [HEADINGS.map(str::to_owned)].into_iter().chain(rows()) {
        let mut line = String::new();
        for (width, cell) in widths.into_iter().zip(row) {
            line += &format!("{cell:width$}  ");
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// The catalogue as a table for README.
#[must_use]
pub fn markdown() -> String {
    let mut out = format!("| {} |\n|{}\n", HEADINGS.join(" | "), "---|".repeat(HEADINGS.len()));
    for [name, kind, unit, labels, help] in rows() {
        let labels = if labels.is_empty() { labels } else { format!("`{labels}`") };
        out += &format!("| `{name}` | {kind} | {unit} | {labels} | {help} |\n");
    }
    out
}

const HEADINGS: [&str; 5] = ["metric", "type", "unit", "labels", "help"];

/// All, as cells.
fn rows() -> impl Iterator<Item = [String; 5]> {
    ALL.iter().map(|metric| {
        let labels = metric.labels.join(", ");
        [metric.name, metric.kind.as_str(), metric.unit.as_str(), &labels, metric.help]
            .map(str::to_owned)
    })
}

impl Kind {
    /// The word of the `# TYPE` line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

impl Unit {
    /// A word for the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "0 or 1",
            Self::Info => "1",
            Self::Count => "count",
            Self::Seconds => "seconds",
            Self::Timestamp => "unix time",
            Self::Bytes => "bytes",
        }
    }
}

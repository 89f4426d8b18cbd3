//! The one table of causes.
//!
//! A cause is a public name: it stands in metrics, JSON and runbooks, and once shipped it stays.
//! The same cause may be found at either end: `connection_refused` at `grafana`/`tcp` means that
//! *Grafana* refused. So a sentence says `{it}` where the name of the end belongs, and stays true
//! from either place. `next_step` is what an expert would do first.

/// What a cause does to a link by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// Worth knowing; the verdict stays.
    Notes,
    /// Panels get data, but something wants attention.
    Degrades,
    /// Panels get no true data.
    Breaks,
}

/// The row of one cause.
#[derive(Debug, PartialEq, Eq)]
pub struct CauseRow {
    /// The public name; the runbook has the same one.
    pub code: &'static str,
    /// Its weight, before the exceptions that `diagnosis` knows.
    pub weight: Weight,
    /// The family that it belongs to.
    pub family: Family,
    /// What happened, as a clause about `{it}`.
    pub sentence: &'static str,
    /// What to do first, as one sentence.
    pub next_step: &'static str,
}

/// The row of the design's table that a cause belongs to; rules speak of families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Found while resolving.
    Dns,
    /// Found while connecting.
    Tcp,
    /// Found in the handshake.
    Tls,
    /// Found in the answer, or its absence.
    Query,
    /// Found in the data.
    Data,
    /// Grafana's own.
    Grafana,
    /// Found in our rights at Grafana.
    Auth,
    /// Found in the data source.
    Datasource,
    /// Found by comparing the paths.
    Agreement,
    /// About promlink itself.
    Ours,
}

macro_rules! causes {
    ($(
        $variant:ident $code:literal $weight:ident $family:ident $sentence:literal $next:literal
    )+) => {
        /// Why a check failed, or what one found without failing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause {
            $(#[doc = $sentence] $variant,)+
        }

        impl Cause {
            /// All, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its row.
            #[must_use]
            pub fn row(self) -> &'static CauseRow {
                match self {
                    $(Self::$variant => &CauseRow {
                        code: $code,
                        weight: Weight::$weight,
                        family: Family::$family,
                        sentence: $sentence,
                        next_step: $next,
                    },)+
                }
            }
        }
    };
}

causes! {
    DnsWrongClusterDomain "dns_wrong_cluster_domain" Breaks Dns
        "the cluster domain in the name of {it} is not the one that this cluster's DNS serves"
        "Correct the cluster domain in the URL, or end the host at `.svc`; the search list in resolv.conf shows the real one."
    DnsNoSuchNamespace "dns_no_such_namespace" Breaks Dns
        "the DNS of the cluster does not know the namespace in the name of {it}"
        "Compare the namespace in the URL with `kubectl get namespaces`: a typo, another cluster, or deleted?"
    DnsNoSuchService "dns_no_such_service" Breaks Dns
        "the namespace exists, but DNS has no Service in it of the name of {it}"
        "Compare the host in the URL with `kubectl get services` in that namespace; if it is there and headless, look at its pods."
    DnsNoSuchName "dns_no_such_name" Breaks Dns
        "the name of {it} does not exist in DNS"
        "Check the spelling of the host in the URL, and that its DNS record exists; a name in `.svc` exists only inside its cluster."
    DnsNoAddress "dns_no_address" Breaks Dns
        "the name of {it} exists in DNS, but has no address"
        "Check that the URL names a Service and not a namespace, and that its IP family fits."
    DnsServerFailure "dns_server_failure" Breaks Dns
        "the DNS server could not answer for {it} (SERVFAIL)"
        "Look at the log of the DNS server; if it is CoreDNS: is it synchronised with the API server, does its upstream answer?"
    DnsRefused "dns_refused" Breaks Dns
        "the DNS server refuses to answer for {it}"
        "Check which zones the DNS server serves and forwards, and that resolv.conf names the right server."
    DnsServerUnreachable "dns_server_unreachable" Breaks Dns
        "the DNS server, asked for {it}, cannot be reached: its port is closed, or the network bars the way"
        "Check that CoreDNS has ready pods behind the kube-dns Service, that resolv.conf has its address, and that no policy bars port 53."
    DnsTimeout "dns_timeout" Breaks Dns
        "the DNS server did not answer for {it}"
        "Check that CoreDNS answers others, and that NetworkPolicies let the asking pod reach port 53."
    DnsMalformed "dns_malformed" Breaks Dns
        "the answer of the DNS server for {it} is not a valid DNS message"
        "Find out what answers on port 53 at that address."
    DnsSlow "dns_slow" Degrades Dns
        "resolving the name of {it} takes long"
        "Look at the resends in the evidence: with any, packets are lost or late (conntrack: NodeLocal DNSCache helps); with none, CoreDNS is slow."
    WrongPort "wrong_port" Breaks Tcp
        "nothing answers at the port in the URL of {it}, and its Service has other ports"
        "Use one of the ports of the Service, which the evidence lists, in the URL."
    NoReadyEndpoints "no_ready_endpoints" Breaks Tcp
        "the Service of {it} is there, but nothing ready answers behind it"
        "Look at the pods behind the Service: `kubectl get endpointslices`, then describe the pod that is not ready."
    ConnectionRefused "connection_refused" Breaks Tcp
        "{it} refused the connection: nothing accepts it at that address and port"
        "Check that the process runs and listens at that address and port; behind a Service, that it selects ready pods."
    ConnectionTimeout "connection_timeout" Breaks Tcp
        "packets to {it} get no answer"
        "Look for a NetworkPolicy or firewall that drops them, then at the port in the URL, the pods and the node of {it}."
    HostUnreachable "host_unreachable" Breaks Tcp
        "the network says that the host of {it} cannot be reached"
        "Check that a ready pod is behind the Service, for some data planes say so when there is none; then its node and the firewalls."
    NetworkUnreachable "network_unreachable" Breaks Tcp
        "the network says that there is no route to {it}"
        "Check the routes and interfaces of the pod, and that both sides share an IP family."
    ConnectionDenied "connection_denied" Breaks Tcp
        "the local system or the network forbids connections to {it}"
        "Look at NetworkPolicies and the CNI's logs; some data planes say so of a Service without endpoints."
    ConnectionReset "connection_reset" Breaks Tcp
        "{it} reset the connection"
        "Check the process and any proxy in front of it; a reset after a handshake can mean a missing client certificate."
    ProxyUnreachable "proxy_unreachable" Breaks Tcp
        "the proxy on the way to {it} cannot be reached"
        "Check `proxy_url`, and that the proxy runs; put in-cluster hosts into `no_proxy`."
    ProxyRefused "proxy_refused" Breaks Tcp
        "the proxy refuses to connect to {it}"
        "Check the proxy's rules and credentials, or put the host into `no_proxy`."
    TlsUnknownCa "tls_unknown_ca" Breaks Tls
        "the certificate of {it} is signed by a CA that is not trusted"
        "Give the right CA to the side that asks (`tls_config.ca_file`; in Grafana \"CA certificate\"); the evidence names the issuer."
    TlsExpired "tls_expired" Breaks Tls
        "the certificate of {it} has expired"
        "Renew the certificate, and check what should have renewed it."
    TlsNotYetValid "tls_not_yet_valid" Breaks Tls
        "the certificate of {it} is not valid yet"
        "Compare the clocks of both sides with the dates in the evidence."
    TlsWrongName "tls_wrong_name" Breaks Tls
        "the certificate of {it} is for other names"
        "Use one of the certificate's names in the URL, or set the name to expect (`tls_config.server_name`)."
    TlsNotSpoken "tls_not_spoken" Breaks Tls
        "{it} does not speak TLS at this port"
        "Use http:// in the URL, or the port that speaks TLS."
    TlsClientCertificateRequired "tls_client_certificate_required" Breaks Tls
        "{it} wants a client certificate that it accepts"
        "Give a client certificate that the server's CA signed (`tls_config.cert_file` and `key_file`; in Grafana \"TLS client authentication\")."
    TlsHandshakeFailed "tls_handshake_failed" Breaks Tls
        "the TLS handshake with {it} failed"
        "Compare the protocol versions and ciphers of both sides; the evidence has the alert."
    TlsExpiring "tls_expiring" Notes Tls
        "the certificate of {it} expires soon"
        "Renew the certificate before the date in the evidence."
    NoResponse "no_response" Breaks Query
        "{it} accepted the connection but did not answer in time"
        "Look at the process: is it frozen, overloaded, or out of connections (`--web.max-connections`)?"
    ConnectionClosed "connection_closed" Breaks Query
        "{it} closed the connection without an answer"
        "Look at the logs of the process and of any proxy in front of it: does it crash or restart?"
    TlsRequired "tls_required" Breaks Query
        "{it} speaks TLS at this port, and was asked in plain HTTP"
        "Use https:// in the URL."
    Unauthorized "unauthorized" Breaks Query
        "{it} wants credentials, or rejects those it got (401)"
        "Check user, password or token for {it}; without any, configure them."
    Forbidden "forbidden" Breaks Query
        "{it} forbids the request (403)"
        "Check what the credentials may do, and the rules of any proxy in front of {it}."
    LoginPage "login_page" Breaks Query
        "a login page answers in place of {it}"
        "Point the URL past the login proxy at the server itself, or use credentials that the proxy accepts."
    Redirected "redirected" Breaks Query
        "{it} redirects elsewhere"
        "Use the target of the redirect, which the evidence shows, if that is the right server."
    WrongPathPrefix "wrong_path_prefix" Breaks Query
        "{it} does not know the path: the prefix in the URL is wrong or missing, or another server answers there"
        "Compare the path in the URL with the prefix that {it} serves: Prometheus' `--web.route-prefix` (Mimir: `/prometheus`), Grafana's `root_url` where `serve_from_sub_path` is on."
    MethodNotAllowed "method_not_allowed" Breaks Query
        "{it} does not allow the HTTP method"
        "Set the method to the other one of GET and POST."
    RateLimited "rate_limited" Breaks Query
        "{it} limits the rate of requests (429)"
        "Raise the limit, or find who sends too many queries."
    TenantMissing "tenant_missing" Breaks Query
        "{it} wants to know the tenant"
        "Set the header `X-Scope-OrgID`."
    Starting "starting" Breaks Query
        "{it} is starting and replays its write-ahead log"
        "Wait for the replay to end; if it restarts again and again, look at memory limits and the pod's last state."
    Stopping "stopping" Breaks Query
        "{it} is shutting down"
        "Find out who stopped it; if this is a rollout, wait for the next pod."
    AgentMode "agent_mode" Breaks Query
        "{it} runs in agent mode, and cannot be queried"
        "Point the URL at the server that the agent writes to."
    ExporterNotPrometheus "exporter_not_prometheus" Breaks Query
        "an exporter answers in place of {it}"
        "Correct the port or path in the URL: it points at a /metrics page."
    NotPrometheus "not_prometheus" Breaks Query
        "something that is not Prometheus answers in place of {it}"
        "Correct the URL; the evidence shows how the answer begins."
    QueryTimeout "query_timeout" Breaks Query
        "{it} gave up on the query for lack of time"
        "Look at the load of Prometheus: expensive queries, `--query.max-concurrency`, slow storage."
    QueryRejected "query_rejected" Breaks Query
        "{it} rejects the query"
        "Read the error in the evidence: a mistake in this link's `selector` or assertion, a limit on samples, or a proxy that wants a label."
    ServerError "server_error" Breaks Query
        "{it} reports an internal error"
        "Look at the logs of {it}; the evidence has the error."
    StorageFailing "storage_failing" Breaks Query
        "{it} cannot read its storage"
        "Look at the disk and the logs of {it}: full, read-only or corrupt?"
    GatewayError "gateway_error" Breaks Query
        "a gateway in front of {it} cannot reach it"
        "Look at the pods behind that gateway, and at its own logs."
    ForwardProxyAnswered "forward_proxy_answered" Breaks Query
        "the forward proxy answered in place of {it}"
        "Check the proxy's rules and credentials, or put the host into `no_proxy`."
    AnswerMalformed "answer_malformed" Breaks Query
        "the answer of {it} is cut or not what its API promises"
        "Look for a proxy that cuts or rewrites answers, and at the logs of {it}."
    AnswerTooLarge "answer_too_large" Breaks Query
        "the answer of {it} is larger than is read"
        "Use a narrower selector for this link."
    NoSeries "no_series" Breaks Data
        "{it} answers, but has no series for the selector"
        "Check whether Prometheus scrapes anything (its /targets page), then the selector and the tenant."
    DataStale "data_stale" Breaks Data
        "the newest sample of {it} is too old"
        "Look at scraping, remote write and the disk of Prometheus, and at its /targets page."
    AllTargetsDown "all_targets_down" Degrades Data
        "{it} answers, but every target is down"
        "Look at the /targets page of Prometheus: network, credentials and certificates of its scrapes."
    TargetsDown "targets_down" Degrades Data
        "{it} answers, but many targets are down"
        "Look at the /targets page of Prometheus for what the targets have in common."
    PartialAnswer "partial_answer" Degrades Data
        "{it} answers with part of the data only"
        "Look at the stores behind it (Thanos: /stores; VictoriaMetrics: vmstorage nodes)."
    Slow "slow" Degrades Data
        "{it} answers slowly"
        "Look at the load of Prometheus and of the way to it; the checks show where the time goes."
    ClockSkew "clock_skew" Degrades Data
        "the clock of {it} differs from ours"
        "Check time synchronisation on both nodes; panels that end at `now` miss data."
    ReplicasDisagree "replicas_disagree" Degrades Data
        "the replicas behind {it} give different answers"
        "Compare the replicas' targets and versions; readers see one or the other by chance."
    ConfigReloadFailed "config_reload_failed" Notes Data
        "{it} runs with an old configuration: its last reload failed"
        "Look for the mistake in the log of {it}; `promtool check config` finds it before a reload does."
    RetentionShort "retention_short" Notes Data
        "{it} keeps data for less time than panels ask for"
        "Raise the retention of {it}, or let panels ask for less: what lies beyond comes back empty, without an error."
    AssertionFailed "assertion_failed" Notes Data
        "an assertion about the data of {it} does not hold"
        "Look at what should produce those series; the evidence names the assertion."
    UnreachableFromGrafana "unreachable_from_grafana" Breaks Grafana
        "Grafana cannot query {it}, and does not say why"
        "Compare the data source's URL and credentials with what works here, then Grafana's logs and network."
    GrafanaDatabaseDown "grafana_database_down" Breaks Grafana
        "Grafana's own database fails"
        "Look at Grafana's database and at its logs."
    GrafanaStarting "grafana_starting" Breaks Grafana
        "Grafana is starting"
        "Wait for it; if it restarts again and again, look at its logs."
    NotGrafana "not_grafana" Breaks Grafana
        "something that is not Grafana answers at Grafana's URL"
        "Correct Grafana's URL, its path included; the evidence shows how the answer begins."
    GrafanaLoginRedirect "grafana_login_redirect" Breaks Grafana
        "a login proxy in front of Grafana wants a person to log in"
        "Point Grafana's URL past the login proxy, for example at its Service in the cluster."
    GrafanaServerError "grafana_server_error" Breaks Grafana
        "Grafana reports an internal error"
        "Look at Grafana's logs; the evidence has the error."
    TokenMissing "token_missing" Breaks Auth
        "Grafana wants a token, and promlink has none"
        "Make a token (role Viewer) by `promlink grafana-token` and give it in `authorization.credentials_file`; if a file or `bootstrap` is configured, the evidence says why there is none."
    TokenRejected "token_rejected" Breaks Auth
        "Grafana rejects promlink's token or password"
        "Check that the file holds the token, or the password, of this Grafana and nothing else; if the token was deleted there, make a new one by `promlink grafana-token`."
    TokenExpired "token_expired" Breaks Auth
        "promlink's Grafana token has expired"
        "Make a new token by `promlink grafana-token` and put it into the token file; it is read at each use."
    PermissionMissing "permission_missing" Breaks Auth
        "promlink's Grafana token lacks a permission"
        "Give the service account the role Viewer, or `datasources:read` and `datasources:query` for this data source."
    WrongOrganisation "wrong_organisation" Breaks Auth
        "promlink's Grafana token belongs to another organisation"
        "Make a token in the organisation `org_id`, or correct `org_id`."
    TokenExpiring "token_expiring" Notes Auth
        "promlink's Grafana token expires soon"
        "Mend what keeps promlink from making a new one: the login in `bootstrap`, or Grafana."
    DatasourceNotFound "datasource_not_found" Breaks Datasource
        "Grafana has no such data source"
        "Check uid and organisation (the uid ends the address of its settings page; by its name: `datasource.name`); provisioned ones vanish when their ConfigMap does."
    DatasourceWrongType "datasource_wrong_type" Breaks Datasource
        "the data source is not of a Prometheus type"
        "Correct the uid of this link, or the type of the data source."
    PluginNotRegistered "plugin_not_registered" Breaks Datasource
        "Grafana has no plugin for the type of the data source"
        "Look in Grafana's log for the plugin's installation; a writable plugin folder or GF_PLUGINS_PREINSTALL_AUTO_UPDATE=false, and a restart, mend most."
    PluginUnavailable "plugin_unavailable" Breaks Datasource
        "the plugin of the data source does not run"
        "Look at Grafana's logs for why the plugin's process ended."
    DatasourceSettingsInvalid "datasource_settings_invalid" Breaks Datasource
        "Grafana cannot use the data source's settings"
        "Open the data source in Grafana; the evidence has the error."
    DatasourceUrlEmpty "datasource_url_empty" Breaks Datasource
        "the data source has no URL"
        "Set the URL of the data source."
    DatasourceUrlInvalid "datasource_url_invalid" Breaks Datasource
        "the data source's URL is not valid"
        "Correct the URL of the data source: scheme, host and port."
    DatasourceUrlLocalhost "datasource_url_localhost" Breaks Datasource
        "the data source's URL points at Grafana's own pod"
        "Replace localhost in the data source's URL by the name of the Prometheus Service."
    DatasourceUrlDiffers "datasource_url_differs" Breaks Datasource
        "the data source points at another address than the one that answers"
        "Compare the data source's URL with the one that works, both in the evidence, and correct it."
    DatasourceAccessDirect "datasource_access_direct" Breaks Datasource
        "the data source uses browser access, which Grafana no longer has for Prometheus"
        "Set the data source's access to `proxy` (server)."
    DatasourceNeedsUserLogin "datasource_needs_user_login" Breaks Datasource
        "the data source forwards each user's own login or team, so promlink cannot see what people see"
        "Add a second data source without forwarded identity for monitoring, or watch only the direct path."
    DatasourceDrift "datasource_drift" Notes Datasource
        "a setting of the data source differs from what this link expects"
        "Compare the setting in the evidence; panels get data, so it can wait for working hours."
    DuplicateDefault "duplicate_default" Notes Datasource
        "more than one data source claims to be the default"
        "Leave `isDefault: true` on one data source of the organisation."
    AnswersDiffer "answers_differ" Degrades Agreement
        "Grafana and promlink get different answers"
        "Compare the two: a replica that lags, another tenant, or a cache in between."
    DifferentPrometheus "different_prometheus" Degrades Agreement
        "Grafana reads another Prometheus than promlink"
        "Compare the data source's URL with this link's."
    VantageBlocked "vantage_blocked" Degrades Ours
        "promlink itself cannot reach {it} from where it runs"
        "Allow promlink's pod in the NetworkPolicies of Prometheus and Grafana, and check its own network."
    Intermittent "intermittent" Degrades Ours
        "the link fails again and again, and recovers"
        "Look at the history: what do the failed cycles have in common?"
    Overdue "overdue" Breaks Ours
        "no result has come in time"
        "Look at promlink's CPU limit and log; where a check through Grafana is named, at how slowly Grafana answers."
    OwnFileUnusable "own_file_unusable" Breaks Ours
        "promlink cannot use a file of its own that it needs to ask {it}"
        "Look at that file: is its Secret or ConfigMap mounted, readable by promlink's user, and whole?"
    Internal "internal" Breaks Ours
        "promlink failed by itself"
        "Give promlink what the evidence says it lacks, such as open files; report a panic in its log as a bug."
}

impl Cause {
    /// The public name.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// The cause of a public name.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.code() == code)
    }

    /// What it does to a link by itself.
    #[must_use]
    pub fn weight(self) -> Weight {
        self.row().weight
    }

    /// Its family.
    #[must_use]
    pub fn family(self) -> Family {
        self.row().family
    }
}

impl Weight {
    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notes => "notes",
            Self::Degrades => "degrades",
            Self::Breaks => "breaks",
        }
    }
}

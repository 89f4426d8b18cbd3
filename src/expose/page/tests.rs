use std::sync::Arc;

use expect_test::expect;

use super::*;
use crate::expose::tests::fixture;
use crate::link::LinkName;
use crate::selfstats::Role;

fn page(filter: &str) -> String {
    render(&fixture::snapshot(), &told(), filter, fixture::now())
}

/// What a reader without style and scripts is told, one line for each run of text.
fn text(html: &str) -> String {
    let (_, main) = html.split_once("<main>").unwrap();
    let (main, _) = main.split_once("</main>").unwrap();
    let mut text = String::new();
    for piece in main.split('<') {
        let shown = piece.split_once('>').map_or(piece, |(_, shown)| shown);
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        if !shown.is_empty() {
            text.push_str(&shown);
            text.push('\n');
        }
    }
    text
}

fn names(html: &str) -> Vec<&str> {
    html.split("id=\"link-")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(id, _)| id)
        .collect()
}

#[test]
fn what_it_tells() {
    expect![[r#"
        The configuration file could not be loaded; the one of 2026-01-01 00:00:00 UTC is in force. promlink&#39;s log has the errors.
        Grafana dev (http://grafana.dev.svc:3000) is down or out of reach.
        The Prometheus at 10.0.0.7:9090 is down or out of reach.
        1 broken
        ,
        1 blind
        ,
        1 degraded
        ,
        1 unknown
        ,
        1 working
        at
        2026-01-01 01:00:00 UTC
        ✗
        broken
        broken
        connection_refused
        at direct/tcp
        for
        10 min 0 s
        alarm stands
        Prometheus refused the connection at 10.0.0.7:9090
        Panels get no true data. Broken stays broken until there is evidence: promlink cannot check it since
        2026-01-01 00:58:20 UTC
        . To act: whoever runs Prometheus.
        Next: Check that the process runs and listens at that address and port; behind a Service, that it selects ready pods.
        Runbook connection_refused
        promlink → Prometheus: failed
        http://prometheus-k8s.monitoring.svc:9090
        passed
        dns
        1.00 ms
        failed
        tcp
        4.00 ms
        connection_refused
        address
        10.0.0.7:9090
        overlap
        NaN
        attempts
        first
        attempts
        second
        error
        &#34;}&#60;script&#62;alert(&#39;&#38;&#39;)&#60;/script&#62;\ # {{ x }}
        skipped
        query
        why
        needs tcp
        promlink → Grafana → Prometheus: failed
        main, data source &#34;}&#60;script&#62;alert(&#39;&#38;&#39;)&#60;/script&#62;\ # {{ x }}
        passed
        grafana_health
        3.00 ms
        failed
        grafana_query
        4.00 ms
        connection_refused
        Past cycles
        2026-01-01 00:59:35 UTC
        broken
        40 ms
        connection_refused
        at direct/tcp
        refused
        interval
        2026-01-01 00:59:20 UTC
        working
        40 ms
        interval
        JSON with history
        , checked
        9.9 s ago
        ?
        blind
        main/blind-1
        token_rejected
        at grafana/auth
        for
        10 min 0 s
        Grafana rejects promlink&#39;s token
        promlink cannot tell: it is kept from looking. The link itself may be fine. To act: whoever gave promlink its credentials.
        Next: Check that the file holds the token, or the password, of this Grafana and nothing else; if the token was deleted there, make a new one by
        promlink grafana-token
        .
        Runbook token_rejected
        promlink → Grafana → Prometheus: cannot tell
        main, data source prometheus
        failed
        auth
        4.00 ms
        token_rejected
        JSON with history
        , checked
        9.9 s ago
        !
        degraded
        degraded
        vantage_blocked
        at direct/tcp
        for
        10 min 0 s
        alarm stands
        promlink itself cannot reach Prometheus
        Panels get data, but something wants attention. To act: whoever configured and placed promlink.
        Next: Allow promlink&#39;s pod in the NetworkPolicies of Prometheus and Grafana, and check its own network.
        Runbook vantage_blocked
        promlink → Prometheus: cannot tell
        http://prometheus-k8s.monitoring.svc:9090
        failed
        tcp
        4.00 ms
        connection_timeout
        replica
        10.0.0.7:9090
        failed
        tcp
        4.00 ms
        connection_timeout
        replica
        10.0.0.8:9090
        promlink → Grafana → Prometheus: passed
        main, data source prometheus
        passed
        grafana_query
        30 ms
        JSON with history
        , checked
        9.9 s ago
        …
        unknown
        unknown
        for
        10 min 0 s
        No cycle has ended yet.
        No cycle has ended yet.
        JSON with history
        ✓
        working
        working
        for
        10 min 0 s
        312 series came back on both paths
        Real, fresh data comes back.
        promlink → Prometheus: passed
        http://prometheus-k8s.monitoring.svc:9090
        passed
        dns
        1.00 ms
        answers
        10.0.0.7
        passed
        tcp
        2.00 ms
        skipped
        tls
        why
        not needed
        passed
        query
        12 ms
        series
        312
        passed
        freshness
        9.00 ms
        age
        3.2 s
        failed
        assertions
        4.00 ms
        assertion_failed
        assertions
        pods: does not hold, no series
        assertions
        up: holds, 3 series
        promlink → Grafana → Prometheus: passed
        main, data source prometheus
        passed
        dns
        1.00 ms
        passed
        tcp
        1.00 ms
        passed
        tls
        7.00 ms
        not after
        2026-01-11 00:00:00 UTC
        passed
        grafana_health
        3.00 ms
        passed
        auth
        4.00 ms
        50.0 s ago
        passed
        datasource
        5.00 ms
        50.0 s ago
        skipped
        datasource_health
        why
        unsupported
        passed
        grafana_query
        21 ms
        passed
        agreement
        0.00 ms
        Also found
        datasource_drift
        notes, at grafana/datasource, to act: whoever owns the data source&#39;s settings in Grafana
        the data source uses GET, this link POST
        datasource_drift
        notes, at grafana/datasource, to act: whoever owns the data source&#39;s settings in Grafana
        header X-A
        datasource_drift
        notes, at grafana/datasource, to act: whoever owns the data source&#39;s settings in Grafana
        header X-B
        assertion_failed
        notes, at direct/assertions, to act: whoever runs Prometheus
        pods: does not hold, no series
        JSON with history
        , checked
        9.9 s ago
    "#]].assert_eq(&text(&page("")));
}

#[test]
fn one_link_as_html() {
    let html = page("degraded");
    let (_, link) = html.split_once("<details").unwrap();
    let (link, _) = link.split_once("</details>").unwrap();
    expect![[r#"
         class="link degraded" id="link-degraded" open>
        <summary>
          <span class="verdict"><span aria-hidden="true">!</span> degraded</span>
          <b>degraded</b> <span class="mono">vantage_blocked</span> <small>at direct/tcp</small> <small>for <time datetime="2026-01-01T00:50:00Z" title="since 2026-01-01 00:50:00 UTC">10 min 0 s</time></small> <small>alarm stands</small>
          <span class="why">promlink itself cannot reach Prometheus</span>
        </summary>
        <div>
          <p>Panels get data, but something wants attention. To act: whoever configured and placed promlink.</p>
          <p class="next">Next: Allow promlink&#39;s pod in the NetworkPolicies of Prometheus and Grafana, and check its own network. <a href="runbooks/vantage_blocked">Runbook vantage_blocked</a></p>
          <div class="paths">
          <table>
            <caption>promlink → Prometheus: cannot tell <small>http://prometheus-k8s.monitoring.svc:9090</small></caption>
            <tr>
              <td class="failed">failed</td>
              <th scope="row">tcp</th>
              <td class="time">4.00 ms</td>
              <td><a class="mono" href="runbooks/connection_timeout">connection_timeout</a> <span><small>replica</small> 10.0.0.7:9090</span> </td>
            </tr>
            <tr>
              <td class="failed">failed</td>
              <th scope="row">tcp</th>
              <td class="time">4.00 ms</td>
              <td><a class="mono" href="runbooks/connection_timeout">connection_timeout</a> <span><small>replica</small> 10.0.0.8:9090</span> </td>
            </tr>
          </table>
          <table>
            <caption>promlink → Grafana → Prometheus: passed <small>main, data source prometheus</small></caption>
            <tr>
              <td class="passed">passed</td>
              <th scope="row">grafana_query</th>
              <td class="time">30 ms</td>
              <td></td>
            </tr>
          </table>
          </div>
          <p><small><a href="api/v1/links/degraded">JSON with history</a>, checked <time datetime="2026-01-01T00:59:50Z">9.9 s ago</time></small></p>
        </div>
    "#]].assert_eq(link);
}

#[test]
fn worst_first() {
    let html = page("");
    assert_eq!(names(&html), ["broken", "main/blind-1", "degraded", "unknown", "working"]);
    assert!(html.contains("<title>1 broken · promlink</title>"));
}

#[test]
fn the_filter_finds_by_any_word_and_all_terms() {
    for (filter, expected) in [
        ("WORKING", &["working"][..]),
        ("token_rejected", &["main/blind-1"]),
        ("main prometheus-k8s", &["broken", "degraded", "unknown", "working"]),
        ("prometheus-k8s credentials", &[]),
        ("  ", &["broken", "main/blind-1", "degraded", "unknown", "working"]),
    ] {
        assert_eq!(names(&page(filter)), expected, "{filter}");
    }
}

#[test]
fn nothing_breaks_out_of_its_place() {
    let mut snapshot = fixture::snapshot();
    let mut link = fixture::broken();
    let nasty = || fixture::NASTY.to_owned();
    link.published.summary = nasty();
    link.published.next_step = nasty();
    link.info.prometheus_url = Some(nasty());
    link.info.datasource_uid = Some(nasty());
    link.name = LinkName::new(fixture::NASTY);
    link.published.findings = fixture::working().published.findings;
    link.published.findings[0].detail = nasty();
    snapshot.links = Arc::new([Arc::new(link)]);
    for filter in ["", fixture::NASTY, "script"] {
        let html = render(&snapshot, &told(), filter, fixture::now());
        assert_eq!(html.matches("<script>").count(), 1, "{filter}");
        assert!(!html.contains("alert('"), "{filter}");
        assert!(!html.contains("\"}"), "{filter}");
    }
}

#[test]
fn the_page_is_bounded() {
    let link = Arc::new(fixture::broken());
    let links: Arc<[_]> = (0..1000).map(|_| Arc::clone(&link)).collect();
    let snapshot = Snapshot { links, ..fixture::snapshot() };
    let html = render(&snapshot, &told(), "", fixture::now());
    assert_eq!(html.matches("<details").count(), MAX_LINKS);
    assert!(html.contains("The 100 most urgent are shown"));
    assert!(html.len() < 1024 * 1024, "{}", html.len());
    let long = render(&snapshot, &told(), &"x".repeat(100_000), fixture::now());
    assert!(long.len() < 16 * 1024);
}

#[test]
fn the_policy_admits_the_script_and_no_other() {
    use base64::Engine as _;
    let suite = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13().unwrap();
    let hash = suite.common.hash_provider.hash(include_str!("../page.js").as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(hash.as_ref());
    assert!(POLICY.contains(&format!("script-src 'sha256-{hash}'")), "now it is sha256-{hash}");
    assert!(page("").contains(&format!("<script>{}</script>", include_str!("../page.js"))));
}

#[test]
fn it_says_why_the_hops_and_the_verdict_disagree() {
    let told = |view: LinkView| {
        let mut snapshot = fixture::snapshot();
        snapshot.links = [Arc::new(view)].into();
        text(&render(&snapshot, &told(), "", fixture::now()))
    };
    let latest = |view: &LinkView| view.latest.clone();
    let recovering = LinkView { latest: latest(&fixture::working()), ..fixture::broken() };
    assert!(told(recovering).contains("The latest cycle was good."));
    let failing = LinkView { latest: latest(&fixture::broken()), ..fixture::working() };
    assert!(told(failing).contains("The latest cycle was worse"));
    assert!(!told(fixture::broken()).contains("The latest cycle"));
    assert!(!told(fixture::unknown()).contains("The latest cycle"));
}

#[test]
fn a_link_without_grafana_speaks_of_no_panels() {
    let mut view = fixture::broken();
    view.info.grafana = None;
    let mut snapshot = fixture::snapshot();
    snapshot.links = [Arc::new(view)].into();
    let told = text(&render(&snapshot, &told(), "", fixture::now()));
    assert!(told.contains("No true data comes back.") && !told.contains("Panels"), "{told}");
}

/// A receiver that accepts what it is told.
fn told() -> Receivers {
    let receivers = Receivers::default();
    receivers.set([("alertmanager am:9093".to_owned(), Role::Alertmanager)]);
    receivers.get("alertmanager am:9093").told_one(true, fixture::now().wall);
    receivers
}

#[test]
fn it_says_where_alarms_do_not_reach() {
    let shown =
        |receivers: &Receivers| text(&render(&fixture::snapshot(), receivers, "", fixture::now()));
    let heartbeat = Receivers::default();
    heartbeat.set([("heartbeat".to_owned(), Role::Heartbeat)]);
    for nobody in [Receivers::default(), heartbeat] {
        assert!(shown(&nobody).contains("Nobody is told of alarms"));
    }
    let receivers = told();
    assert!(!shown(&receivers).contains("larms do not reach"));
    receivers.get("alertmanager am:9093").told_one(false, fixture::now().wall);
    assert!(shown(&receivers).contains("Alarms do not reach: alertmanager am:9093."));
}

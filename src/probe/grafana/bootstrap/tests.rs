//! A token of our own in its second half of life, with a Grafana on a real socket. Hours pass only in
//! what a cycle is told of its beginning.

use crate::carried::GrafanaMemory;
use crate::demo::fault;
use crate::demo::grafana::{self, Account, Flavour, Grafana, Setup};
use crate::demo::prometheus::{self, Prometheus};
use crate::demo::standin::ANY_PORT;
use crate::link::{Link, sample};
use crate::net::dns::{DnsSettings, Resolver};
use crate::net::tls::trust::Trust;
use crate::probe::grafana::walk;
use crate::probe::{Deadlines, Net, Occasion};
use crate::report::check::Check;
use crate::report::{CarriedFacts, Trigger, Walk};
use crate::secret::Secret;

use std::sync::Arc;

use tempfile::NamedTempFile;

use super::*;

#[test]
fn a_token_is_renewed_at_half_its_life() {
    let now = clock::now();
    let after = |hours: u64| {
        let made = Now { mono: Duration::from_secs(3600), ..now };
        let own = OwnToken { made: Some(made), ..OwnToken::default() };
        let later = Now { mono: made.mono + Duration::from_secs(hours * 3600), ..now };
        (own.is_due(later), own.is_late(later))
    };
    assert_eq!([after(0), after(11)], [(false, false); 2]);
    assert_eq!([after(12), after(17)], [(true, false); 2]);
    assert_eq!(after(18), (true, true));
    assert!(!OwnToken::default().is_due(now));
}

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// A link through a Grafana that has no token for us, and an administrator's password.
struct Stage {
    grafana: Grafana,
    net: Arc<Net>,
    desk: Arc<Desk>,
    link: Link,
    begun: Now,
    password: NamedTempFile,
    _prometheus: Prometheus,
}

impl Stage {
    async fn new() -> Self {
        let prometheus = prometheus::start(ANY_PORT, prometheus::Setup::default()).await.unwrap();
        let url = format!("http://{}", prometheus.address());
        let mut setup = Setup::new(Flavour::V13, &url);
        setup.accounts.password = Some("hunter2".to_owned());
        let password = NamedTempFile::new().unwrap();
        std::fs::write(&password, "hunter2").unwrap();
        let grafana = grafana::start(ANY_PORT, setup).await.unwrap();
        let mut link = sample::link("a", None, Some("main"));
        let side = link.grafana.as_mut().unwrap();
        side.datasource = crate::link::DatasourceRef::Uid("prometheus".to_owned());
        let at = grafana.address();
        side.end = Arc::new(crate::link::Grafana {
            endpoint: sample::endpoint(&at.ip().to_string(), at.port()),
            bootstrap: Some(Auth::Basic {
                username: "admin".to_owned(),
                password: Secret::File(password.path().to_owned()),
            }),
            ..crate::link::Grafana::clone(&side.end)
        });
        let stats = Arc::default();
        let resolver = Resolver::new(DnsSettings::from_texts("", ""), Arc::clone(&stats));
        let net = Net { resolver, trust: Trust::default(), stats, host: "pod-1".into() };
        let desk = Arc::new(Desk::new(Arc::clone(&side.end)));
        let begun = clock::now();
        let net = Arc::new(net);
        Self { grafana, net, desk, link, begun, password, _prometheus: prometheus }
    }

    /// A cycle so long after the first one, which gets its report in the usual time.
    async fn cycle(&self, after: Duration) -> Walk {
        let occasion = Occasion {
            trigger: Trigger::Interval,
            started: self.begun.plus(after),
            deadlines: Deadlines::of(self.link.cadence),
            last_end: None,
            freshness: self.link.thresholds.freshness,
        };
        // Nobody else asked a moment ago.
        self.desk.auth.clear().await;
        let side = self.link.grafana.as_ref().unwrap();
        let (facts, mut memory) = (CarriedFacts::default(), GrafanaMemory::default());
        let desk = Arc::clone(&self.desk);
        walk(&self.net, desk, &self.link, side, &facts, &mut memory, occasion).await
    }

    /// The same, which must read data; what is found of our rights, as causes.
    async fn works(&self, after: Duration) -> Vec<&'static str> {
        let walk = self.cycle(after).await;
        for check in [Check::Auth, Check::Datasource, Check::GrafanaQuery] {
            let row = walk.first.rows.get(check);
            assert_eq!(row.map(|row| row.outcome), Some(Outcome::Passed), "{after:?} {row:#?}");
        }
        let auth = walk.first.rows.get(Check::Auth).unwrap();
        auth.findings.iter().map(|found| found.cause.code()).collect()
    }

    fn token(&self) -> String {
        let shown = self.desk.with_own(|own| own.token.clone()).unwrap();
        match shown {
            Auth::Scheme { credentials: Secret::Value(token), .. } => token,
            Auth::Scheme { .. } | Auth::Basic { .. } => panic!("a token in memory"),
        }
    }

    fn opens(&self, token: &str) -> bool {
        self.grafana.edit(|setup| setup.tokens.contains(token))
    }

    /// Names of tokens of the one account.
    fn names(&self) -> Vec<String> {
        self.grafana.edit(|setup| {
            let tokens = &setup.accounts.list[0].tokens;
            tokens.iter().map(|(_, name, _)| name.clone()).collect()
        })
    }

    /// How often an administrator asked since the last time.
    fn asked(&self) -> usize {
        let seen = self.grafana.seen();
        self.grafana.forget();
        seen.iter().filter(|seen| seen.contains(PATH)).count()
    }
}

#[tokio::test]
async fn a_new_token_takes_the_place_of_an_old_one_that_still_opens() {
    let stage = Stage::new().await;
    stage.grafana.edit(|setup| {
        let tokens = [
            (10, "promlink-gone-1", true),
            (11, "promlink-here-2", false),
            (12, "promlinkish-3", true),
            (13, "other", true),
        ];
        let tokens = tokens.map(|(id, name, old)| (id, name.to_owned(), old)).to_vec();
        let (name, role) = ("promlink".to_owned(), "Viewer".to_owned());
        setup.accounts.list = vec![Account { id: 1, name, role, tokens, ..Account::default() }];
    });
    assert_eq!(stage.works(Duration::ZERO).await, [""; 0]);
    let first = stage.token();
    assert_eq!(stage.names()[..3], ["promlink-here-2", "promlinkish-3", "other"]);
    assert!(stage.asked() > 0);

    assert_eq!(stage.works(12 * HOUR - SECOND).await, [""; 0]);
    assert_eq!((stage.token(), stage.asked()), (first.clone(), 0));

    // One that expired meanwhile.
    stage.grafana.edit(|setup| {
        setup.accounts.list[0].tokens.push((14, "promlink-late-4".to_owned(), true));
    });
    let before = line::seconds(clock::now().wall);
    assert_eq!(stage.works(12 * HOUR).await, [""; 0]);
    let second = stage.token();
    assert_ne!(first, second);
    assert!(stage.opens(&first) && stage.opens(&second), "both, meanwhile");
    let names = stage.names();
    assert_eq!(names[..3], ["promlink-here-2", "promlinkish-3", "other"]);
    assert_eq!(names.len(), 5, "{names:?}");
    let since: f64 = names[4].strip_prefix("promlink-pod-1-").unwrap().parse().unwrap();
    assert!((before - 1.0..=line::seconds(clock::now().wall)).contains(&since), "{names:?}");
    assert_eq!(stage.desk.with_own(|own| own.made), Some(stage.begun.plus(12 * HOUR)));
    assert!(12 * HOUR < LIFE);

    // That one is young.
    stage.asked();
    assert_eq!(stage.works(24 * HOUR - SECOND).await, [""; 0]);
    assert_eq!((stage.token(), stage.asked()), (second, 0));
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_and_the_attempts_are_seldom() {
    let stage = Stage::new().await;
    assert_eq!(stage.works(Duration::ZERO).await, [""; 0]);
    let first = stage.token();
    let fails = |what| stage.grafana.edit(|setup| setup.accounts.fails = what);
    fails(Some((500, "Failed to list service accounts")));
    stage.asked();
    let mut told = Vec::new();
    for (after, asked) in [
        (12 * HOUR, 1),
        (12 * HOUR + 30 * SECOND, 0),
        (12 * HOUR + 59 * SECOND, 0),
        (12 * HOUR + 60 * SECOND, 1),
        (18 * HOUR, 1),
        // What was said stays until the next attempt.
        (18 * HOUR + 30 * SECOND, 0),
    ] {
        told.push(stage.works(after).await);
        assert_eq!((stage.token(), stage.asked()), (first.clone(), asked), "{after:?}");
    }
    // People hear of it while there is time.
    assert!(told[..4].iter().all(Vec::is_empty), "{told:?}");
    assert_eq!(told[4..], [["token_expiring"]; 2]);

    fails(None);
    assert_eq!(stage.works(18 * HOUR + 60 * SECOND).await, [""; 0]);
    assert!(stage.token() != first && stage.opens(&first));
}

#[tokio::test]
async fn a_refused_password_waits_and_another_one_does_not() {
    let stage = Stage::new().await;
    let attempts = async |after: Duration| {
        stage.asked();
        stage.cycle(after).await;
        stage.asked()
    };
    std::fs::write(&stage.password, "wrong").unwrap();
    assert_eq!(attempts(Duration::ZERO).await, 1);
    assert_eq!(attempts(299 * SECOND).await, 0);
    assert_eq!(attempts(600 * SECOND).await, 1);
    std::fs::write(&stage.password, "mistyped").unwrap();
    assert_eq!(attempts(659 * SECOND).await, 0, "one a minute at the most");
    assert_eq!(attempts(660 * SECOND).await, 1);
    // What was not shown is not known to be wrong, nor to be right.
    std::fs::write(&stage.password, "").unwrap();
    assert_eq!(attempts(720 * SECOND).await, 0);
    std::fs::write(&stage.password, "mistyped").unwrap();
    assert_eq!(attempts(800 * SECOND).await, 0);
    std::fs::write(&stage.password, "hunter2").unwrap();
    assert_eq!(stage.works(801 * SECOND).await, [""; 0]);
    assert!(stage.desk.with_own(|own| own.refused.is_none()));
}

/// Grafana locks a user for whom five wrong passwords came within five minutes, from whomever.
#[test]
fn replicas_with_a_wrong_password_do_not_keep_the_user_locked_out() {
    const REPLICAS: usize = 10;
    let minute = Duration::from_secs(60);
    let secret = || Secret::Value("wrong".to_owned());
    let refused = Failed::Says { says: "401".to_owned(), is_refused: true };
    let mut owns = vec![OwnToken::default(); REPLICAS];
    let begun = clock::now();
    let shown: Vec<usize> = (0..24 * 60)
        .map(|passed| {
            let now = begun.plus(passed * minute);
            let due = owns.iter_mut().enumerate().filter(|(_, own)| !own.is_early(&secret(), now));
            due.map(|(n, own)| own.note(&refused, secret(), &format!("pod-{n}"), now)).count()
        })
        .collect();
    let locked = |minutes: &[usize]| minutes.iter().sum::<usize>() >= 5;
    let (first, later) = shown.split_at(30);
    let often = later.windows(5).filter(|minutes| locked(minutes)).count();
    assert_eq!(first[0], REPLICAS, "all begin at once");
    assert!(often * 50 < later.len(), "locked in {often} of {} minutes", later.len());
    // Each tries at least once an hour: somebody may have mended it in Grafana.
    let each: usize = later.iter().sum();
    assert!((REPLICAS * 23..REPLICAS * 48).contains(&each), "{each}");
    let other = Secret::Value("another".to_owned());
    assert!(!owns[0].is_early(&other, begun.plus(24 * 60 * minute)));
}

#[tokio::test]
async fn an_account_that_another_replica_makes_meanwhile_is_used() {
    let stage = Stage::new().await;
    stage.grafana.edit(|setup| {
        let (name, role) = ("promlink".to_owned(), "Viewer".to_owned());
        let tokens = (1..=7).map(|id| (id, format!("promlink-gone-{id}"), true)).collect();
        setup.accounts.list = vec![Account { id: 8, name, role, tokens, ..Account::default() }];
        setup.accounts.is_overtaken = true;
    });
    assert_eq!(stage.works(Duration::ZERO).await, [""; 0]);
    assert_eq!(stage.grafana.edit(|setup| setup.accounts.list.len()), 1);
    // A few old ones go at a time: a cycle has other things to do.
    let names = stage.names();
    assert_eq!((names.len(), names[0].as_str()), (3, "promlink-gone-6"), "{names:?}");
}

/// Replicas without a common database do so: each knows its own tokens alone.
#[tokio::test]
async fn a_token_that_opens_nothing_is_not_followed_by_one_each_minute() {
    for fault in [fault::Grafana::TokenRejected, fault::Grafana::TokenExpired] {
        let stage = Stage::new().await;
        stage.grafana.set(fault).await;
        let mut made = Vec::new();
        for after in [0, 60, 599, 600] {
            stage.cycle(after * SECOND).await;
            made.push(stage.names().len());
        }
        assert_eq!(made, [1, 1, 1, 2], "{fault:?}");
    }
}

/// A database that is locked for writing makes it wait longer than a cycle lasts.
#[tokio::test]
async fn a_renewal_that_hangs_leaves_the_time_for_the_query() {
    let mut stage = Stage::new().await;
    assert_eq!(stage.works(Duration::ZERO).await, [""; 0]);
    let first = stage.token();
    stage.link.cadence.timeout = 4 * SECOND;
    stage.grafana.set(fault::Grafana::Hangs("/tokens")).await;
    assert_eq!(stage.works(12 * HOUR).await, [""; 0]);
    assert_eq!(stage.works(18 * HOUR).await, ["token_expiring"]);
    assert_eq!(stage.token(), first);
    stage.grafana.set(fault::Grafana::None).await;
    assert_eq!(stage.works(18 * HOUR + 60 * SECOND).await, [""; 0]);
    assert!(stage.token() != first && stage.opens(&first));
}

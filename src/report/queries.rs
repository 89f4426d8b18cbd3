//! What users ask of Prometheus through a Grafana, as that counts it.
//!
//! Only differences between two readings of one and the same process say anything, and several
//! processes may answer behind one name: so a reading that does not say when its process began says
//! nothing, and neither does a counter that went back.

use std::time::Duration;

/// Which page has the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// That of the plugin's own process, where it has one.
    #[default]
    Plugin,
    /// Grafana's.
    Grafana,
}

/// Requests with queries to data sources of the type `prometheus`. Those that were given up are not
/// counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Queries {
    /// When the process began, in Unix seconds.
    pub process: Option<f64>,
    /// Without an error.
    pub good: u64,
    /// Failed at Prometheus or on the way to it; PromQL that Prometheus rejects is among them.
    pub downstream: u64,
    /// Failed in the plugin.
    pub plugin: u64,
    /// Failed, and the page does not say where.
    pub unplaced: u64,
}

// === impl Page ===

impl Page {
    /// The one to ask where this one has no counters.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Plugin => Self::Grafana,
            Self::Grafana => Self::Plugin,
        }
    }

    /// Its path below Grafana's own.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Plugin => "/metrics/plugins/prometheus",
            Self::Grafana => "/metrics",
        }
    }
}

// === impl Queries ===

impl Queries {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        let failed = self.downstream.saturating_add(self.plugin).saturating_add(self.unplaced);
        self.good.saturating_add(failed)
    }

    /// What happened after `earlier`; none where that cannot be told, or there was nothing.
    #[must_use]
    pub fn since(self, earlier: Self) -> Option<Self> {
        self.process.filter(|began| earlier.process == Some(*began))?;
        let after = Self {
            process: self.process,
            good: self.good.checked_sub(earlier.good)?,
            downstream: self.downstream.checked_sub(earlier.downstream)?,
            plugin: self.plugin.checked_sub(earlier.plugin)?,
            unplaced: self.unplaced.checked_sub(earlier.unplaced)?,
        };
        (after.total() > 0).then_some(after)
    }

    /// A sentence about a span of time that ended so long `ago`.
    #[must_use]
    pub fn words(&self, span: Duration, ago: Duration) -> String {
        let (total, span, ago) = (self.total(), span.as_secs(), ago.as_secs());
        let failed = self.downstream.saturating_add(self.unplaced);
        let when = match ago {
            0 => format!("in the last {span} s"),
            _ => format!("in {span} s until {ago} s ago"),
        };
        let elsewhere = match self.plugin {
            0 => String::new(),
            plugin => format!(" ({plugin} more in the plugin)"),
        };
        let (place, counted) = if self.downstream > 0 || self.plugin > 0 {
            (format!(", at Prometheus or on the way to it{elsewhere}"), "own and wrong PromQL")
        } else if self.unplaced > 0 {
            (", for any reason".to_owned(), "own and wrong PromQL")
        } else {
            (String::new(), "own")
        };
        format!(
            "{failed} of {total} queries of this Grafana's Prometheus data sources failed \
             {when}{place}; promlink's {counted} included"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::facts::{MAX_TEXT_CHARS, clean};

    fn counted(process: f64, good: u64, downstream: u64) -> Queries {
        Queries { process: Some(process), good, downstream, ..Queries::default() }
    }

    #[test]
    fn only_one_and_the_same_process_says_anything() {
        let before = counted(1e9, 100, 3);
        let after = counted(1e9, 110, 5);
        let difference = after.since(before).unwrap();
        assert_eq!((difference.total(), difference.downstream), (12, 2));
        for (what, after) in [
            ("restarted, and busier since", counted(2e9, 1000, 50)),
            ("another replica, a moment younger", counted(1e9 + 0.01, 110, 5)),
            ("counters that went back", counted(1e9, 110, 2)),
            ("nothing was asked", before),
            ("it does not say when it began", Queries { process: None, ..after }),
        ] {
            assert_eq!(after.since(before), None, "{what}");
        }
        let silent = Queries { process: None, ..before };
        assert_eq!(Queries { process: None, ..after }.since(silent), None);
        let odd = Queries { process: Some(f64::NAN), ..before };
        assert_eq!(Queries { good: 200, ..odd }.since(odd), None);
    }

    #[test]
    fn words_say_what_was_counted() {
        let words = |queries: Queries, ago| {
            let words = queries.words(Duration::from_secs(60), Duration::from_secs(ago));
            assert!(words.chars().count() <= MAX_TEXT_CHARS, "{words}");
            assert_eq!(words, clean(&words));
            words
        };
        let of = |good, downstream, plugin, unplaced| Queries {
            process: None,
            good,
            downstream,
            plugin,
            unplaced,
        };
        let all = [
            words(of(412, 0, 0, 0), 0),
            words(of(375, 37, 0, 0), 45),
            words(of(370, 37, 5, 0), 119),
            words(of(407, 0, 5, 0), 0),
            words(of(375, 0, 0, 37), 0),
        ];
        expect_test::expect![[r#"
            0 of 412 queries of this Grafana's Prometheus data sources failed in the last 60 s; promlink's own included
            37 of 412 queries of this Grafana's Prometheus data sources failed in 60 s until 45 s ago, at Prometheus or on the way to it; promlink's own and wrong PromQL included
            37 of 412 queries of this Grafana's Prometheus data sources failed in 60 s until 119 s ago, at Prometheus or on the way to it (5 more in the plugin); promlink's own and wrong PromQL included
            0 of 412 queries of this Grafana's Prometheus data sources failed in the last 60 s, at Prometheus or on the way to it (5 more in the plugin); promlink's own and wrong PromQL included
            37 of 412 queries of this Grafana's Prometheus data sources failed in the last 60 s, for any reason; promlink's own and wrong PromQL included"#]]
        .assert_eq(&all.join("\n"));
    }
}

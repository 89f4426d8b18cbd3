//! `promlink alarm test`: one alert through every configured way, and what each answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::alerts::{Alert, Common};
use crate::clock;
use crate::config::Settings;
use crate::link::alarm::{Alertmanager, Heartbeat, Labels, Resolve, Webhook};
use crate::push::alertmanager::{Ledger, Skew, body};
use crate::push::said::Said;
use crate::push::send::Target;
use crate::push::tell::{alertmanager_target, notify};
use crate::push::webhook::Notifier;
use crate::push::{JSON, TEXT, To, Ways, common, receivers};

/// What one receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Its name, and the address where there are several.
    pub receiver: String,
    /// What it answered, or why there is no answer.
    pub says: String,
    /// It accepted.
    pub is_good: bool,
}

/// Tells every receiver, one after the other.
pub async fn run<W: Ways>(ways: &W, settings: &Settings) -> Vec<Tried> {
    let alert = alert(&common(ways, settings));
    let mut tried = Vec::new();
    for (name, to) in receivers(settings) {
        match to {
            To::Alertmanager(one, _) => tried.extend(alertmanager(ways, &name, &one, &alert).await),
            To::Webhook(one, url) => {
                tried.push(tell(&name, webhook(ways, &one, url.as_deref(), &alert).await));
            }
            To::Heartbeat(one) => tried.push(tell(&name, heartbeat(ways, &one).await)),
        }
    }
    tried
}

/// It ends by itself: nobody says so.
fn alert(common: &Common) -> Alert {
    let mut labels: Labels = common.labels.clone();
    for (name, value) in [("alertname", "PromlinkTest"), ("severity", "info")] {
        labels.insert(name.to_owned(), value.to_owned());
    }
    let summary = "A test of promlink's alarms: nothing is wrong.".to_owned();
    let description = "Somebody ran `promlink alarm test`. Alertmanagers end it by themselves in \
                       four minutes; others hear of no end.";
    Alert {
        labels,
        annotations: BTreeMap::from([
            ("summary", summary),
            ("description", description.to_owned()),
        ]),
        since: clock::now(),
        wait: Duration::ZERO,
        longest: Duration::ZERO,
    }
}

fn tell(receiver: &str, result: Result<Said, String>) -> Tried {
    let receiver = receiver.to_owned();
    match result {
        Ok(said) => Tried { receiver, is_good: said.is_good(), says: said.words },
        Err(says) => Tried { receiver, says, is_good: false },
    }
}

async fn alertmanager(
    ways: &impl Ways,
    name: &str,
    one: &Alertmanager,
    alert: &Alert,
) -> Vec<Tried> {
    let mut ledger = Ledger::new(Resolve::Expire);
    ledger.take(std::slice::from_ref(alert), &BTreeSet::new(), clock::now());
    let each = async { alertmanager_target(one)?.each(ways).await };
    let each = match each.await {
        Ok(each) => each,
        Err(says) => return vec![tell(name, Err(says))],
    };
    let mut tried = Vec::new();
    for (address, target) in each {
        let post = async |skew| {
            let all = ledger.wire(clock::now(), skew);
            target.post(ways, (JSON, body(&all))).await
        };
        let mut said = post(Skew::default()).await;
        let date = said.as_ref().ok().and_then(|said| said.date);
        if let Some(skew) = date.map(|date| Skew::between(date, clock::now().wall))
            && skew != Skew::default()
        {
            said = post(skew).await;
        }
        let name = address.map_or(name.to_owned(), |ip| format!("{name} ({ip})"));
        tried.push(tell(&name, said));
    }
    tried
}

async fn webhook(
    ways: &impl Ways,
    one: &Webhook,
    url: Option<&str>,
    alert: &Alert,
) -> Result<Said, String> {
    let mut notifier = Notifier::new(one);
    notifier.take(std::slice::from_ref(alert), clock::now());
    let all = vec![(alert.labels.clone(), false)];
    let payload = notifier.payload(&all, &one.name, url);
    notify(ways, one, &payload).await
}

async fn heartbeat(ways: &impl Ways, one: &Heartbeat) -> Result<Said, String> {
    let text = "promlink alarm test\n".to_owned();
    Target::secret(&one.url, "url", &one.http)?.post(ways, (TEXT, text)).await
}

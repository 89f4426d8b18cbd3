//! `alarms`, of the whole and of links.

use super::{Yaml, endpoint, http_options, quoted, secret, span};
use crate::link::alarm::{AlarmRules, AlarmSettings, Heartbeat, Resolve, Webhook};

/// The section at the top.
pub fn settings(yaml: &mut Yaml, alarms: &AlarmSettings) {
    yaml.section("alarms", |yaml| {
        keys(yaml, &alarms.rules);
        yaml.key("collapse_at", alarms.collapse_at);
        let resolve = match alarms.resolve {
            Resolve::Immediate => "immediate",
            Resolve::Expire => "expire",
        };
        yaml.key("resolve", resolve);
        if !alarms.labels.is_empty() {
            yaml.section("labels", |yaml| {
                for (name, value) in &alarms.labels {
                    yaml.key(&quoted(name), quoted(value));
                }
            });
        }
        yaml.parts("alertmanagers", &alarms.alertmanagers, |yaml, one| {
            endpoint(yaml, &one.endpoint);
        });
        yaml.parts("webhooks", &alarms.webhooks, webhook);
        if let Some(beat) = &alarms.heartbeat {
            yaml.section("heartbeat", |yaml| heartbeat(yaml, beat));
        }
    });
}

/// The section of a link.
pub fn of_link(yaml: &mut Yaml, rules: &AlarmRules) {
    yaml.section("alarms", |yaml| keys(yaml, rules));
}

fn keys(yaml: &mut Yaml, rules: &AlarmRules) {
    let AlarmRules { enabled, timing, severity } = rules;
    yaml.key("enabled", enabled);
    yaml.section("for", |yaml| {
        yaml.key("broken", span(timing.broken));
        yaml.key("degraded", span(timing.degraded));
        yaml.key("blind", span(timing.blind));
        for (cause, wait) in &timing.by_cause {
            yaml.key(cause.code(), span(*wait));
        }
    });
    yaml.key("keep_firing_for", span(timing.keep_firing_for));
    yaml.section("severity", |yaml| {
        yaml.key("broken", quoted(&severity.broken));
        yaml.key("degraded", quoted(&severity.degraded));
        yaml.key("blind", quoted(&severity.blind));
    });
}

fn webhook(yaml: &mut Yaml, webhook: &Webhook) {
    yaml.key("name", quoted(&webhook.name));
    secret(yaml, ["url", "url_file"], &webhook.url);
    http_options(yaml, &webhook.http);
    yaml.key("repeat_interval", span(webhook.repeat_interval));
    yaml.key("send_resolved", webhook.send_resolved);
}

fn heartbeat(yaml: &mut Yaml, beat: &Heartbeat) {
    secret(yaml, ["url", "url_file"], &beat.url);
    if let Some(url) = &beat.fail_url {
        secret(yaml, ["fail_url", "fail_url_file"], url);
    }
    http_options(yaml, &beat.http);
    yaml.key("interval", span(beat.interval));
    yaml.key("links", beat.links);
}

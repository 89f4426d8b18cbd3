//! A row with history: the real daemon, what happens to its link in turn, and what it publishes.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use promlink::app::Daemon;
use promlink::config::{Sources, load_bytes};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ground::{Config, Ground, Turn};
use super::row::{findings, is_missing, line, rows};
use super::table::{Line, Proof};
use crate::daemon::foreign;

/// Stories at a time in this process: each waits most of its time, and must not be made to wait.
static AT_A_TIME: Semaphore = Semaphore::const_new(11);
/// Between two looks at what is published.
const LOOK: Duration = Duration::from_millis(200);
/// For one chapter: 40 s. Published changes come within three cycles of 2 s, and what outlives a
/// cycle within six seconds.
const LOOKS: usize = 200;

/// Things that happen in turn, and what is published of each.
#[derive(Clone, Debug)]
pub struct Story {
    name: &'static str,
    given: Vec<Turn>,
    config: Config,
    chapters: Vec<Chapter>,
}

#[derive(Clone, Debug)]
struct Chapter {
    turns: Vec<Turn>,
    /// One line after the other; the last one stays.
    told: Vec<&'static str>,
    /// Whole samples that `/metrics` then has, or lacks with a `!` before the name.
    series: Vec<&'static str>,
    beside: Option<&'static str>,
    cannot_check: bool,
    /// So many more cycles change nothing.
    cycles: f64,
}

/// A link that is watched from the start; the first chapter follows.
pub fn story(name: &'static str, given: impl Into<Vec<Turn>>) -> Story {
    let config = Config { interval: "2s", timeout: "1500ms", ..Config::default() };
    Story { name, given: given.into(), config, chapters: Vec::new() }
}

/// A link that works, and what happens to it then.
pub fn after(name: &'static str, turns: impl Into<Vec<Turn>>) -> Story {
    story(name, []).tells("working").then(turns)
}

impl Story {
    /// Something happens.
    pub fn then(mut self, turns: impl Into<Vec<Turn>>) -> Self {
        let turns = turns.into();
        self.chapters.push(Chapter { turns, ..Chapter::default() });
        self
    }

    /// What is published next, as `verdict cause path check side`; perhaps, if it begins with `?`.
    pub fn tells(mut self, told: &'static str) -> Self {
        if self.chapters.is_empty() {
            self = self.then([]);
        }
        self.last().told.push(told);
        self
    }

    /// A whole sample of `/metrics` for a link `k8s`, or with `!` before its name one that is not
    /// there.
    pub fn series(mut self, sample: &'static str) -> Self {
        self.last().series.push(sample);
        self
    }

    /// All findings, as in a [`Row`](super::row::Row).
    pub fn beside(mut self, beside: &'static str) -> Self {
        self.last().beside = Some(beside);
        self
    }

    /// The broken link cannot be checked any more.
    pub fn cannot_check(mut self) -> Self {
        self.last().cannot_check = true;
        self
    }

    /// It stays so for some more cycles.
    pub fn stays(mut self, cycles: u8) -> Self {
        self.last().cycles = cycles.into();
        self
    }

    /// Another configuration.
    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    fn last(&mut self) -> &mut Chapter {
        self.chapters.last_mut().unwrap()
    }

    async fn prove(self) -> Proof {
        let _turn = AT_A_TIME.acquire().await.unwrap();
        let later = self.chapters.iter().flat_map(|chapter| &chapter.turns);
        if let Some(why) = is_missing(self.given.iter().chain(later)).await {
            return Proof::Skipped(why.to_owned());
        }
        let ground = Ground::build().await;
        ground.turns(&self.given).await;
        let watched = Watched::start(&ground.link, &ground.yaml(&self.config)).await;
        let mut heard: Vec<String> = vec!["unknown".to_owned()];
        for (number, chapter) in self.chapters.iter().enumerate() {
            ground.turns(&chapter.turns).await;
            let told = watched.hear(chapter, &mut heard).await;
            if let Err(wrong) = told {
                return Proof::Wrong(format!("\n  chapter {number}: {wrong}"));
            }
        }
        Proof::Right
    }
}

impl Default for Chapter {
    fn default() -> Self {
        Self {
            turns: Vec::new(),
            told: Vec::new(),
            series: Vec::new(),
            beside: None,
            cannot_check: false,
            cycles: 0.0,
        }
    }
}

impl From<Story> for Line {
    fn from(story: Story) -> Self {
        let told = story.chapters.iter().flat_map(|chapter| &chapter.told).copied();
        // What may be passed over is not what is promised.
        let told: Vec<&str> = told.filter(|told| !told.starts_with('?')).collect();
        Self::new(story.name, told, story.prove())
    }
}

/// A running daemon, seen from outside.
pub struct Watched {
    link: String,
    address: SocketAddr,
    client: reqwest::Client,
    shutdown: CancellationToken,
    _running: JoinSet<Result<(), String>>,
}

impl Watched {
    pub async fn start(link: &str, yaml: &str) -> Self {
        let settings = load_bytes(&Sources::default(), Some(yaml.as_bytes()))
            .unwrap_or_else(|errors| panic!("{errors}\n{yaml}"));
        let daemon = Daemon::assemble(settings, Sources::default()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(daemon.run(listener, shutdown.clone()));
        Self { link: link.to_owned(), address, client: foreign(), shutdown, _running: running }
    }

    /// Returns when so many more cycles have ended.
    pub async fn after_cycles(&self, more: f64) {
        let until = self.count().await + more;
        while self.count().await < until {
            sleep(LOOK).await;
        }
    }

    /// How many cycles have ended.
    pub async fn count(&self) -> f64 {
        self.cycles(&self.get("/metrics").await)
    }

    fn cycles(&self, metrics: &str) -> f64 {
        let name = format!("promlink_cycles_total{{link=\"{}\"}} ", self.link);
        let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
        value.unwrap().parse().unwrap()
    }

    /// What it serves there.
    pub async fn get(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        self.client.get(url).send().await.unwrap().text().await.unwrap()
    }

    /// What it says of the link.
    pub async fn link(&self) -> Value {
        let text = self.get(&format!("/api/v1/links/{}", self.link)).await;
        serde_json::from_str::<Value>(&text).unwrap()["links"][0].take()
    }

    /// Waits until everything that the chapter tells is so; each line that is published on the way
    /// must be the next one.
    async fn hear(&self, chapter: &Chapter, heard: &mut Vec<String>) -> Result<(), String> {
        let last = heard.last().cloned();
        let new = chapter.told.iter().filter(|told| Some(**told) != last.as_deref());
        let expected: Vec<&str> = last.as_deref().into_iter().chain(new.copied()).collect();
        let mut lines: Vec<String> = last.clone().into_iter().collect();
        let mut settled: Option<f64> = None;
        for look in 0.. {
            let link = self.link().await;
            let now = line(&link);
            // Better is published at once: a cycle that straddles a recovery has seen half of it.
            let is_half = now.starts_with("degraded") && chapter.told == ["working"];
            if lines.last() != Some(&now) && !is_half {
                lines.push(now);
            }
            let is_told = agree(&expected, &lines);
            let missing = match is_told {
                Some(true) => self.missing(chapter, &link, &mut settled).await,
                Some(false) => "another line is to come".to_owned(),
                None => "another line".to_owned(),
            };
            if missing.is_empty() {
                *heard = lines;
                return Ok(());
            }
            if is_told.is_none() || look > LOOKS {
                return Err(format!(
                    "{missing}\n  told: {expected:?}\n   got: {lines:?}\n  {}\n  beside: {}\n{}{}",
                    link["summary"],
                    findings(&link),
                    rows(&link),
                    history(&link)
                ));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// What is not as told, yet.
    async fn missing(&self, chapter: &Chapter, link: &Value, settled: &mut Option<f64>) -> String {
        if chapter.beside.is_some_and(|beside| beside != findings(link)) {
            return format!("other findings than {:?}", chapter.beside);
        }
        if chapter.cannot_check != link["cannot_check_since"].is_string() {
            return format!("cannot_check_since: {}", link["cannot_check_since"]);
        }
        let metrics = self.get("/metrics").await;
        for sample in &chapter.series {
            let sample = sample.replace("\"k8s\"", &format!("\"{}\"", self.link));
            let is_there = match sample.strip_prefix('!') {
                Some(name) => !metrics.lines().any(|line| line.starts_with(name)),
                None => metrics.lines().any(|line| line == sample),
            };
            if !is_there {
                return format!("no {sample}");
            }
        }
        let cycles = self.cycles(&metrics);
        let more = cycles - *settled.get_or_insert(cycles);
        if more < chapter.cycles { format!("{more} cycles") } else { String::new() }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Whether `lines` are all that is expected, or how that begins; none when they are something else.
/// What begins with `?` may be passed over.
fn agree(expected: &[&str], lines: &[String]) -> Option<bool> {
    match (expected, lines) {
        ([], []) => Some(true),
        ([], _) => None,
        (_, []) => Some(false),
        ([first, more @ ..], [line, rest @ ..]) => match first.strip_prefix('?') {
            Some(perhaps) if perhaps != line => agree(more, lines),
            Some(_) => agree(more, rest),
            None if first == line => agree(more, rest),
            None => None,
        },
    }
}

/// The raw cycles, for whoever has to find out.
fn history(link: &Value) -> String {
    let mut text = String::new();
    for past in link["history"].as_array().into_iter().flatten() {
        let word = |key: &str| past[key].as_str().unwrap_or_default();
        let (started, trigger) = (word("started"), word("trigger"));
        let _infallible = writeln!(text, "    {started} {trigger}: {}", line(past));
    }
    text
}

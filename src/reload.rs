//! New configuration in a running process: all of it, or nothing.
//!
//! Asked for by SIGHUP or `POST /-/reload`, or noticed: the file's content is compared every few
//! seconds. Content, not notifications: a ConfigMap changes by swapping a symlink two directories
//! up, which a watch on the file never sees. Noticed content counts once two looks in a row found
//! the same, so that a file half written by an editor is not taken for a smaller configuration.
//! What is asked for is done at once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::clock::{self, Now};
use crate::config::{self, ConfigErrors, Settings, Sources};

/// From one look at the file to the next; a kubelet needs up to a minute to bring a change here.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Those who asked and wait; one more waits for a place.
const MAX_ASKED: usize = 4;

/// How a reload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The configuration in force is the one in the file, since then.
    Done(Now),
    /// The one in force stays.
    Refused(Now),
}

type Answer = oneshot::Sender<Result<(), ConfigErrors>>;

/// Asks for a reload.
#[derive(Clone, Debug)]
pub struct Handle(mpsc::Sender<Answer>);

/// Reloads when asked, and when the file changes.
#[derive(Debug)]
pub struct Reloader<E> {
    sources: Arc<Sources>,
    settings: watch::Sender<Arc<Settings>>,
    outcomes: mpsc::Sender<E>,
    asked: mpsc::Receiver<Answer>,
    hangup: Signal,
    /// The content of the last look; it may still be changing.
    seen: Option<u64>,
    /// The last content that was loaded or refused. None at first, so that what changed between the
    /// start's own reading and the first look is found as well.
    judged: Option<u64>,
    /// The last outcome.
    refused: bool,
}

/// What was read: bytes, or why there are none.
type Content = Result<Option<Vec<u8>>, ConfigErrors>;

/// Who wants a reload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Somebody, who expects an outcome.
    Request,
    /// We ourselves, and only what changes something is worth a word.
    Look,
}

impl<E: From<Reload>> Reloader<E> {
    /// Watches `sources`, of which `settings` holds what is in force. Each outcome goes to
    /// `outcomes`.
    ///
    /// # Errors
    /// The system's, when it lets nobody handle SIGHUP.
    pub fn new(
        sources: Sources,
        settings: watch::Sender<Arc<Settings>>,
        outcomes: mpsc::Sender<E>,
    ) -> io::Result<(Self, Handle)> {
        let (ask, asked) = mpsc::channel(MAX_ASKED);
        let hangup = signal(SignalKind::hangup())?;
        let sources = Arc::new(sources);
        let (seen, judged, refused) = (None, sources.loaded, false);
        let reloader = Self { sources, settings, outcomes, asked, hangup, seen, judged, refused };
        Ok((reloader, Handle(ask)))
    }

    /// Works until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = self.hangup.recv() => {
                    self.reload().await.ok();
                }
                Some(answer) = self.asked.recv() => {
                    // Who asked may be gone; the reload counts all the same.
                    answer.send(self.reload().await).ok();
                }
                _ = looks.tick(), if self.sources.file.is_some() => self.look().await,
            }
        }
    }

    /// Reloads at once.
    async fn reload(&mut self) -> Result<(), ConfigErrors> {
        let content = read(&self.sources).await;
        self.judge(content, By::Request).await
    }

    /// Reloads if the content is new and has stopped changing.
    async fn look(&mut self) {
        let content = read(&self.sources).await;
        let hash = Some(hash(&content));
        if hash == self.seen && hash != self.judged {
            self.judge(content, By::Look).await.ok();
        }
        self.seen = hash;
    }

    async fn judge(&mut self, content: Content, by: By) -> Result<(), ConfigErrors> {
        self.judged = Some(hash(&content));
        match load(&self.sources, content).await {
            Ok(settings) => {
                let changed = *self.settings.borrow().as_ref() != settings;
                if changed || self.refused || by == By::Request {
                    self.put(settings, changed).await;
                }
                Ok(())
            }
            Err(errors) => {
                self.refused = true;
                self.tell(Reload::Refused(clock::now())).await;
                tracing::warn!(%errors, "configuration refused; the one in force stays");
                Err(errors)
            }
        }
    }

    async fn put(&mut self, settings: Settings, changed: bool) {
        self.refused = false;
        tracing::info!(links = settings.links.len(), changed, "configuration reloaded");
        let before = if changed {
            self.settings.send_replace(Arc::new(settings))
        } else {
            Arc::clone(&self.settings.borrow())
        };
        let now = Arc::clone(&self.settings.borrow());
        for (key, same) in [
            ("web.listen_address", now.web.listen == before.web.listen),
            ("log", now.log == before.log),
        ] {
            if !same {
                tracing::warn!(key, "changed in the configuration; a restart makes it effective");
            }
        }
        self.tell(Reload::Done(clock::now())).await;
    }

    /// Whoever listens may be gone at the end of the process.
    async fn tell(&self, outcome: Reload) {
        self.outcomes.send(outcome.into()).await.ok();
    }
}

fn hash(content: &Content) -> u64 {
    match content {
        Ok(bytes) => config::fingerprint(bytes.as_deref()),
        Err(errors) => config::fingerprint(Some(errors.to_string().as_bytes())),
    }
}

/// Files block, and 10,000 links take a while to parse: both off the tasks that time probes.
async fn read(sources: &Arc<Sources>) -> Content {
    let sources = Arc::clone(sources);
    aside(move || config::read(&sources)).await
}

async fn load(sources: &Arc<Sources>, content: Content) -> Result<Settings, ConfigErrors> {
    let sources = Arc::clone(sources);
    aside(move || config::load_bytes(&sources, content?.as_deref())).await
}

async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConfigErrors> + Send + 'static,
) -> Result<T, ConfigErrors> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err(ConfigErrors::internal()))
}

// === impl Handle ===

impl Handle {
    /// Reloads now.
    ///
    /// # Errors
    /// Why the configuration was refused.
    pub async fn reload(&self) -> Result<(), ConfigErrors> {
        let (answer, outcome) = oneshot::channel();
        // Both fail only while the process ends.
        self.0.send(answer).await.map_err(|_| ConfigErrors::internal())?;
        outcome.await.unwrap_or_else(|_| Err(ConfigErrors::internal()))
    }
}

#[cfg(test)]
mod tests;

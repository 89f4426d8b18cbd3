use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;

/// A running reloader, its file and what comes out of it. The clock is paused and nothing here is a
/// socket: looks at the file follow each other as fast as the file can be read.
struct Running {
    dir: TempDir,
    handle: Handle,
    settings: watch::Receiver<Arc<Settings>>,
    outcomes: mpsc::Receiver<Reload>,
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
}

fn yaml(links: &[&str]) -> String {
    let link = |name: &&str| format!("  {name}: {{prometheus: {{url: \"http://{name}:9090\"}}}}\n");
    format!("links:\n{}", links.iter().map(link).collect::<String>())
}

fn names(settings: &Settings) -> Vec<&str> {
    settings.links.iter().map(|link| link.name.as_str()).collect()
}

fn running(prepare: impl FnOnce(&Path)) -> Running {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path());
    let file = Some(dir.path().join("promlink.yml"));
    let sources = Sources { file, ..Sources::default() };
    let (send, settings) = watch::channel(Arc::new(config::load(&sources).unwrap()));
    let (outcomes, received) = mpsc::channel(16);
    let (reloader, handle) = Reloader::new(sources, send, outcomes).unwrap();
    let shutdown = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(reloader.run(shutdown.clone()));
    Running { dir, handle, settings, outcomes: received, tasks, shutdown }
}

impl Running {
    fn write(&self, text: &str) {
        fs::write(self.dir.path().join("promlink.yml"), text).unwrap();
    }

    /// The next outcome, if one comes within many looks.
    async fn outcome(&mut self) -> Option<bool> {
        let outcome = timeout(LOOK_EVERY * 20, self.outcomes.recv()).await.ok()?.unwrap();
        Some(matches!(outcome, Reload::Done(_)))
    }

    async fn stop(mut self) {
        self.shutdown.cancel();
        self.tasks.join_next().await.unwrap().unwrap();
    }
}

fn one_link(dir: &Path) {
    fs::write(dir.join("promlink.yml"), yaml(&["a"])).unwrap();
}

#[tokio::test(start_paused = true)]
async fn changed_content_is_loaded_and_bad_content_told_once() {
    let mut running = running(one_link);
    assert_eq!(running.outcome().await, None, "nothing changed");

    running.write(&yaml(&["a", "b"]));
    assert_eq!(running.outcome().await, Some(true));
    assert_eq!(names(&running.settings.borrow_and_update()), ["a", "b"]);

    running.write("links: {a: {}}\n");
    assert_eq!(running.outcome().await, Some(false));
    assert_eq!(running.outcome().await, None, "the same content is not judged again");
    fs::remove_file(running.dir.path().join("promlink.yml")).unwrap();
    assert_eq!(running.outcome().await, Some(false));
    assert_eq!(names(&running.settings.borrow()), ["a", "b"]);
    assert!(!running.settings.has_changed().unwrap(), "the old one goes on untouched");

    running.write(&yaml(&["a", "b"]));
    assert_eq!(running.outcome().await, Some(true), "good again, though nothing changed");
    assert!(!running.settings.has_changed().unwrap());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_config_map_swaps_a_link_two_levels_up() {
    let mut running = running(|dir| {
        for (version, links) in [("..1", &["a"]), ("..2", &["b"])] {
            fs::create_dir(dir.join(version)).unwrap();
            fs::write(dir.join(version).join("promlink.yml"), yaml(links)).unwrap();
        }
        std::os::unix::fs::symlink("..1", dir.join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/promlink.yml", dir.join("promlink.yml")).unwrap();
    });
    let dir = running.dir.path();
    std::os::unix::fs::symlink("..2", dir.join("..new")).unwrap();
    fs::rename(dir.join("..new"), dir.join("..data")).unwrap();
    assert_eq!(running.outcome().await, Some(true));
    assert_eq!(names(&running.settings.borrow()), ["b"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_told_the_outcome() {
    let mut running = running(one_link);
    assert_eq!(running.handle.reload().await, Ok(()));
    assert_eq!(running.outcome().await, Some(true));
    running.write("links: {a: {}, b: {}}\n");
    let errors = running.handle.reload().await.unwrap_err();
    assert_eq!(errors.count(), 2);
    assert_eq!(running.outcome().await, Some(false));
    running.write(&yaml(&["c"]));
    assert_eq!(running.handle.reload().await, Ok(()));
    assert_eq!(names(&running.settings.borrow()), ["c"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn content_that_still_changes_waits() {
    let mut running = running(one_link);
    sleep(LOOK_EVERY / 2).await;
    for n in 0..5 {
        let name = format!("half-{n}");
        running.write(&yaml(&[name.as_str()]));
        sleep(LOOK_EVERY).await;
        assert_eq!(names(&running.settings.borrow()), ["a"]);
    }
    assert_eq!(running.outcome().await, Some(true));
    assert_eq!(names(&running.settings.borrow()), ["half-4"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_file_nothing_is_looked_at() {
    let sources = Sources::default();
    let (send, _settings) = watch::channel(Arc::new(config::load(&sources).unwrap()));
    let (outcomes, mut received) = mpsc::channel::<Reload>(1);
    let (reloader, handle) = Reloader::new(sources, send, outcomes).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(reloader.run(CancellationToken::new()));
    assert!(timeout(Duration::from_secs(100), received.recv()).await.is_err());
    assert_eq!(handle.reload().await, Ok(()));
}

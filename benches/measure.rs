//! What promlink costs, measured on the release binary from outside: `cargo bench`.
//!
//! The stand-ins run in a process of their own (this program, started again), so that their CPU
//! time is not counted. CPU time is the scheduler's own account of the daemon's threads, in
//! nanoseconds; memory is `VmRSS`. Prints the table of the README.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program of its own, which measures from outside"
)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

use promlink::demo::standin::ANY_PORT;
use promlink::demo::{grafana, prometheus};
use serving::{BINARY, Daemon, Outcome, SECOND, median};

mod serving;

/// Set in the process that plays the stand-ins.
const STAND_IN: &str = "PROMLINK_BENCH_STAND_IN";
/// Grafanas that share the links: 200 data sources each are many already.
const GRAFANAS: usize = 50;
/// Data sources of one more Grafana: as many as it lists.
const LISTED: usize = 5000;

fn main() -> Outcome<()> {
    if env::var_os(STAND_IN).is_some() {
        return stand_in();
    }
    let found_alone = env::args().any(|arg| arg == "found");
    let table = if found_alone { measure_found()? } else { measure()? };
    println!("{table}");
    Ok(())
}

/// Plays Prometheus and some Grafanas until stdin closes.
fn stand_in() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let setup = prometheus::Setup { targets: 20, ..prometheus::Setup::default() };
        let prometheus = prometheus::start(ANY_PORT, setup).await?;
        let url = format!("http://{}", prometheus.address());
        let mut grafanas = Vec::new();
        for _ in 0..GRAFANAS {
            let setup = grafana::Setup::new(grafana::Flavour::V13, &url);
            grafanas.push(grafana::start(ANY_PORT, setup).await?);
        }
        let mut full = grafana::Setup::new(grafana::Flavour::V13, &url);
        full.datasources = (0..LISTED).map(|index| listed(index, &url)).collect();
        grafanas.push(grafana::start(ANY_PORT, full).await?);
        let addresses: Vec<_> = grafanas.iter().map(|one| one.address().to_string()).collect();
        println!("{} {}", prometheus.address(), addresses.join(" "));
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        Ok(())
    })
}

fn listed(index: usize, url: &str) -> grafana::Datasource {
    let (uid, name) = (format!("uid-{index}"), format!("Prometheus {index}"));
    grafana::Datasource { uid, name, is_default: false, ..grafana::Datasource::prometheus(url) }
}

/// The rows of links that were found, alone: `cargo bench --bench measure -- found`.
fn measure_found() -> Outcome<String> {
    let mut rows = Rows::default();
    rows.add_found(&Stage::set()?)?;
    Ok(rows.text)
}

fn measure() -> Outcome<String> {
    let mut rows = Rows::default();
    rows.add("release binary", "10 MiB", mib(fs::metadata(BINARY)?.len()));
    let stage = Stage::set()?;

    let mut starts = Vec::new();
    for _ in 0..11 {
        starts.push(stage.daemon(1, 15)?.ready_after);
    }
    rows.add("start to ready, one link", "50 ms", ms(median(starts)));

    let one = stage.daemon(1, 15)?;
    one.wait_for_cycles(1)?;
    sleep(5 * SECOND);
    rows.add("RSS, one link", "10 MiB", mib(one.rss()?));
    drop(one);

    let hundred = stage.daemon(100, 1)?;
    hundred.wait_for_cycles(500)?;
    let (cycles, cpu) = (hundred.cycles()?, hundred.cpu()?);
    sleep(20 * SECOND);
    let (cycles, cpu) = (hundred.cycles()? - cycles, hundred.cpu()? - cpu);
    let per_cycle = cpu.div_f64(cycles as f64);
    rows.add("CPU of a full cycle, both paths, plain HTTP", "0.5 ms", ms(per_cycle));
    drop(hundred);

    let hundred = stage.daemon(100, 3600)?;
    hundred.wait_for_cycles(100)?;
    let (cpu, wall) = hundred.scrapes(21)?;
    let text = format!("{} CPU, {} in all", ms(cpu), ms(wall));
    rows.add("`/metrics`, 100 links", "5 ms", text);
    drop(hundred);

    let many = stage.daemon(10_000, 15)?;
    many.wait_for_cycles(20_000)?;
    let (before, cycles, begun) = (many.cpu()?, many.cycles()?, Instant::now());
    sleep(60 * SECOND);
    let share = (many.cpu()? - before).as_secs_f64() / begun.elapsed().as_secs_f64();
    let rate = (many.cycles()? - cycles) as f64 / begun.elapsed().as_secs_f64();
    let text = format!("{share:.2} cores at {rate:.0} cycles a second");
    rows.add("CPU, 10,000 links every 15 s", "1 core", text);
    rows.add("RSS, 10,000 links every 15 s", "150 MiB", mib(many.rss()?));
    let (cpu, wall) = many.scrapes(7)?;
    // The links cycle on meanwhile.
    let text = format!("{} CPU, {} in all", ms(cpu.saturating_sub(wall.mul_f64(share))), ms(wall));
    rows.add("`/metrics`, 10,000 links", "200 ms CPU", text);
    drop(many);
    rows.add_found(&stage)?;
    Ok(rows.text)
}

/// The table.
struct Rows {
    text: String,
}

impl Default for Rows {
    fn default() -> Self {
        Self { text: "| what | aim | measured |\n|---|---|---|\n".to_owned() }
    }
}

impl Rows {
    /// What a thousand links of one Grafana cost, of the five thousand that it lists.
    fn add_found(&mut self, stage: &Stage) -> Outcome<()> {
        let found = stage.finder()?;
        found.wait_for_cycles(2_000)?;
        let (before, cycles, begun) = (found.cpu()?, found.cycles()?, Instant::now());
        sleep(60 * SECOND);
        let cpu = found.cpu()? - before;
        let cycles = found.cycles()? - cycles;
        let share = cpu.as_secs_f64() / begun.elapsed().as_secs_f64();
        let each = ms(cpu.div_f64(cycles as f64));
        let text = format!("{share:.3} cores, {each} a cycle");
        self.add("CPU, 1,000 found links of 5,000 data sources, every 60 s", "-", text);
        self.add("RSS, 1,000 found links of 5,000 data sources", "-", mib(found.rss()?));
        Ok(())
    }

    fn add(&mut self, what: &str, aim: &str, measured: String) {
        eprintln!("{what}: {measured}");
        // Writing to a String cannot fail.
        let _infallible = writeln!(self.text, "| {what} | {aim} | {measured} |");
    }
}

/// The stand-ins, in a process of their own.
struct Stage {
    process: Child,
    prometheus: String,
    grafanas: Vec<String>,
    folder: tempfile::TempDir,
}

impl Stage {
    fn set() -> Outcome<Self> {
        let mut process = Command::new(env::current_exe()?)
            .env(STAND_IN, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let mut addresses = line.split_whitespace().map(str::to_owned);
        let prometheus = addresses.next().ok_or("no address")?;
        let grafanas = addresses.collect();
        Ok(Self { process, prometheus, grafanas, folder: tempfile::tempdir()? })
    }

    /// A daemon that finds the links of the last Grafana.
    fn finder(&self) -> Outcome<Daemon> {
        let address = self.grafanas.last().ok_or("no Grafana")?;
        let token = grafana::TOKEN;
        let config = format!(
            "grafanas:\n  main: {{url: 'http://{address}', authorization: {{credentials: {token}}}, \
             discover: {{allow: [127.0.0.1]}}}}\n"
        );
        let path = self.folder.path().join("promlink.yml");
        fs::write(&path, config)?;
        Daemon::start(&path)
    }

    /// A daemon with so many links of both paths, at that interval in seconds.
    fn daemon(&self, links: usize, interval: u64) -> Outcome<Daemon> {
        let timeout = interval.min(5);
        let mut config = format!("defaults: {{interval: {interval}s, timeout: {timeout}s}}\n");
        config += "grafanas:\n";
        for (index, address) in self.grafanas.iter().take(GRAFANAS).enumerate() {
            let token = grafana::TOKEN;
            writeln!(
                config,
                "  g{index}: {{url: 'http://{address}', authorization: {{credentials: {token}}}}}"
            )?;
        }
        config += "links:\n";
        for link in 0..links {
            writeln!(
                config,
                "  link-{link}: {{prometheus: {{url: 'http://{}'}}, \
                 grafana: {{name: g{}, datasource: {{uid: prometheus}}}}}}",
                self.prometheus,
                link % GRAFANAS
            )?;
        }
        let path = self.folder.path().join("promlink.yml");
        fs::write(&path, config)?;
        Daemon::start(&path)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Daemon {
    /// Cycles of all links so far.
    fn cycles(&self) -> Outcome<u64> {
        let text = String::from_utf8(self.get("/metrics")?)?;
        let lines = text.lines().filter(|line| line.starts_with("promlink_cycles_total{"));
        let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        Ok(counts.sum())
    }

    fn wait_for_cycles(&self, wanted: u64) -> Outcome<()> {
        let begun = Instant::now();
        while self.cycles()? < wanted {
            if begun.elapsed() > 120 * SECOND {
                return Err("the links do not cycle".into());
            }
            sleep(SECOND);
        }
        Ok(())
    }

    /// The medians of CPU and wall time of a scrape, after one to warm up.
    fn scrapes(&self, times: usize) -> Outcome<(Duration, Duration)> {
        self.get("/metrics")?;
        let (mut cpus, mut walls) = (Vec::new(), Vec::new());
        for _ in 0..times {
            let (before, begun) = (self.cpu()?, Instant::now());
            self.get("/metrics")?;
            walls.push(begun.elapsed());
            cpus.push(self.cpu()? - before);
        }
        Ok((median(cpus), median(walls)))
    }

    /// CPU time of all threads.
    fn cpu(&self) -> Outcome<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += text.split(' ').next().ok_or("no schedstat")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    fn rss(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        let kib: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
        Ok(kib * 1024)
    }
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

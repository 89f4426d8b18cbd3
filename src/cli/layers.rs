//! Where the configuration comes from: a file or what DNS finds in its place, environment, flags.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::flags::Flags;
use super::{complain, failed, refuse, warn, with_runtime};
use crate::app;
use crate::config::{Settings, Sources, fingerprint, load_bytes, read};
use crate::wellknown::Around;

/// All but the environment.
#[derive(Debug, Args)]
pub struct Layers {
    /// The configuration; `promlink config default` prints one to begin with
    #[arg(long = "config.file", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Without a file: ask DNS for the usual names of Prometheus and Grafana in a cluster
    #[arg(long, conflicts_with = "file")]
    discover: bool,
    /// File that holds a token for each Grafana that is found
    #[arg(long = "discover.token-file", value_name = "FILE", requires = "discover")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    pub flags: Flags,
}

/// What was read.
pub struct Loaded {
    pub settings: Settings,
    /// To read it again.
    pub sources: Sources,
    /// What DNS found, for people; nothing where it was not asked.
    pub found: Vec<String>,
}

// === impl Layers ===

impl Layers {
    /// The settings, for a command that ends soon. What is wrong, and what was found, was said.
    pub fn load(self, command: &str) -> Result<Settings, ExitCode> {
        let Loaded { settings, found, .. } = self.load_for(command)?;
        found.iter().for_each(|found| warn(found));
        Ok(settings)
    }

    /// The settings. What is wrong was said.
    pub fn load_for(self, command: &str) -> Result<Loaded, ExitCode> {
        let (mut sources, found) = self.sources()?;
        let content = read(&sources).map_err(|errors| refuse(&errors))?;
        let settings =
            load_bytes(&sources, content.as_deref()).map_err(|errors| refuse(&errors))?;
        sources.loaded = Some(fingerprint(content.as_deref()));
        if settings.links.is_empty() && settings.discover.is_empty() {
            return Err(complain(&ways_to_begin(command)));
        }
        Ok(Loaded { settings, sources, found })
    }

    /// The sources, and what DNS found. What is wrong was said.
    pub fn sources(self) -> Result<(Sources, Vec<String>), ExitCode> {
        let env = std::env::vars_os().collect();
        let mut sources =
            Sources { file: self.file, env, flags: self.flags.0, ..Sources::default() };
        if !self.discover {
            return Ok((sources, Vec::new()));
        }
        let around = look_around(&sources)?;
        let token_file = self.token_file.map(|file| file.display().to_string());
        let signs = ["AUTHORIZATION__", "BASIC_AUTH__", "BOOTSTRAP__"];
        let given = |section: &str| {
            let names = sources.env.iter().filter_map(|(name, _)| name.to_str());
            let mut keys = names.filter_map(|name| name.strip_prefix(section));
            keys.any(|key| signs.iter().any(|sign| key.starts_with(sign)))
        };
        let found = around.words(token_file.as_deref(), given);
        sources.instead = Some(around.configuration(token_file.as_deref()).into_bytes());
        Ok((sources, found))
    }
}

/// What DNS knows. What went wrong was said.
fn look_around(sources: &Sources) -> Result<Around, ExitCode> {
    // Other variables may complete what is yet to be found.
    let is_dns =
        |(name, _): &&(OsString, OsString)| name.as_encoded_bytes().starts_with(b"PROMLINK__DNS__");
    let env = sources.env.iter().filter(is_dns).cloned().collect();
    let dns = Sources { env, ..Sources::default() };
    let settings = load_bytes(&dns, None).map_err(|errors| refuse(&errors))?;
    let mut around = Err("the runtime did not start".to_owned());
    let code = with_runtime(async {
        around = app::look_around(&settings).await;
        ExitCode::SUCCESS
    });
    around.map_err(|error| if code == ExitCode::SUCCESS { failed(&error) } else { code })
}

fn ways_to_begin(command: &str) -> String {
    let flags = match command {
        "grafana-token" => {
            "--grafana.url http://localhost:3000 \\\n      --grafana.user admin --grafana.password-file password"
        }
        _ => "--prometheus.url http://localhost:9090",
    };
    format!(
        "promlink: nothing is configured. Three ways to begin:

  promlink config default > promlink.yml      a file to fill in, then:
  promlink {command} --config.file promlink.yml

  promlink {command} {flags}
                                              one server, without a file

  promlink demo                               promlink at work, with stand-ins"
    )
}

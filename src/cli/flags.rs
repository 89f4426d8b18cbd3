//! Flags that set keys: one row each.

use clap::{Arg, ArgMatches, Command, Error};

use crate::config::Flag;

/// Heads the flags of a link in the help.
const HEADING: &str = "One link without a file";

/// The flags that were given.
#[derive(Clone, Debug, Default)]
pub struct Flags(pub Vec<Flag>);

/// One flag. Those of a link make one named `default`, in place of a file.
struct Row {
    name: &'static str,
    path: &'static [&'static str],
    value: &'static str,
    help: &'static str,
}

const fn row(
    name: &'static str,
    path: &'static [&'static str],
    value: &'static str,
    help: &'static str,
) -> Row {
    Row { name, path, value, help }
}

/// The flags of both ends, below the key path of each.
macro_rules! end {
    ($end:literal, [$($above:literal),+], $example:literal, $who:literal) => {
        [
            row(concat!("--", $end, ".url"), &[$($above),+, "url"], "URL",
                concat!("Where ", $who, " is, such as ", $example)),
            row(concat!("--", $end, ".ca-file"), &[$($above),+, "tls_config", "ca_file"], "FILE",
                "PEM bundle to trust instead of the system's"),
            row(concat!("--", $end, ".token-file"),
                &[$($above),+, "authorization", "credentials_file"], "FILE",
                "File that holds a bearer token"),
            row(concat!("--", $end, ".user"), &[$($above),+, "basic_auth", "username"], "NAME",
                "User for basic auth"),
            row(concat!("--", $end, ".password-file"),
                &[$($above),+, "basic_auth", "password_file"], "FILE",
                "File that holds that user's password"),
            row(concat!("--", $end, ".insecure-skip-verify"),
                &[$($above),+, "tls_config", "insecure_skip_verify"], "BOOL",
                "Accept any certificate"),
            row(concat!("--", $end, ".proxy-url"), &[$($above),+, "proxy_url"], "URL",
                "HTTP proxy to go through"),
        ]
    };
}

const GENERAL: [Row; 3] = [
    row("--web.listen-address", &["web", "listen_address"], "ADDRESS", "Where to serve [:10079]"),
    row("--log.level", &["log", "level"], "LEVEL", "error, warn, info, debug or trace [info]"),
    row("--log.format", &["log", "format"], "FORMAT", "logfmt or json [logfmt]"),
];
const PROMETHEUS: [Row; 7] =
    end!("prometheus", ["links", "default", "prometheus"], "http://localhost:9090", "Prometheus");
const GRAFANA: [Row; 7] =
    end!("grafana", ["grafanas", "default"], "http://localhost:3000", "Grafana");
const DATASOURCE: [Row; 1] = [row(
    "--datasource.uid",
    &["links", "default", "grafana", "datasource", "uid"],
    "UID",
    "The data source in that Grafana [its default one]",
)];

fn rows() -> impl Iterator<Item = &'static Row> {
    GENERAL.iter().chain(&PROMETHEUS).chain(&GRAFANA).chain(&DATASOURCE)
}

// === impl Row ===

impl Row {
    /// `web.listen-address`.
    fn long(&self) -> &'static str {
        self.name.trim_start_matches('-')
    }

    fn arg(&self) -> Arg {
        let arg = Arg::new(self.long()).long(self.long()).value_name(self.value).help(self.help);
        let arg = match self.value {
            "BOOL" => arg.num_args(0..=1).default_missing_value("true").require_equals(true),
            _ => arg,
        };
        match self.path.first() {
            Some(&"links" | &"grafanas") => arg.conflicts_with("file").help_heading(HEADING),
            _ => arg,
        }
    }

    /// The flag without which this one makes no sense.
    fn needs(&self) -> Option<&'static str> {
        let needs = match self.long().split('.').next() {
            Some("prometheus") => "prometheus.url",
            Some("grafana" | "datasource") => "grafana.url",
            _ => return None,
        };
        (needs != self.long()).then_some(needs)
    }
}

// === impl Flags ===

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        command.args(rows().map(|row| match row.needs() {
            Some(needs) => row.arg().requires(needs),
            None => row.arg(),
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = rows().filter_map(|row| {
            let value = matches.get_one::<String>(row.long())?;
            Some(Flag { name: row.name, path: row.path, value: value.clone() })
        });
        let mut flags: Vec<Flag> = given.collect();
        let given = |name: &str| flags.iter().any(|flag| flag.name == name);
        let (grafana, datasource) = (given("--grafana.url"), given("--datasource.uid"));
        let mut also = |path| {
            flags.push(Flag { name: "--grafana.url", path, value: "default".to_owned() });
        };
        if grafana {
            also(&["links", "default", "grafana", "name"]);
        }
        if grafana && !datasource {
            also(&["links", "default", "grafana", "datasource"]);
        }
        Ok(Self(flags))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

//! One run of a tool: its server, and what failed.

use rump_cli::escape::escaped;
use rump_cli::server::KeyArgs;
use rump_client::RemoteProcess;
use rump_client::kpi::KError;
use std::fmt::Display;
use std::io;
use std::sync::Arc;

/// Why a tool could not do anything more.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// Standard output could not be written.
    Output(io::Error),
    /// Something else, with the thing named.
    Other(String),
    /// It was told already, or there is nothing to tell.
    Silent,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// What failed, with its name before it.
pub fn of(what: impl Display) -> impl FnOnce(KError) -> Failure {
    move |error| Failure::Other(format!("{what}: {error}"))
}

/// See the module.
pub struct Session {
    name: String,
    url: Option<String>,
    key: Option<KeyArgs>,
    has_failures: bool,
}

impl Session {
    /// Of the tool with a name.
    pub fn new(name: String) -> Self {
        Self { name, url: None, key: None, has_failures: false }
    }

    /// Says where its server is.
    pub fn set_server(&mut self, url: Option<String>, key: KeyArgs) {
        (self.url, self.key) = (url, Some(key));
    }

    /// A fresh process at the server. Errors: nobody said where one is, there is none, it does not let us in.
    pub fn connect(&self) -> Result<RemoteProcess, Failure> {
        let (Some(url), Some(key)) = (&self.url, &self.key) else {
            let how = "RUMP_SERVER=unix:///tmp/sock, or --server unix:///tmp/sock";
            return Err(Failure::Usage(format!("nobody says where the server is; use {how}")));
        };
        let connection = key.connect(url, &self.name).map_err(Failure::Other)?;
        Ok(RemoteProcess::new(Arc::new(connection)))
    }

    /// Tells that something of a name failed; the rest is done.
    pub fn report(&mut self, what: &[u8], error: &dyn Display) {
        self.warn(&format!("{}: {error}", escaped(what)));
        self.has_failures = true;
    }

    /// Whether something failed.
    pub fn has_failures(&self) -> bool {
        self.has_failures
    }

    /// Tells why it ends; answers the exit status.
    pub fn finish(&self, failure: Failure) -> u8 {
        let (text, status) = match failure {
            // Whoever read us has seen enough: no failure.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
            Failure::Output(error) => (format!("standard output: {error}"), 1),
            Failure::Usage(text) => (format!("{text}\nTry '{} --help'.", self.name), 2),
            Failure::Other(text) => (text, 1),
            Failure::Silent => return 1,
        };
        self.warn(&text);
        status
    }

    fn warn(&self, text: &str) {
        eprintln!("{}: {text}", self.name);
    }
}

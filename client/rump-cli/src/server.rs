//! The server that a program talks to.

use clap::Args;
use rump_client::{Connection, Server};
use std::path::PathBuf;

/// How a program shows a server that it may come in.
#[derive(Args, Clone, Debug)]
pub struct KeyArgs {
    /// What the server at tcp:// or tcp6:// wants to be known: a file of 32 bytes
    #[arg(long, value_name = "FILE", env = "RUMP_SERVER_KEY", hide_env_values = true)]
    key: Option<PathBuf>,
}

impl KeyArgs {
    /// A fresh process, of a program of a name, at a server. Errors: in words, what is wrong with the URL or the key, or why
    /// there is no connection.
    pub fn connect(&self, url: &str, name: &str) -> Result<Connection, String> {
        let server = Server::find(url, self.key.as_deref())?;
        Connection::new(server, name, |_| ()).map_err(|error| error.to_string())
    }
}
